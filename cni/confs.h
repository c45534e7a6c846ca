/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of this plugin as runtimes keep them in a folder, for what runs without one. */
#pragma once

#include <stddef.h>

struct buf;
struct err;

#define CONFS_DIR "/etc/cni/net.d"

/* One configuration, as the runtime would give it to ADD; borrowed. Returns 0 or negative. */
typedef int confs_fn(void *owner, const char *json, size_t len, struct err *err);

/*
 * Find ours ("type": "azl-cni") in one file: the file itself, or plugins of its list, completed by
 * the list's "name" and its version: the highest that we know of "cniVersion" and "cniVersions".
 * Pure.
 *
 * Returns 0, CNI_DECODE (not JSON), -ENOMEM, or what fn returned first, after all were seen.
 *
 * Source: CNI spec 1.1.0, section 1; containernetworking/cni libcni/conf.go.
 */
int confs_of(const char *json, size_t len, confs_fn *fn, void *owner, struct err *err);

/*
 * As confs_of for a file, or for every .conf, .conflist and .json of a folder, in the order of
 * their names. A folder that is not there has none.
 *
 * Returns 0 or negative: the first failure, with the file's name, after everything was seen.
 */
int confs_each(const char *path, confs_fn *fn, void *owner, struct err *err);
