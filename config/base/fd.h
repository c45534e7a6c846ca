/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: whole reads and writes, small files, flags. All retry EINTR. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/base/buf.h"

struct err;

/* Write everything. Returns 0 or a negative errno value. */
int fd_write_all(int fd, const void *bytes, size_t len);

/*
 * Read a whole file below a directory into a buffer, NUL-terminated behind its length.
 *
 * dir     directory descriptor (AT_FDCWD allowed)
 * limit   largest file accepted, bytes
 * buf     appended to; unchanged on failure
 *
 * Returns 0 or a negative errno value; -EFBIG: larger than limit. Never waits: a FIFO without a
 * writer is empty.
 */
int fd_read_file(int dir, const char *name, size_t limit, struct buf *buf);

/*
 * Read a small file into a caller's array and NUL-terminate it; a trailing newline is cut.
 *
 * Returns the length, or a negative errno value; -EFBIG: does not fit.
 */
ssize_t fd_read_text(int dir, const char *name, char *text, size_t room);

/* Replace a file atomically: write a temporary name beside it, rename. Returns 0 or negative, err
 * filled. */
int fd_replace_file(int dir, const char *name, const void *bytes, size_t len, mode_t mode,
		    struct err *err);

/* The same with a temporary name of the caller's, who alone uses it (by a lock): what somebody who
 * was killed has left there is written over. */
int fd_replace_file_by(int dir, const char *aside, const char *name, const void *bytes, size_t len,
		       mode_t mode, struct err *err);

/* Switch O_NONBLOCK on the open file description. Returns 0 or a negative errno value. */
int fd_set_nonblock(int fd, bool on);

/* Bytes that can be read from a pipe or a terminal now, at any end of a pipe; 0 when that cannot be
 * told. */
int fd_queued(int fd);
