/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that mount and unmount FUSE file systems for us. */
#pragma once

#include <stdbool.h>

struct err;
typedef struct Pb__Mount Pb__Mount;

/* True when the type of a mount is for a helper: "fuse3.X" or "fuse.X". Pure. */
bool mount_helper_is_for(const char *type);

/*
 * Mount with mount.fuse3 or mount.fuse, found along PATH; waits for its end.
 *
 * target   a real path: the helper's own child may still look at it
 *
 * Returns 0 or negative, err filled with what the helper printed.
 *
 * Source: containerd 1.7.24 mount/mount_linux.go mountWithHelper.
 */
int mount_helper_mount(const Pb__Mount *mount, const char *target, struct err *err);

/* Unmount with fusermount3 or fusermount. Returns 0, or negative: neither could. */
int mount_helper_unmount(const char *target);
