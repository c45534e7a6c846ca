/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/azl/host.json: what the owner of a host wants of it. Every key is a line of one table, with
 * its default and its reason; docs/CGROUPS.md is the table for people. Not for programs that stay
 * resident: the table's texts cost memory (the shim reads its part through
 * config/container_defaults.h).
 *
 *   { "containers": { "pids.max": 4096, "io.weight": null }, "fastPaths": true, ... }
 *
 * null: nothing is done about this value. A key that is not there has its default. An unknown key
 * is an error, except in an object "x-..." (notes of the owner's).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/host_value.h"

struct err;

#define HOST_CONFIG_PATH "/etc/azl/host.json"
#define HOST_FAST_PATHS	 "start, exec, kill, pause, delete, create"

enum {
	HOST_CONFIG_MAX_BYTES = 1 << 20,
	HOST_SYSCTLS_MAX = 64,
	HOST_TEXT_ROOM = 128,
};

struct host_key {
	const char *section; /* "containers" */
	const char *name;    /* "pids.max" */
	enum host_type type;
	const char *fallback; /* the default as in JSON: "4096", "\"2%\"", "null" */
	const char *reason;   /* one sentence: what it is for */
	const char *source;   /* where that comes from: kernel document, measurement */
};

/*
 * Sections: "containers" (defaults of each container, merged by the shim), "system" and "workload"
 * (the slices of a host), "protect" (memory and weight of containerd, kubelet and sshd), "nic"
 * (rings and channels), "cni" (the node's network), "apply" (what azlctl apply may touch). "sysctl"
 * (beside those that azl ships) and "fastPaths" are one line each, with an empty name.
 */
extern const struct host_key host_keys[];
extern const size_t host_keys_count;

struct host_sysctl {
	char *name;  /* owned; "net.ipv4.ip_forward": with dots, however it is written */
	char *value; /* owned; NULL: this one is left alone */
};

struct host_config {
	struct host_value *values; /* owned; host_keys_count of them */
	struct host_sysctl sysctls[HOST_SYSCTLS_MAX];
	size_t n_sysctls;
};

void host_config_done(struct host_config *config);

/*
 * Turn a name of sysctl.d(5) into the form with dots, in place: where a slash comes first,
 * "net/ipv4/conf/eth0.100/rp_filter" is "net.ipv4.conf.eth0/100.rp_filter". Pure.
 */
void host_sysctl_dots(char *name);

/*
 * Read what the file says, checked whole; defaults where it says nothing.
 *
 * text, len   borrowed; "{}" has all defaults
 * config      zeroed by the caller; host_config_done() it, also after a failure
 *
 * Returns 0 or -EBADMSG (not JSON; the text tells where), -EINVAL (unknown key, wrong type or
 * range: the text names key, value and what is allowed), -ENOMEM.
 */
int host_config_parse(const char *text, size_t len, struct host_config *config, struct err *err);

/*
 * Fit the defaults to a small host: where the file says nothing of workload.memory.max, containers
 * get at most all but system.memory.min, and never less than half.
 *
 * memory   bytes of the host; 0: not known, nothing changes
 */
void host_config_fit(struct host_config *config, uint64_t memory);

/* The value of a key, by section and name; aborts for a key that is not in the table. */
const struct host_value *host_config_get(const struct host_config *config, const char *section,
					 const char *name);
