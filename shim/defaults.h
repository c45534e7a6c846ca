/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's defaults for containers: put into config.json before the runtime reads it, where
 * nobody has said otherwise and the host can. docs/CGROUPS.md, "containers".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/host_value.h"

struct buf;

#define DEFAULTS_HOST_CONFIG "/etc/azl/host.json"

/* A file of the bundle: the names of the defaults that were put into config.json, a line each. */
#define DEFAULTS_NOTE "azl-defaults"

/* What an Update of the memory limit needs to know of the defaults in force. All zero: nothing. */
struct defaults_kept {
	struct host_value swap; /* memory.swap.max, in bytes */
	struct host_value high; /* memory.high, a ratio */
};

/* A container that is about to be created. Everything is borrowed. */
struct defaults_target {
	const char *id; /* for the log */
	int bundle_dir;
	const char *cgroups_path; /* linux.cgroupsPath; NULL: none */
	bool systemd_cgroup;
};

/*
 * Put the host's defaults into config.json of a bundle. Never fails: what cannot be done is one
 * line in the log, and config.json stays as it was; as it does without the host's file.
 *
 * host_config   path of the host's file
 * kept          written
 */
void defaults_apply(const char *host_config, const struct defaults_target *target,
		    struct defaults_kept *kept);

/*
 * Put into the resources of an Update what follows from its new memory limit: memory.high as a part
 * of it, and memory.swap.max, which runc lifts together with the limit. What the Update decides
 * itself is its own from then on.
 *
 * json, len   borrowed; LinuxResources as JSON
 * kept        updated
 * out         appended to when the result is 1
 *
 * Returns 1; or 0: the runtime is to get what came, as it is.
 */
int defaults_update(struct defaults_kept *kept, const char *json, size_t len, struct buf *out);
