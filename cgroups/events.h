/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroup tells unasked: kills for want of memory, the last process gone, frozen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

/* cgroup.events */
struct cg_events {
	bool populated; /* a live process here or below */
	bool frozen;
};

/* Watch descriptors of one cgroup in an inotify instance. */
struct cg_watch {
	int memory; /* memory.events; -1 = none */
	int cgroup; /* cgroup.events; -1 = none */
};

/*
 * Read cgroup.events.
 *
 * dir      directory descriptor of the cgroup, borrowed
 * events   written only on success
 *
 * Returns 0, -ENOENT (the cgroup is gone: nothing populates it any more), -EBADMSG (no key
 * "populated"), or another negative errno value. Never waits.
 *
 * Source: kernel cgroup-v2.rst, "[Un]populated Notification", "cgroup.freeze".
 */
int cg_events_read(int dir, struct cg_events *events, struct err *err);

/*
 * Read how often the kernel killed a process of the cgroup, or below, for want of memory.
 *
 * count   oom_kill of memory.events; written only on success
 *
 * Returns 0, -ENOENT (cgroup gone, or no memory controller), -EBADMSG (no such key), or another
 * negative errno value. Never waits.
 *
 * Source: kernel cgroup-v2.rst, "memory.events"; containerd pkg/oom/v2/v2.go (not "oom", which also
 * counts allocations that merely failed).
 */
int cg_events_oom_kill(int dir, uint64_t *count, struct err *err);

/*
 * Watch memory.events and cgroup.events of a cgroup for changes (IN_MODIFY). Needs /proc.
 *
 * inotify   borrowed; one instance serves any number of cgroups
 * watch     written; both -1 after a failure
 *
 * Returns 0, -ENOENT (cgroup gone, or no memory controller: nothing can be seen), -ENOSPC (the
 * user's limit of watches), or another negative errno value.
 *
 * The kernel does not say when a cgroup is removed, and keeps the watches (Linux 6.18: neither
 * IN_DELETE_SELF nor IN_IGNORED): cg_events_unwatch() them, or they stay as long as the instance.
 *
 * Source: inotify(7); containerd cgroups v3, cgroup2/manager.go, MemoryEventFD.
 */
int cg_events_watch(int inotify, int dir, struct cg_watch *watch, struct err *err);

/* Remove the watches; harmless when there are none. What they said already is still read, and
 * IN_IGNORED after it. */
void cg_events_unwatch(int inotify, struct cg_watch *watch);
