/* SPDX-License-Identifier: Apache-2.0 */
/* End a cgroup: kill what is in it, freeze and thaw it, remove it. Nothing here waits. */
#pragma once

#include <stdbool.h>

struct err;

/*
 * Kill every process of a cgroup and of all cgroups below it, those included that fork meanwhile.
 *
 * dir   directory descriptor of the cgroup, borrowed
 *
 * Returns 0: the signals are sent, the processes may still be about (cg_events_read tells);
 * -ENOENT (the cgroup is gone); -EOPNOTSUPP (a threaded cgroup); or another negative errno value.
 *
 * Source: kernel cgroup-v2.rst, "cgroup.kill".
 */
int cg_kill(int dir, struct err *err);

/*
 * Ask for a cgroup to be frozen or thawed; cg_events_read() tells when it is done.
 *
 * Returns 0, -ENOENT (the cgroup is gone), or another negative errno value.
 *
 * Source: kernel cgroup-v2.rst, "cgroup.freeze".
 */
int cg_freeze(int dir, bool frozen, struct err *err);

/*
 * Remove a cgroup and the cgroups below it, without following links and never leaving root.
 *
 * root   root of the hierarchy, borrowed
 * path   below it, as in /proc/PID/cgroup; never the root itself
 *
 * Returns 0 (also when it was gone already), -EBUSY (a process is still in it or below: try again
 * later; what was empty is removed), -EINVAL (names the root, or ends in ".."), or another negative
 * errno value.
 *
 * Source: runc libcontainer/cgroups/utils.go, RemovePath.
 */
int cg_remove(int root, const char *path, struct err *err);
