/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults of containers: section "containers" of /etc/azl/host.json, for what stays resident.
 * Keys are the names of the files in a cgroup, or in /proc/PID, that they are for; config/host.h
 * has the same keys with their reasons.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/host_value.h"

struct err;

enum container_default {
	DEFAULT_PIDS_MAX,
	DEFAULT_MEMORY_SWAP_MAX,
	DEFAULT_MEMORY_OOM_GROUP,
	DEFAULT_MEMORY_HIGH, /* a ratio of the limit */
	DEFAULT_MEMORY_ZSWAP_MAX,
	DEFAULT_IO_WEIGHT,
	DEFAULT_CPU_WEIGHT,
	DEFAULT_OOM_SCORE_ADJ, /* the only one that is no file of a cgroup */
	DEFAULT_MAX,
};

struct container_defaults {
	struct host_value of[DEFAULT_MAX];
};

/* "pids.max". Static. */
const char *container_default_name(enum container_default key);
enum host_type container_default_type(enum container_default key);

/* The key of a name that is NUL-terminated; DEFAULT_MAX: there is none. */
enum container_default container_default_find(const char *name);

/*
 * Fit the defaults to a small host: where the file says nothing of "pids.max", at most 15% of what
 * the kernel allows, which systemd by itself gives a scope without a limit (systemd-system.conf(5),
 * DefaultTasksMax). On 2 GiB four containers of 4096 processes were the end of the host: 160 KiB
 * each, tests/vm/neighbours.bats.
 *
 * tasks   that the kernel allows; UINT64_MAX: not known, nothing changes
 */
void container_defaults_fit(struct container_defaults *defaults, uint64_t tasks);

/*
 * Read the section.
 *
 * dir, path   as openat(2)
 * defaults    written with 0; keys that the file does not have are as the table says
 *
 * Returns 0, 1 (there is no file), or negative, err filled: -EBADMSG, -EINVAL (the text names the
 * key), -EFBIG, -ENOMEM, ...
 */
int container_defaults_read(int dir, const char *path, struct container_defaults *defaults,
			    struct err *err);
