/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that stands for a host: files at any depth, put and read by path. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct host_tree {
	char path[64];
	int fd;
};

static inline struct host_tree host_tree_new(void)
{
	struct host_tree tree = { .path = "/tmp/azl-unit-XXXXXX", .fd = -1 };

	if (mkdtemp(tree.path))
		tree.fd = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree.fd < 0)
		abort();
	return tree;
}

/* The folders above a name. */
static inline void host_tree_folders(const struct host_tree *tree, const char *name)
{
	char path[512];

	for (const char *at = strchr(name, '/'); at; at = strchr(at + 1, '/')) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)(at - name), name);
		if (mkdirat(tree->fd, path, 0755) < 0 && errno != EEXIST)
			abort();
	}
}

static inline void host_tree_put(const struct host_tree *tree, const char *name, const char *text)
{
	int fd;

	host_tree_folders(tree, name);
	fd = openat(tree->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	(void)close(fd);
}

/* The same with a formatted name. */
__attribute__((format(printf, 3, 4))) static inline void host_tree_put_at(
	const struct host_tree *tree, const char *text, const char *format, ...)
{
	char name[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	host_tree_put(tree, name, text);
}

/* Names and contents. */
static inline void host_tree_put_all(const struct host_tree *tree, const char *const files[][2],
				     size_t n)
{
	for (size_t i = 0; i < n; i++)
		host_tree_put(tree, files[i][0], files[i][1]);
}

static inline void host_tree_link(const struct host_tree *tree, const char *name,
				  const char *target)
{
	host_tree_folders(tree, name);
	if (symlinkat(target, tree->fd, name) < 0)
		abort();
}

/* Move what is there below /moved, and leave an absolute link: in the tree it means the tree's. */
static inline void host_tree_move(const struct host_tree *tree, const char *name)
{
	char to[512];

	(void)snprintf(to, sizeof(to), "/moved/%s", name);
	host_tree_folders(tree, to + 1);
	if (renameat(tree->fd, name, tree->fd, to + 1) < 0)
		abort();
	host_tree_link(tree, name, to);
}

static inline void host_tree_remove(const struct host_tree *tree, const char *name)
{
	if (unlinkat(tree->fd, name, 0) < 0)
		abort();
}

/* A process of root in the namespaces of process 1. */
static inline void host_tree_daemon(const struct host_tree *tree, int pid, int parent,
				    const char *program)
{
	static const char *const kinds[] = { "user", "mnt", "pid" };
	char name[64], text[128];

	(void)snprintf(name, sizeof(name), "proc/%d/status", pid);
	(void)snprintf(text, sizeof(text), "Name:\tany\nPPid:\t%d\nUid:\t0\t0\t0\t0\n", parent);
	host_tree_put(tree, name, text);
	(void)snprintf(name, sizeof(name), "proc/%d/exe", pid);
	host_tree_link(tree, name, program);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)snprintf(name, sizeof(name), "proc/%d/ns/%s", pid, kinds[i]);
		(void)snprintf(text, sizeof(text), "%s:[1]", kinds[i]);
		host_tree_link(tree, name, text);
	}
}

static inline int host_tree_unlink(const char *path, const struct stat *info, int type,
				   struct FTW *at)
{
	(void)info;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void host_tree_done(struct host_tree *tree)
{
	(void)close(tree->fd);
	(void)nftw(tree->path, host_tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
}
