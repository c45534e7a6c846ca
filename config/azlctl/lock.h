/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One azlctl at a time changes a host. The lock is a file that root alone can open: whoever may
 * open a file, for reading alone, may flock(2) it and keep all others out.
 *
 * It is /run/azl/azlctl.lock of the host that runs; in a tree, whose /run is not ours to fill,
 * var/lib/.azlctl.lock. It is gone when nobody is at work.
 */
#pragma once

struct azlctl;
struct err;

struct lock {
	int folder; /* owned; that the file is in */
	int fd;	    /* owned; -1: not held */
	const char *name;
};

#define LOCK_NONE ((struct lock){ .folder = -1, .fd = -1 })

/* A lock that is left when its name goes. */
#define own_lock __attribute__((cleanup(lock_leave))) struct lock

/*
 * Take the lock; who is killed holds it no longer.
 *
 * lock   LOCK_NONE, for lock_leave()
 *
 * Returns 0, -EBUSY (another one is at work), or another negative errno value, with err filled.
 */
int lock_take(const struct azlctl *ctl, struct lock *lock, struct err *err);

/* Remove the file, and close it. */
void lock_leave(struct lock *lock);
