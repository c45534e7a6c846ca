/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups of a host without systemd. slices_libcgroup.c is the only file that sees libcgroup; where
 * there is none (Azure Linux 4), slices_cgroups.c is built in its place, on the library cgroups/.
 * Processes are moved and groups removed by cgroups/make.h in either: libcgroup does both by a
 * controller that the group has, and where there is none 2.0 says that it is done and does nothing.
 *
 * Names are paths below the root of the cgroup v2 hierarchy, without leading '/'.
 */
#pragma once

struct err;

/* The group that those of daemons are in. */
#define SLICES_SYSTEM "azl-system"

/*
 * Make a cgroup with all controllers that the root has; parents are handed what they need.
 *
 * controllers   "cpu memory pids": those of the root
 *
 * Returns 0, or negative, err filled: it names the controller.
 */
int slices_make(const char *group, const char *controllers, struct err *err);

/* Write a value: "azl-system", "memory.min", "536870912". Returns 0, or negative, err filled:
 * -ENODEV (the kernel lacks the controller, which err names), ... */
int slices_set(const char *group, const char *file, const char *value, struct err *err);
