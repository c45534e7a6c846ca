/* SPDX-License-Identifier: Apache-2.0 */
/* The bundles of containerd's running containers, as density and explain see them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/json.h"

struct err;

#define CONTAINERS_TASKS "run/containerd/io.containerd.runtime.v2.task"

enum { CONTAINERS_ID_ROOM = 128, CONTAINERS_SPEC_MAX_BYTES = 16 << 20 };

/* Called for each folder of a container; nonzero ends the walk and is returned. `bundle` is a
 * directory descriptor, borrowed. */
typedef int containers_fn(void *owner, const char *ns, const char *id, int bundle);

/*
 * Walk the bundles.
 *
 * root   directory descriptor that holds "run"
 *
 * Returns 0, what fn returned, or negative: -ENOENT (no containerd has run here), -EACCES.
 */
int containers_each(int root, containers_fn *fn, void *owner, struct err *err);

/* The cgroup v2 hierarchy that their cgroups are in, of a hybrid host as well. Returns a descriptor
 * or a negative errno value. */
int containers_cgroups(int root);

/* Scan config.json of a bundle: json_scan(). Fails also with -ENOENT, -EFBIG, ... */
int containers_spec(int bundle, json_fn *fn, void *owner, struct err *err);

/* The pid of the container's first process as its bundle says it; 0: none, or it never started. */
pid_t containers_pid(int bundle);
