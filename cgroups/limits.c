/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/keyed.h"
#include "cgroups/root.h"
#include "cgroups/walk.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { NAME_ROOM = 256 };

static bool has_file(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool lists(const char *controllers, struct cg_text name)
{
	return cg_keyed_lists(cg_keyed_text(controllers), name) != 0;
}

/*
 * Follow the path as far as there are cgroups. `dir` is the last one; rest is what is missing.
 * Returns 0 or negative.
 */
static int follow(int root, const char *path, int *dir, const char **rest, struct err *err)
{
	char name[NAME_ROOM];
	int code = cg_open_below(root, "", dir, err);

	path += strspn(path, "/");
	while (code == 0 && *path) {
		size_t len = strcspn(path, "/");
		int next;

		if (len >= sizeof(name) || (len == 2 && memcmp(path, "..", 2) == 0))
			return err_set(err, -EINVAL, "path of a cgroup: %.60s", path);
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
		code = cg_open_below(*dir, name, &next, err);
		if (code < 0)
			break;
		(void)fd_close(*dir);
		*dir = next;
		path += len;
		path += strspn(path, "/");
	}
	*rest = path;
	return code == -ENOENT ? 0 : code;
}

/* A child of the site for which all is enabled that the site enables. -1: it has none. */
static int find_child(int dir)
{
	struct cg_walk walk;
	int found = -1;

	if (cg_walk_start(&walk, dir) < 0)
		return -1;
	while (found < 0 && cg_walk_next(&walk) > 0)
		found = openat(cg_walk_dir(&walk), walk.name,
			       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cg_walk_end(&walk);
	return found;
}

int cg_site_find(int root, const char *path, struct cg_site *site, struct err *err)
{
	struct cg_site found = { .witness = -1, .is_root = true };
	own_fd int dir = -1;
	const char *rest = path;
	ssize_t len;
	char first;
	int code = follow(root, path, &dir, &rest, err);

	if (code < 0)
		return code;
	found.is_there = *rest == '\0' && path[strspn(path, "/")] != '\0';
	/* The root has no such file: cgroup-v2.rst, "cgroup.type". */
	found.is_root = !has_file(dir, "cgroup.type");
	len = fd_read_text(dir, "cgroup.controllers", found.controllers, CG_CONTROLLERS_ROOM);
	if (len >= 0)
		len = fd_read_text(dir, "cgroup.subtree_control", found.enabled,
				   CG_CONTROLLERS_ROOM);
	if (len < 0)
		return err_set(err, (int)len, "read controllers: %s", err_reason((int)-len));
	/* One byte tells; the list may be longer, and in a threaded cgroup cannot be read. */
	found.is_busy = fd_read_text(dir, "cgroup.procs", &first, 1) != 0;
	found.witness = found.is_there ? -1 : find_child(dir);
	found.dir = fd_take(&dir);
	*site = found;
	return 0;
}

bool cg_site_has(const struct cg_site *site, const char *file)
{
	struct cg_text controller = { .at = file, .len = strcspn(file, ".") };

	if (!lists(site->controllers, controller))
		return false;
	if (!site->is_root || site->is_there)
		return has_file(site->dir, file) &&
		       (site->is_there || !site->is_busy || lists(site->enabled, controller));
	return lists(site->enabled, controller) && site->witness >= 0 &&
	       has_file(site->witness, file);
}

void cg_site_done(struct cg_site *site)
{
	site->dir = fd_close(site->dir);
	site->witness = fd_close(site->witness);
}
