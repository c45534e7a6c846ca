/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a host below one directory descriptor: "/", or the root of a tree that is not running.
 * Names have no leading '/'; links are followed inside of the tree and never out of it, those with
 * a leading '/', too. What is written is on the disk when the call returns, and either whole or not
 * there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;
struct err;

enum {
	TREE_FILE_MAX_BYTES = 1 << 20, /* larger files are not ours and not read */
	TREE_PATH_ROOM = 512,
};

/*
 * Read a regular file.
 *
 * text   appended to, NUL-terminated behind its length
 *
 * Returns 1, 0 (no such file, or no folder on the way to it), or -ENOTSUP (there is something else
 * than a regular file: the text says so), -EFBIG, -EACCES, ...
 */
int tree_read(int root, const char *path, struct buf *text, struct err *err);

/* As fd_read_text() and fd_read_file(): whatever the path leads to, a link at its end included. */
ssize_t tree_read_text(int root, const char *path, char *text, size_t room);
int tree_read_file(int root, const char *path, size_t limit, struct buf *text);

/* Where a link points, NUL-terminated. Returns the length, or a negative errno value; a target that
 * does not fit is cut. */
ssize_t tree_read_link(int root, const char *path, char *target, size_t room);

/* True when there is something of this name; a link counts, wherever it points. */
bool tree_has(int root, const char *path);

/* True when the path leads to something: a link at its end counts if it does. */
bool tree_leads(int root, const char *path);

/* True when a writer of this file was killed before it was whole: tree_remove() ends that. */
bool tree_has_aside(int root, const char *path);

/* True when there is a directory of this name. */
bool tree_has_folder(int root, const char *path);

/* The same for who is going to make it: 1, 0 (there is none), or negative, err filled, when that
 * cannot be told. */
int tree_find_folder(int root, const char *path, struct err *err);

/*
 * Make or replace a file: the folder it lies in must be there.
 *
 * Returns 0 or a negative errno value; the text names the file and, where there is one, the way
 * out.
 */
int tree_write(int root, const char *path, const char *text, size_t len, mode_t mode,
	       struct err *err);

/* Make a folder, mode 0755; one that is there is as good. */
int tree_make_folder(int root, const char *path, struct err *err);

/* Remove a file, and what a writer that was killed left beside it. Not there is as good. */
int tree_remove(int root, const char *path, struct err *err);

/* Remove a folder if it is empty. Returns 0 (gone), 1 (not empty: left), or negative. */
int tree_remove_folder(int root, const char *path, struct err *err);

/* Give a folder another name beside it: both below the same folder. */
int tree_rename_folder(int root, const char *path, const char *to, struct err *err);

/* Open a folder to be read or locked. Returns a descriptor or a negative errno value. */
int tree_open_folder(int root, const char *path);

/* How many entries an open folder has; its own read position stays. */
size_t tree_count(int folder);
