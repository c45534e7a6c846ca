/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a cgroup directory: line by line without memory, one value, one write. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/keyed.h"

enum { CG_FILE_LINE_MAX = 2048 }; /* bytes with the newline; a longer line is passed over whole */

/* A file being read; lives on the stack. */
struct cg_file {
	int fd; /* owned; -1 = closed */
	size_t at;
	size_t len;
	bool skipping; /* inside a line that is too long */
	bool ended;
	char data[CG_FILE_LINE_MAX];
};

/*
 * Open a file to be read line by line.
 *
 * dir    directory descriptor (AT_FDCWD allowed), borrowed
 * file   written; cg_file_close() it, also after a failure
 *
 * Returns 0 or a negative errno value; -ENOENT also for a cgroup that is gone.
 */
int cg_file_open(struct cg_file *file, int dir, const char *name);

/*
 * Read the next line.
 *
 * line   written only when the result is 1; valid until the next call; without newline
 *
 * Returns 1, 0 at the end, or a negative errno value; -ENOENT: the cgroup has gone meanwhile.
 */
int cg_file_next(struct cg_file *file, struct cg_text *line);

/* Close; harmless when closed. */
void cg_file_close(struct cg_file *file);

/* Read a single-value file. Returns the value; 0 when it is missing or holds no number. */
uint64_t cg_file_value(int dir, const char *name);

/*
 * Find one key of a flat keyed file.
 *
 * Returns 1 with value written, 0 when there is no such key, or a negative errno value; -ENOENT: no
 * such file, or the cgroup is gone.
 */
int cg_file_find(int dir, const char *name, const char *key, uint64_t *value);

/* Write a text to an existing file in one write. Returns 0 or a negative errno value. */
int cg_file_write(int dir, const char *name, const char *text);
