/* SPDX-License-Identifier: Apache-2.0 */
/* Make a cgroup, limit it, move processes into it, take it away: what limits.h looked ahead to. */
#pragma once

#include <sys/types.h>

struct err;

/*
 * All by the same two: root of the hierarchy, borrowed; path of the cgroup below it, leading '/'
 * optional, never upwards.
 */

/*
 * Make a cgroup and those on the way to it, and hand all controllers of the root down to it. One
 * that is there already stays as it is. A controller that a cgroup on the way cannot hand down is
 * left out: setting a limit of it says so.
 *
 * Returns 0, or negative, err filled: -EINVAL (a name that is too long, or the path is the root's),
 * -EACCES, -EAGAIN (the kernel's cgroup.max.descendants), ...
 *
 * Source: kernel cgroup-v2.rst, "Organizing Processes", "Controlling Controllers".
 */
int cg_make(int root, const char *path, struct err *err);

/*
 * Set one limit: "memory.min", "536870912".
 *
 * Returns 0, or negative, err filled: -ENOENT (no such cgroup, or its controller was not handed
 * down to it), -EINVAL (the kernel takes no such value), -ERANGE, ...
 */
int cg_limit_set(int root, const char *path, const char *file, const char *value, struct err *err);

/*
 * Move a process with all its threads. "" is the root.
 *
 * Returns 0, or negative, err filled: -ESRCH (gone), -EBUSY (the cgroup hands controllers down:
 * "No Internal Process Constraint"), ...
 */
int cg_attach(int root, const char *path, pid_t pid, struct err *err);

/*
 * Remove a cgroup without processes and without cgroups below it. What is on the way to it stays.
 *
 * Returns 0 (also when it is gone), or negative, err filled: -EBUSY, ...
 */
int cg_unmake(int root, const char *path, struct err *err);
