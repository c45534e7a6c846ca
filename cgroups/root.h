/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup v2 hierarchy: find it, open a cgroup in it, hand controllers down. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cgroups/keyed.h"

struct err;

/*
 * Open the root of the cgroup v2 hierarchy: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a hybrid
 * host.
 *
 * dir   written only on success; the caller closes it
 *
 * Returns 0, -ENOENT (no cgroup v2 at either place), or another negative errno value.
 *
 * Source: kernel cgroup-v2.rst, "Mounting"; systemd.io/CGROUP_DELEGATION, "Three Modes".
 */
int cg_root_open(int *dir, struct err *err);

/*
 * As cg_root_open, at /sys/fs/cgroup alone: on a hybrid host -ENOENT, for runtimes take it for
 * cgroup v1.
 */
int cg_root_open_unified(int *dir, struct err *err);

/*
 * Take the path from a line of /proc/PID/cgroup if it is the one of the v2 hierarchy, "0::PATH".
 *
 * path   written only when the result is 1; all that follows, colons included
 *
 * Returns 1 or 0.
 *
 * Source: cgroups(7), "/proc files".
 */
int cg_root_line_find(struct cg_text line, struct cg_text *path);

/*
 * Open a cgroup by its path.
 *
 * root   root of the hierarchy, borrowed
 * path   as in /proc/PID/cgroup, leading '/' optional; never followed out of root
 * dir    written only on success; readable, so that cg_procs_read() can list it; the caller closes
 *
 * Returns 0, -ENOENT (no such cgroup), -EXDEV (the path leads out of root), or another errno value.
 */
int cg_open_below(int root, const char *path, int *dir, struct err *err);

/*
 * Open the cgroup v2 of a process.
 *
 * dir    written only on success; the caller closes it
 * path   written only on success: the path below the root of the hierarchy, with a leading '/'
 * room   of path, bytes
 *
 * Returns 0, -ESRCH (no such process), -ENOENT (no v2 hierarchy, or the cgroup is gone),
 * -ENAMETOOLONG (path does not fit), or another negative errno value.
 *
 * Source: containerd cgroups v3, cgroup2/paths.go, PidGroupPath.
 */
int cg_open_of_pid(pid_t pid, int *dir, char *path, size_t room, struct err *err);

/*
 * Enable, in cgroup.subtree_control of every ancestor of a cgroup, all controllers that the root
 * has; what is enabled already is not written again.
 *
 * root   root of the hierarchy, borrowed
 * path   of the cgroup, which itself is left alone
 *
 * Best effort: a refusal does not keep it from going on below. Returns 0, or the failure of the
 * last ancestor with err filled, which deserves a line in the log and nothing more.
 *
 * Source: containerd 1.7 runtime/v2/runc/task/service.go, Start; containerd cgroups v3,
 * cgroup2/manager.go, ToggleControllers.
 */
int cg_enable_controllers(int root, const char *path, struct err *err);

/* True when cg_enable_controllers() would have something to write. Reads only: writing can take
 * some milliseconds (kernel cgroup_threadgroup_rwsem), this some microseconds. */
bool cg_lacks_controllers(int root, const char *path);
