/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clean.h"

enum { OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static void level_push(struct cg_walk *walk, int fd)
{
	walk->level[walk->depth].fd = fd;
	walk->level[walk->depth].next = 0;
	walk->depth++;
	walk->at = 0;
	walk->len = 0;
}

int cg_walk_start(struct cg_walk *walk, int dir)
{
	int fd = openat(dir, ".", OPEN_FLAGS);

	walk->depth = 0;
	walk->name = "";
	if (fd < 0)
		return -errno;
	level_push(walk, fd);
	return 0;
}

int cg_walk_dir(const struct cg_walk *walk)
{
	return walk->level[walk->depth - 1].fd;
}

/* Close the current level and stand behind the entry that led to it. */
static int level_pop(struct cg_walk *walk)
{
	walk->depth--;
	(void)fd_close(walk->level[walk->depth].fd);
	walk->at = 0;
	walk->len = 0;
	if (walk->depth == 0)
		return 0;
	return lseek(cg_walk_dir(walk), walk->level[walk->depth - 1].next, SEEK_SET) < 0 ? -errno
											 : 0;
}

/* File systems that do not know the type leave it to cg_walk_enter(). */
static bool is_wanted(const struct dirent64 *entry)
{
	return (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
	       strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

int cg_walk_next(struct cg_walk *walk)
{
	while (walk->depth > 0) {
		struct dirent64 *entry;

		if (walk->at == walk->len) {
			ssize_t n = getdents64(cg_walk_dir(walk), walk->data, sizeof(walk->data));
			int code = 0;

			/* A directory removed under our eyes has nothing more to tell. */
			if (n < 0 && errno != ENOENT)
				return -errno;
			walk->at = 0;
			walk->len = n > 0 ? (size_t)n : 0;
			if (n <= 0)
				code = level_pop(walk);
			if (code < 0)
				return code;
			continue;
		}
		entry = (struct dirent64 *)(void *)(walk->data + walk->at);
		walk->at += entry->d_reclen;
		if (is_wanted(entry)) {
			walk->level[walk->depth - 1].next = entry->d_off;
			walk->name = entry->d_name;
			return 1;
		}
	}
	return 0;
}

int cg_walk_enter(struct cg_walk *walk)
{
	int fd;

	if (walk->depth == CG_WALK_DEPTH_MAX)
		return 0;
	fd = openat(cg_walk_dir(walk), walk->name, OPEN_FLAGS);
	if (fd < 0)
		return 0;
	level_push(walk, fd);
	return 1;
}

void cg_walk_end(struct cg_walk *walk)
{
	while (walk->depth > 0) {
		walk->depth--;
		(void)fd_close(walk->level[walk->depth].fd);
	}
}
