/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is held for one attachment (a container and an interface name): written before anything is
 * made, removed after everything is gone. A lease says who it is for, so that anybody can tell
 * whether it still is:
 *
 *   DIR/leases/KEY.json     DIR is /run/azl/cni/NETWORK, gone with the boot
 *   DIR/locks/KEY           flock, removed with the lease by who holds it
 *   DIR/pods/UID            see lease_pod_put
 *
 * KEY is the hexadecimal SHA-256 of container, NUL, interface name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cni/address.h"
#include "cni/result.h"

struct err;

enum {
	LEASE_KEY_ROOM = 65,
	LEASE_LOCK_MS = 15000, /* as long as a holder can take */
	LEASE_IPS_MAX = 8,
	LEASE_NICS_MAX = 12,
};

#define LEASE_ROOT "/run/azl/cni"

enum lease_state {
	LEASE_PENDING, /* ADD is under way, or was killed */
	LEASE_BOUND,
};

/* A NIC that is moved into the pod. */
struct lease_nic {
	struct mac mac;
	char ifname[CNI_NAME_ROOM]; /* in the pod */
};

struct lease {
	char key[LEASE_KEY_ROOM];
	char *container; /* owned */
	char ifname[CNI_NAME_ROOM];
	char *netns;	    /* owned; path */
	uint64_t netns_dev; /* identity of the namespace; 0: unknown */
	uint64_t netns_ino;
	uint64_t netns_cookie; /* see netns.h; 0: unknown */
	char boot[37];	       /* /proc/sys/kernel/random/boot_id */
	char pod_uid[64];
	char pod[254]; /* with pod_namespace: to give the addresses back without a runtime */
	char pod_namespace[254];
	char *config; /* owned; the configuration of ADD as it came; NULL: none */
	char *path;   /* owned; CNI_PATH of ADD */
	char *ipam;   /* owned; who gave the addresses: "ranges", "cns", "imds", type of a plugin */
	char *datapath; /* owned; "routed", "nic", ... */
	char host_if[CNI_NAME_ROOM];
	struct lease_nic nics[LEASE_NICS_MAX]; /* their old names are on the links */
	size_t n_nics;
	struct address ips[LEASE_IPS_MAX];
	size_t n_ips;
	enum lease_state state;
	/* CLOCK_BOOTTIME, which nobody sets back; 0: not known, written before this was noted */
	int64_t since_ms;
};

void lease_done(struct lease *lease);

/* The id of this boot: 36 characters and NUL. Returns 0 or negative. */
int lease_boot(char boot[37], struct err *err);

/* The key of an attachment; one function for every verb. */
void lease_key(const char *container, const char *ifname, char key[LEASE_KEY_ROOM]);

/* "azc" and 11 hexadecimal digits of the key. */
void lease_host_name(const char key[LEASE_KEY_ROOM], char name[CNI_NAME_ROOM]);

/* 02 and five bytes of the key. */
void lease_mac(const char key[LEASE_KEY_ROOM], struct mac *mac);

/* Open DIR of a network, made when it is not there (0700, root's). Returns 0 or negative. */
int lease_open(const char *root, const char *network, int *dir, struct err *err);

/*
 * Lock one attachment. Waits up to limit_ms.
 *
 * A program that is run for the attachment may have the descriptor, too: should we be killed, the
 * attachment stays locked until that program has ended.
 *
 * Returns 0 with *lock written (give it to lease_unlock), 1 when the limit passed (the holder is
 * stuck: DEL goes on), or negative.
 */
int lease_lock(int dir, const char key[LEASE_KEY_ROOM], int limit_ms, int *lock, struct err *err);

/* Unlock for all that have the descriptor, and close ours. *lock is -1 then, and may be before. */
void lease_unlock(int *lock);

#define own_lock __attribute__((cleanup(lease_unlock)))

/*
 * 0, -ENOENT, -EBADMSG (half-written or of another boot: as good as none, and removed; the lock
 * stays), ... The caller holds the lock, or only looks at one that was just written.
 */
int lease_read(int dir, const char key[LEASE_KEY_ROOM], struct lease *lease, struct err *err);

/* Whole or not at all: written aside, renamed. Returns 0 or negative. */
int lease_write(int dir, const struct lease *lease, struct err *err);

/* The lease and the file of its lock, which the caller should hold. Returns 0, also when there is
 * none, or negative. */
int lease_remove(int dir, const char key[LEASE_KEY_ROOM], struct err *err);

/*
 * Is whom it is for still there: this boot, and its network namespace has the identity noted (the
 * cookie, too, where one is), by its path or as that of any process?  A pending one lives while its
 * lock is held, and no longer: nobody was told of it.
 */
bool lease_is_alive(int dir, const struct lease *lease);

/* Is there a file for the key? Its content is not looked at. True also when it cannot be known. */
bool lease_exists(int dir, const char key[LEASE_KEY_ROOM]);

/* One network: its name, and its folder DIR; both borrowed. */
typedef int lease_network_fn(void *owner, const char *network, int dir, struct err *err);

/*
 * Call fn for each network below a root. What fails does not end the walk, what is positive does.
 *
 * Returns 0, the positive value, or negative: the first failure, of fn or of a network that cannot
 * be looked at.
 */
int lease_each_network(const char *root, lease_network_fn *fn, void *owner, struct err *err);

/* Is there a file for the key in any network but `without` (NULL: in any)? True also when it cannot
 * be known. */
bool lease_exists_anywhere(const char *root, const char *without, const char key[LEASE_KEY_ROOM]);

/* Call fn for each lease that can be read; nonzero ends the walk and is returned. */
int lease_each(int dir, int (*fn)(void *owner, const struct lease *lease), void *owner,
	       struct err *err);

/*
 * Note the attachment that a pod has got. A sandbox that is made again has another container id;
 * the former one's DEL may never come.
 *
 *   DIR/pods/UID    a link that names the key of the last one
 *
 * uid      of the pod; empty, or no plain name: nothing is noted
 * former   written when true: the key that was noted before, of which nothing is known
 */
bool lease_pod_put(int dir, const char *uid, const char key[LEASE_KEY_ROOM],
		   char former[LEASE_KEY_ROOM]);

/* Forget it, unless another one has come since. */
void lease_pod_forget(int dir, const char *uid, const char key[LEASE_KEY_ROOM]);

/* Remove locks and notes for which there is no lease. */
void lease_sweep(int dir);
