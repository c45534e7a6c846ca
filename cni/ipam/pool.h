/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing addresses out of sets of ranges, kept in a store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/ipam/ipam.h"

struct err;

enum { POOL_REFUSED_MAX = 256 }; /* addresses of one ADD that may not be used */

struct pool_range {
	struct address first;
	struct address last;
	unsigned int set; /* one address is taken from each set; counted from 0 without a gap */
};

/* All borrowed. */
struct pool {
	int network_dir; /* DIR */
	int dir;	 /* of the store */
	const struct pool_range *ranges;
	size_t n_ranges;
	const struct address *excluded; /* never handed out */
	size_t n_excluded;
	const struct address *wanted; /* instead of any; at most one of each set */
	size_t n_wanted;
	bool (*may_use)(void *owner, const struct address *address); /* NULL: all */
	void *may_use_owner;
	bool (*is_alive)(void *owner, const char *key); /* asked when all are held; NULL: all */
	void *is_alive_owner;
	int64_t until_ms; /* CLOCK_MONOTONIC */
};

struct pool_given {
	struct address address; /* longest prefix */
	size_t range;		/* index */
};

/*
 * Take one address of each set for a key: those it holds already, else those wanted, else one that
 * was never used, else the one given back first.
 *
 * given   written: one for each set
 *
 * Returns 0, or CNI_ADDRESS_EXHAUSTED, CNI_ADDRESS_IN_USE (a wanted one), CNI_CONFIG_INVALID (a
 * wanted one is not to be had from these ranges), CNI_TRY_AGAIN, negative; the key holds nothing
 * then.
 */
int pool_take(const struct pool *pool, const char *key, struct pool_given given[IPAM_IPS_MAX],
	      size_t *n, struct err *err);

/* Give back what a key holds; nothing is success. Works on a full disk. Returns 0 or negative. */
int pool_give_back(const struct pool *pool, const char *key, struct err *err);

/* Give back what is held for keys that is_alive() denies. Returns 0 or negative. */
int pool_gc(const struct pool *pool, bool (*is_alive)(void *owner, const char *key), void *owner,
	    struct err *err);

/* Does the key hold these addresses? Returns 0, CNI_CHECK_FAILED, or negative. */
int pool_check(const struct pool *pool, const char *key, const struct cni_ip *ips, size_t n_ips,
	       struct err *err);
