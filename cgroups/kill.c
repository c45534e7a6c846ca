/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/kill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/file.h"
#include "cgroups/root.h"
#include "cgroups/walk.h"
#include "config/base/clean.h"
#include "config/base/err.h"

int cg_kill(int dir, struct err *err)
{
	int code = cg_file_write(dir, "cgroup.kill", "1");

	return code < 0 ? err_set(err, code, "write cgroup.kill: %s", err_reason(-code)) : 0;
}

int cg_freeze(int dir, bool frozen, struct err *err)
{
	int code = cg_file_write(dir, "cgroup.freeze", frozen ? "1" : "0");

	return code < 0 ? err_set(err, code, "write cgroup.freeze: %s", err_reason(-code)) : 0;
}

/* Returns 0 when it is gone. */
static int remove_one(int parent, const char *name)
{
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return -errno;
}

static bool is_in_use(int code)
{
	return code == -EBUSY || code == -ENOTEMPTY;
}

/* Remove the cgroups below that have none below themselves. Returns how many, or negative. */
static int remove_leaves(int dir)
{
	struct cg_walk walk;
	int removed = 0;
	int code = cg_walk_start(&walk, dir);

	while (code >= 0) {
		code = cg_walk_next(&walk);
		if (code <= 0)
			break;
		code = remove_one(cg_walk_dir(&walk), walk.name);
		if (code == 0)
			removed++;
		else if (is_in_use(code))
			code = cg_walk_enter(&walk);
	}
	cg_walk_end(&walk);
	return code < 0 && code != -ENOENT ? code : removed;
}

/* Remove what is below, leaves first, until nothing more can go. */
static int remove_tree(int parent, const char *name)
{
	own_fd int dir = -1;
	int code = remove_one(parent, name);
	int removed = 1;

	if (!is_in_use(code))
		return code;
	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	/* A pass takes at least a level away, unless somebody makes new ones: then it is in use. */
	for (int i = 0; i < CG_WALK_DEPTH_MAX && is_in_use(code) && removed > 0; i++) {
		removed = remove_leaves(dir);
		code = removed < 0 ? removed : remove_one(parent, name);
	}
	return code == -ENOTEMPTY ? -EBUSY : code;
}

/* Cut the last name off a path: "/a/b/" gives "/a" and "b". Returns 0 or -EINVAL. */
static int split_path(char *path, char **name)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	while (len > 0 && path[len - 1] != '/')
		len--;
	*name = path + len;
	if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return -EINVAL;
	return 0;
}

int cg_remove(int root, const char *path, struct err *err)
{
	char parent_path[PATH_MAX];
	own_fd int parent = -1;
	char *name;
	char saved[NAME_MAX + 1];
	int code;

	if (strlen(path) >= sizeof(parent_path))
		return err_set(err, -ENAMETOOLONG, "remove cgroup: path too long");
	(void)snprintf(parent_path, sizeof(parent_path), "%s", path);
	if (split_path(parent_path, &name) < 0 || strlen(name) > NAME_MAX)
		return err_set(err, -EINVAL, "remove cgroup: not a cgroup below the root: '%s'",
			       path);
	(void)snprintf(saved, sizeof(saved), "%s", name);
	*name = '\0';
	code = cg_open_below(root, parent_path, &parent, err);
	if (code == -ENOENT)
		return 0;
	if (code < 0)
		return code;
	code = remove_tree(parent, saved);
	if (code < 0)
		return err_set(err, code, "remove cgroup %s: %s", path, err_reason(-code));
	return 0;
}
