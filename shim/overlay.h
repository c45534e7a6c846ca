/* SPDX-License-Identifier: Apache-2.0 */
/* Overlay mounts: any number of layers, id-mapped layers, and which directory is missing. */
#pragma once

struct err;
struct mount_options;

struct overlay {
	const char *source; /* shown in mount tables only */
	const char *target; /* followed when it is a link of /proc/self/fd */
	const struct mount_options *options;
};

/*
 * Mount an overlay. The working directory changes for a moment when the options fill a page.
 *
 * Options of nearly a page are said relative to the shared directory, as containerd does; what is
 * still too long goes layer by layer (lowerdir+, Linux 6.7).
 *
 * Returns 0 or negative, err filled:
 *   -E2BIG   "mount options is too long"
 */
int overlay_mount(const struct overlay *overlay, struct err *err);

/*
 * As overlay_mount, with each lower layer seen through the maps of a user namespace.
 *
 * The mapped layers stand in a small tmpfs over the target for as long as this takes; whatever
 * ends the process in between, unmounting the target removes all of it.
 */
int overlay_mount_idmapped(const struct overlay *overlay, int userns, struct err *err);
