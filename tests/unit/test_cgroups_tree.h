/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that looks like a cgroup: made in the temporary directory, gone with tree_done(). */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
	char path[64];
	int dir;
};

static inline void tree_init(struct tree *tree)
{
	strcpy(tree->path, "/tmp/azl-cgroup-XXXXXX");
	if (!mkdtemp(tree->path))
		abort();
	tree->dir = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline int tree_unlink(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void tree_done(struct tree *tree)
{
	(void)close(tree->dir);
	(void)nftw(tree->path, tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void tree_dir(struct tree *tree, const char *name)
{
	if (mkdirat(tree->dir, name, 0755) < 0)
		abort();
}

static inline void tree_bytes(struct tree *tree, const char *name, const void *bytes, size_t len)
{
	int fd = openat(tree->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	(void)close(fd);
}

static inline void tree_file(struct tree *tree, const char *name, const char *text)
{
	tree_bytes(tree, name, text, strlen(text));
}

/* The content of a file; valid until the next call. */
static inline const char *tree_text(struct tree *tree, const char *name)
{
	static char text[4096];
	int fd = openat(tree->dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	(void)close(fd);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}
