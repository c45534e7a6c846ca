/* SPDX-License-Identifier: Apache-2.0 */
/* The joiner (shim/join/), carried inside the shim. */
#pragma once

#include <stddef.h>

struct err;

/*
 * A file in memory that holds the joiner, for execveat(fd, "", ..., AT_EMPTY_PATH).
 *
 * It is sealed and opened for reading: what runs inside a container is never the shim's own file,
 * and cannot be written to through /proc/PID/exe (CVE-2019-5736). One file serves any number of
 * starts.
 *
 * Returns the descriptor, close-on-exec, the caller's, or a negative value with err filled.
 */
int join_image_open(struct err *err);

/* Bytes of it. */
size_t join_image_bytes(void);
