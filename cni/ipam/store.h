/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses of a network are held, and which were lately: one file that is replaced as a
 * whole, under a lock that is held for that alone. Killed between any two steps, either the former
 * or the new file is there; an unreadable one is put aside and made again from the leases.
 *
 *   DIR/ranges/state    one line for each address
 *   DIR/ranges/lock     flock
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/lease.h"

struct err;

enum {
	STORE_MAX_BYTES = 16 << 20,
	STORE_COOLED_MAX = 256, /* addresses given back that are remembered, the latest */
	STORE_BOOT_ROOM = 37,
};

struct store_entry {
	struct address address; /* longest prefix */
	bool held;
	char key[LEASE_KEY_ROOM]; /* who holds it; empty: nobody */
	int64_t since_ms;	  /* CLOCK_REALTIME: taken, or given back */
};

struct store {
	int dir;		     /* borrowed */
	int lock;		     /* owned; -1: read only */
	char boot[STORE_BOOT_ROOM];  /* of this boot */
	struct store_entry *entries; /* owned; by address, each once */
	size_t n;
	size_t room;
};

/*
 * Open the folder of the store of a network, made when it is not there.
 *
 * network_dir   DIR of the network
 * data_dir      another place that keeps the store, as DATA_DIR/NETWORK/ranges; NULL: DIR/ranges
 *
 * Returns 0 with *dir written (owned by the caller), or negative.
 */
int store_open(int network_dir, const char *data_dir, const char *network, int *dir,
	       struct err *err);

/*
 * Lock the store and read it. What was held in another boot counts as given back.
 *
 * network_dir   whose leases it is made from when it is not there or not readable
 * until_ms      CLOCK_MONOTONIC, for the lock
 *
 * Returns 0 (store_done() unlocks), CNI_TRY_AGAIN when the lock is not to be had, or negative.
 */
int store_begin(int network_dir, int dir, int64_t until_ms, struct store *store, struct err *err);

/* Read it as it is now, without a lock and without mending. Returns 0 or negative. */
int store_look(int network_dir, int dir, struct store *store, struct err *err);

/* Replace the file by what is in memory; still locked. Returns 0 or negative: the former stays. */
int store_commit(struct store *store, struct err *err);

/* Unlock and forget. */
void store_done(struct store *store);

/* The entry of an address, or NULL. Borrowed until the next change. */
struct store_entry *store_find(const struct store *store, const struct address *address);

/* The first entry that is not below an address: an index up to n. */
size_t store_lower_bound(const struct store *store, const struct address *address);

/* Note an address as held. Returns 0 or -ENOMEM. */
int store_hold(struct store *store, const struct address *address, const char *key);

/* Note an entry as given back now. */
void store_free_entry(struct store_entry *entry);

/*
 * Mark what a key holds as given back inside the file as it lies there, which needs no room on the
 * disk. Locked. Returns 0 or a negative errno value.
 */
int store_mark_free(const struct store *store, const char *key);
