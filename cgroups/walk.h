/* SPDX-License-Identifier: Apache-2.0 */
/* Subdirectories of a directory, at every depth: no recursion, no memory, no symbolic links. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	CG_WALK_DEPTH_MAX = 64,	   /* levels, the first one included; one descriptor each */
	CG_WALK_READ_BYTES = 1024, /* of directory entries at a time */
};

/* A walk under way; lives on the stack. */
struct cg_walk {
	size_t depth; /* levels that are open; 0 = ended */
	struct {
		int fd;	      /* owned */
		int64_t next; /* where to go on when the level below has ended */
	} level[CG_WALK_DEPTH_MAX];
	const char *name; /* of the subdirectory that cg_walk_next() found */
	size_t at;
	size_t len;
	_Alignas(8) char data[CG_WALK_READ_BYTES]; /* struct dirent64 after struct dirent64 */
};

/*
 * Begin a walk.
 *
 * dir    where it begins, borrowed; its own read position is left alone
 * walk   written; cg_walk_end() it, also after a failure
 *
 * Returns 0 or a negative errno value; -ENOENT: the directory is gone.
 */
int cg_walk_start(struct cg_walk *walk, int dir);

/*
 * Find the next subdirectory of the current level, or of the levels above when that has ended.
 *
 * Returns 1 with walk->name set (until the next call), 0 at the end, or a negative errno value.
 */
int cg_walk_next(struct cg_walk *walk);

/*
 * Make the subdirectory that was found the current level.
 *
 * Returns 1, or 0 when it has gone or lies deeper than CG_WALK_DEPTH_MAX: the walk goes on without.
 */
int cg_walk_enter(struct cg_walk *walk);

/* The directory of the current level, in which walk->name was found; borrowed. */
int cg_walk_dir(const struct cg_walk *walk);

/* Close what is open; harmless when ended. */
void cg_walk_end(struct cg_walk *walk);
