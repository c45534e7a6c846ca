/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/file.h"
#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum {
	NAME_ROOM = 256, /* NAME_MAX and NUL */
	MODE = 0755,
	PID_ROOM = 16
};

/*
 * Open the cgroup above the last name of the path, which is put into name. With `make`, what is
 * missing on the way is made.
 */
static int open_above(int root, const char *path, bool make, int *dir, char name[NAME_ROOM],
		      struct err *err)
{
	own_fd int at = -1;
	int code = cg_open_below(root, "", &at, err);

	path += strspn(path, "/");
	for (; code == 0; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");
		int next;

		if (len == 0 || len >= NAME_ROOM)
			return err_set(err, -EINVAL, "no path of a cgroup: \"%.60s\"", path);
		(void)snprintf(name, NAME_ROOM, "%.*s", (int)len, path);
		path += len;
		if (path[strspn(path, "/")] == '\0')
			break;
		if (make && mkdirat(at, name, MODE) < 0 && errno != EEXIST)
			return err_errno(err, "make cgroup %s", name);
		code = cg_open_below(at, name, &next, err);
		if (code < 0)
			return code;
		(void)fd_close(at);
		at = next;
	}
	if (code == 0)
		*dir = fd_take(&at);
	return code;
}

int cg_make(int root, const char *path, struct err *err)
{
	char name[NAME_ROOM];
	own_fd int above = -1;
	struct err ignored;
	int code = open_above(root, path, true, &above, name, err);

	if (code < 0)
		return code;
	if (mkdirat(above, name, MODE) < 0 && errno != EEXIST)
		return err_errno(err, "make cgroup %s", path);
	(void)cg_enable_controllers(root, path, &ignored);
	return 0;
}

int cg_limit_set(int root, const char *path, const char *file, const char *value, struct err *err)
{
	own_fd int dir = -1;
	int code = cg_open_below(root, path, &dir, err);

	if (code < 0)
		return code;
	code = cg_file_write(dir, file, value);
	if (code == -ENOENT)
		return err_set(err, code, "cgroup %s has no %s: its controller is not on there",
			       path, file);
	return code < 0 ? err_set(err, code, "set %s of cgroup %s to %s: %s", file, path, value,
				  err_reason(-code))
			: 0;
}

int cg_attach(int root, const char *path, pid_t pid, struct err *err)
{
	char text[PID_ROOM];
	own_fd int dir = -1;
	int code = cg_open_below(root, path, &dir, err);

	if (code < 0)
		return code;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	code = cg_file_write(dir, "cgroup.procs", text);
	return code < 0 ? err_set(err, code, "move process %d to cgroup /%s: %s", (int)pid,
				  path + (*path == '/'), err_reason(-code))
			: 0;
}

int cg_unmake(int root, const char *path, struct err *err)
{
	char name[NAME_ROOM];
	own_fd int above = -1;
	int code = open_above(root, path, false, &above, name, err);

	if (code < 0)
		return code == -ENOENT ? 0 : code;
	if (unlinkat(above, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_errno(err, "remove cgroup %s", path);
	return 0;
}
