/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroups/file.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { CONTROLLERS_ROOM = 512 };

/* Open one place. Returns 0, -ENOENT (nothing there, or no cgroup v2), or another negative value.
 */
static int open_place(const char *place, int *dir, struct err *err)
{
	own_fd int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs at;

	if (fd < 0 && errno != ENOENT)
		return err_errno(err, "open %s", place);
	if (fd < 0 || fstatfs(fd, &at) < 0 || at.f_type != CGROUP2_SUPER_MAGIC)
		return err_set(err, -ENOENT, "no cgroup v2 hierarchy at /sys/fs/cgroup");
	*dir = fd_take(&fd);
	return 0;
}

int cg_root_open_unified(int *dir, struct err *err)
{
	return open_place("/sys/fs/cgroup", dir, err);
}

int cg_root_open(int *dir, struct err *err)
{
	int code = cg_root_open_unified(dir, err);

	return code == -ENOENT ? open_place("/sys/fs/cgroup/unified", dir, err) : code;
}

int cg_root_line_find(struct cg_text line, struct cg_text *path)
{
	if (line.len < 4 || memcmp(line.at, "0::/", 4) != 0)
		return 0;
	*path = (struct cg_text){ .at = line.at + 3, .len = line.len - 3 };
	return 1;
}

static int open_beneath(int dir, const char *name, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* openat2 takes a leading '/' for an attempt to get out. */
static const char *relative(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

int cg_open_below(int root, const char *path, int *dir, struct err *err)
{
	int fd = open_beneath(root, relative(path), O_RDONLY);

	if (fd < 0)
		return err_set(err, fd, "open cgroup %s: %s", path, err_reason(-fd));
	*dir = fd;
	return 0;
}

/* The path of a process in the v2 hierarchy. */
static int path_of_pid(pid_t pid, char *path, size_t room, struct err *err)
{
	struct cg_file file;
	struct cg_text line;
	struct cg_text found = { .at = "" };
	char name[32];
	int code;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	code = cg_file_open(&file, AT_FDCWD, name);
	if (code == -ENOENT)
		code = -ESRCH;
	while (code == 0) {
		code = cg_file_next(&file, &line);
		if (code == 0)
			code = -ENOENT;
		else if (code > 0)
			code = cg_root_line_find(line, &found);
	}
	cg_file_close(&file);
	if (code < 0)
		return err_set(err, code, "read cgroup of process %d: %s", (int)pid,
			       err_reason(-code));
	if (found.len >= room)
		return err_set(err, -ENAMETOOLONG, "cgroup of process %d: path too long", (int)pid);
	memcpy(path, found.at, found.len);
	path[found.len] = '\0';
	return 0;
}

int cg_open_of_pid(pid_t pid, int *dir, char *path, size_t room, struct err *err)
{
	own_fd int root = -1;
	int code = path_of_pid(pid, path, room, err);

	if (code == 0)
		code = cg_root_open(&root, err);
	if (code == 0)
		code = cg_open_below(root, path, dir, err);
	return code;
}

/*
 * Enable in one cgroup what is in `wanted` and not enabled yet; or only look. Returns 0, 1 when
 * something is missing still, or a negative errno value.
 */
static int enable_at(int dir, const char *wanted, bool look)
{
	char enabled[CONTROLLERS_ROOM];
	char missing[CONTROLLERS_ROOM] = "";
	size_t used = 0;
	ssize_t len = fd_read_text(dir, "cgroup.subtree_control", enabled, sizeof(enabled));
	struct cg_text rest = cg_keyed_text(wanted);
	struct cg_text word;

	if (len < 0)
		return (int)len;
	while (cg_keyed_word(&rest, &word)) {
		if (cg_keyed_lists((struct cg_text){ enabled, (size_t)len }, word))
			continue;
		if (used + word.len + 3 > sizeof(missing))
			return -EFBIG;
		used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s+%.*s",
					 used ? " " : "", (int)word.len, word.at);
	}
	if (used && look)
		return 1;
	return used ? cg_file_write(dir, "cgroup.subtree_control", missing) : 0;
}

/* As enable_at, for all ancestors of a cgroup. */
static int enable_above(int root, const char *path, bool look, struct err *err)
{
	char wanted[CONTROLLERS_ROOM];
	ssize_t len = fd_read_text(root, "cgroup.controllers", wanted, sizeof(wanted));
	own_fd int dir = len < 0 ? -1 : open_beneath(root, ".", O_PATH);
	const char *at = path + strspn(path, "/");
	int code = 0;

	if (len < 0)
		return err_set(err, (int)len, "read cgroup.controllers: %s", err_reason((int)-len));
	while (*at && dir >= 0) {
		size_t name_len = strcspn(at, "/");
		char name[256];
		int next;

		code = enable_at(dir, wanted, look);
		if (code > 0)
			return code;
		if (code < 0)
			(void)err_set(err, code, "enable controllers for %s, above %s: %s", path,
				      at, err_reason(-code));
		(void)snprintf(name, sizeof(name), "%.*s", (int)name_len, at);
		at += name_len;
		at += strspn(at, "/");
		if (!*at)
			break;
		next = open_beneath(dir, name, O_PATH);
		(void)fd_close(dir);
		dir = next;
	}
	if (dir < 0)
		return err_set(err, dir, "enable controllers for %s: %s", path, err_reason(-dir));
	return code;
}

int cg_enable_controllers(int root, const char *path, struct err *err)
{
	return enable_above(root, path, false, err);
}

bool cg_lacks_controllers(int root, const char *path)
{
	struct err ignored;

	return enable_above(root, path, true, &ignored) != 0;
}
