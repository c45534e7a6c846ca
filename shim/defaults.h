/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's defaults for containers: put into config.json before the runtime reads it, where
 * nobody has said otherwise and the host can. docs/CGROUPS.md, "containers".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/container_defaults.h"

struct buf;

#define DEFAULTS_HOST_CONFIG "/etc/azl/host.json"

/* A file of the bundle: the names of the defaults that were put into config.json, a line each. */
#define DEFAULTS_NOTE "azl-defaults"

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
 * kept          written: the defaults that the container got as entries of "unified", for its
 * Updates
 */
void defaults_apply(const char *host_config, const struct defaults_target *target,
		    struct container_defaults *kept);

/*
 * Put the container's defaults into the resources of an Update: runc forgets entries of "unified",
 * lifts memory.swap.max together with the limit, and systemd writes its own memory.oom.group,
 * memory.zswap.max and io.weight whenever it touches a scope. memory.high follows a new limit. What
 * the Update decides itself is its own from then on.
 *
 * json, len   borrowed; LinuxResources as JSON
 * kept        updated
 * out         appended to when the result is 1
 *
 * Returns 1; or 0: the runtime is to get what came, as it is.
 */
int defaults_update(struct container_defaults *kept, const char *json, size_t len, struct buf *out);
