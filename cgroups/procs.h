/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a cgroup and of all cgroups below it. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;

struct cg_procs {
	pid_t *pids; /* owned */
	size_t count;
	size_t room;
};

/*
 * Read the processes of a cgroup and its descendants, in no particular order.
 *
 * dir     readable directory descriptor of the cgroup, borrowed
 * procs   { 0 } or an earlier result, which is replaced; cg_procs_done() it, also after a failure
 *
 * Pids are those of the caller's pid namespace; processes outside of it are left out. A threaded
 * cgroup gives its threads. Descendants that go meanwhile are passed over, as are those deeper than
 * CG_WALK_DEPTH_MAX.
 *
 * Returns 0, -ENOENT (the cgroup is gone), -ENOMEM, or another negative errno value.
 *
 * Source: runc libcontainer/cgroups/utils.go, GetAllPids; kernel cgroup-v2.rst, "Threads".
 */
int cg_procs_read(int dir, struct cg_procs *procs, struct err *err);

/* Free; the list is empty and usable again. */
void cg_procs_done(struct cg_procs *procs);
