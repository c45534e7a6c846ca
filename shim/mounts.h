/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts that make up a container's rootfs: all of them or none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shim/proto/types.pb-c.h"

struct err;

/*
 * Mount every entry in order onto rootfs.
 *
 * May block, change the working directory for a moment and start children: call it in a child
 * process. A target is resolved as if rootfs were the root; nothing is created in there.
 *
 * mounts   borrowed
 * rootfs   an existing directory, absolute, itself no symbolic link
 *
 * Returns 0 or negative, err filled with which mount failed and why; then what was mounted is
 * unmounted again.
 *   -EINVAL   also: the mount was not prepared by containerd's mount manager
 *   -E2BIG    "mount options is too long"
 *
 * Source: containerd 1.7.24 mount/mount_linux.go.
 */
int mounts_apply(Pb__Mount *const *mounts, size_t n, const char *rootfs, struct err *err);

/*
 * Unmount rootfs and everything stacked on or below it.
 *
 * Blocks up to 2.5 seconds while something is busy: call it in a child process. Never detaches
 * lazily: after success the layers are free. What an rbind brought along is unmounted here only,
 * not where it came from.
 *
 * rootfs   absolute; "" = nothing to do
 *
 * Returns 0, also when nothing was mounted or rootfs is gone, or negative, err filled:
 *   -EBUSY   err names the mount
 */
int mounts_remove(const char *rootfs, struct err *err);

/* True when rootfs is a mount point. Does not ask a FUSE server. */
bool mounts_is_mounted(const char *rootfs);
