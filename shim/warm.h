/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Take a wait off the runtime's way. To put the container into its cgroup the runtime writes
 * cgroup.procs, and the kernel then takes for itself a lock that all forks share; if nobody did so
 * a moment ago that means waiting until every processor was seen idle or scheduling, 5 to 15 ms. If
 * somebody did, it is 0.03 ms.
 *
 * So somebody does: when Create arrives a child writes "0", "myself", to the cgroup.procs of the
 * cgroup that it is in, which changes nothing, and waits in the runtime's stead while the runtime
 * is still starting. It writes a few times, since the effect is gone after some milliseconds.
 *
 * Source: Linux kernel/cgroup/cgroup.c, cgroup_procs_write_start; kernel/rcu/sync.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shim/reaper.h"

enum {
	WARM_WRITES = 4,
	WARM_PAUSE_MS = 4, /* between two of them; the effect lasts one grace period */
};

/* Sits in the daemon; one at a time. */
struct warm {
	struct child child;
	void *stack; /* owned while the child runs, which shares our memory */
	bool told;   /* that it does not work here */
};

/*
 * Turn what /proc/self/cgroup says, in place, into the path of our cgroup.procs below the root of
 * the v2 hierarchy. Pure, and without the C library.
 *
 * text, len   borrowed, changed; `room` bytes long
 *
 * Returns the path, inside text; NULL: there is no v2 hierarchy, or no room.
 */
char *warm_procs_path(char *text, size_t len, size_t room);

void warm_init(struct warm *warm);

/*
 * Begin. Costs the caller some 0.03 ms and never waits; the child ends by itself within some 40 ms.
 * Where it cannot work (no cgroup v2, cgroup.procs not writable) nothing happens and a debug line
 * says so once. Harmless while one is under way.
 */
void warm_cgroup_attach(struct warm *warm, struct reaper *reaper);
