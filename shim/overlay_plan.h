/* SPDX-License-Identifier: Apache-2.0 */
/* How the layers of an overlay are said to the kernel. Pure; mounts nothing. */
#pragma once

#include <stddef.h>

struct mount_options;

extern const char overlay_lower_key[]; /* "lowerdir=" */

/*
 * Step through the value of lowerdir=.
 *
 * at     start of the next layer; NULL behind the last one
 * len    bytes of the layer returned; 0 between the colons of "::", which opens data-only layers
 *
 * Returns the layer, not NUL-terminated, with its escapes ("\:"), or NULL at the end.
 */
const char *overlay_layer_next(const char **at, size_t *len);

/*
 * Say the layers relative to the directory that they share.
 *
 * lower   value of lowerdir=
 * dir     receives the shared directory with a slash at its end; the caller frees it
 * text    receives the value to be used by a process which stands there; the caller frees it
 *
 * Returns 1, 0 (nothing to gain: one layer, nothing shared but "/", or escapes in the shared
 * part; dir and text untouched) or -ENOMEM.
 *
 * Source: containerd 1.7.24 mount/mount_linux.go compactLowerdirOption.
 */
int overlay_compact(const char *lower, char **dir, char **text);

/* The index of lowerdir= among the words, or their number when there is none. */
size_t overlay_lower_find(const struct mount_options *options);

/*
 * All words joined but lowerdir=, and that one last with another value.
 *
 * Returns text that the caller frees, or NULL: no memory.
 */
char *overlay_data(const struct mount_options *options, const char *lower);
