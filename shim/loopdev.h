/* SPDX-License-Identifier: Apache-2.0 */
/* Loop devices: a file as a block device, given back by the kernel when nobody uses it any more. */
#pragma once

#include <stdbool.h>

struct err;

enum { LOOPDEV_NAME_MAX = 32 }; /* "/dev/loop" and a number, NUL included */

/*
 * Put a file on a free loop device. Blocks: a device that another process takes first is retried
 * with growing pauses, up to about 25 seconds in all.
 *
 * file        path of the backing file
 * name        written on success: the path of the device, LOOPDEV_NAME_MAX bytes
 *
 * Returns the descriptor of the device, which the caller closes after mounting it (the device lives
 * until then, and after that as long as the mount), or negative, err filled.
 *
 * Source: linux drivers/block/loop.c; containerd 1.7.24 mount/losetup_linux.go.
 */
int loopdev_open(const char *file, bool read_only, bool direct_io, char *name, struct err *err);
