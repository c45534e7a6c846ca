/* SPDX-License-Identifier: Apache-2.0 */
/* Id-mapped mounts: a directory tree seen with other owners. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

/*
 * Rewrite the value of a uidmap= or gidmap= option as the kernel reads it in /proc/PID/uid_map.
 *
 * value    "CONTAINER:HOST:SIZE[,...]"
 * text     receives "CONTAINER HOST SIZE" lines
 * room     bytes of text, NUL included
 *
 * Pure. Returns the length, -EINVAL (not such a value, or ids beyond 2^32 - 2), -E2BIG (room).
 */
int idmap_parse(const char *value, char *text, size_t room);

/*
 * Make a user namespace with the given maps. Starts a child and waits for its end.
 *
 * uidmap, gidmap   values of the options
 *
 * Returns its descriptor (the caller closes it) or negative, err filled.
 */
int idmap_userns_open(const char *uidmap, const char *gidmap, struct err *err);

/*
 * Copy the mount at a path, id-mapped. The copy is attached nowhere and ends with its descriptor.
 *
 * recursive   with the mounts below it
 * read_only   the copy refuses writes
 *
 * Returns its descriptor (the caller closes it) or negative, err filled.
 *
 * Source: mount_setattr(2), "ID-mapped mounts".
 */
int idmap_clone(const char *path, int userns, bool recursive, bool read_only, struct err *err);

/* Attach a mount that is attached nowhere; a link at path is followed. Returns 0 or negative, err
 * filled. */
int idmap_attach(int tree, const char *path, struct err *err);
