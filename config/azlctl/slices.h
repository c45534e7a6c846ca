/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups of a host without systemd. slices_libcgroup.c is the only file that sees libcgroup; where
 * there is none (Azure Linux 4), slices_cgroups.c is built in its place, on the library cgroups/.
 *
 * Names are paths below the root of the cgroup v2 hierarchy, without leading '/'; "" is the root.
 */
#pragma once

#include <sys/types.h>

struct err;

/* The group that those of daemons are in. */
#define SLICES_SYSTEM "azl-system"

/* Make a cgroup with all controllers that the root has; parents are handed what they need. */
int slices_make(const char *group, const char *controllers, struct err *err);

/* Remove one that no process is in. */
int slices_remove(const char *group, struct err *err);

/* Write a value: "azl-system", "memory.min", "536870912". */
int slices_set(const char *group, const char *file, const char *value, struct err *err);

/* Move a process. */
int slices_move(const char *group, pid_t pid, struct err *err);
