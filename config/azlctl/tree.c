/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { OPEN_RETRIES_MAX = 32 }; /* of a path with ".." while somebody renames or mounts */

/* openat2(2) has no call in glibc. A link with a leading '/' stays inside of the tree. */
static int open_inside(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned int)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd = -1;

	for (int i = 0; i < OPEN_RETRIES_MAX; i++) {
		fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return (int)fd;
}

/* What to do about a failure that is the host's, not the file's. */
static const char *way_out(int code)
{
	switch (-code) {
	case EROFS:
		return " (an image that may not change? azlctl --root works on the tree it is made "
		       "of)";
	case ENOSPC:
	case EDQUOT:
		return " (make room, then run the command again)";
	case EACCES:
	case EPERM:
		return " (run it as root; a file with chattr +i stays as it is)";
	default:
		return "";
	}
}

static int fail(struct err *err, int code, const char *what, const char *path)
{
	return err_set(err, code, "%s /%s: %s%s", what, path, err_reason(-code), way_out(code));
}

/* The folder that a name lies in, and the name in it. */
static int open_parent(int root, const char *path, const char **name)
{
	char folder[TREE_PATH_ROOM];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	*name = slash ? slash + 1 : path;
	if (len >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, len);
	folder[len] = '\0';
	fd = open_inside(root, folder, O_PATH | O_DIRECTORY);
	return fd < 0 ? -errno : fd;
}

static int sync_folder(int folder)
{
	own_fd int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int tree_read(int root, const char *path, struct buf *text, struct err *err)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	struct stat st;
	int code = folder < 0 ? folder : 0;

	if (code == 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		code = -errno;
	if (code == -ENOENT || code == -ENOTDIR)
		return 0;
	if (code == 0 && !S_ISREG(st.st_mode))
		return err_set(err, -ENOTSUP, "/%s is no regular file", path);
	if (code == 0)
		code = fd_read_file(folder, name, TREE_FILE_MAX_BYTES, text);
	return code < 0 ? fail(err, code, "read", path) : 1;
}

enum { REACH_ROOM = 32 };

/* What a path leads to, and a name by which it can be read as long as that descriptor is open. */
static int reach(int root, const char *path, char name[REACH_ROOM])
{
	int fd = open_inside(root, path, O_PATH);
	int code = fd < 0 ? -errno : fd;

	(void)snprintf(name, REACH_ROOM, "/proc/self/fd/%d", fd);
	return code;
}

ssize_t tree_read_text(int root, const char *path, char *text, size_t room)
{
	char name[REACH_ROOM];
	own_fd int at = reach(root, path, name);

	return at < 0 ? at : fd_read_text(AT_FDCWD, name, text, room);
}

int tree_read_file(int root, const char *path, size_t limit, struct buf *text)
{
	char name[REACH_ROOM];
	own_fd int at = reach(root, path, name);

	return at < 0 ? at : fd_read_file(AT_FDCWD, name, limit, text);
}

ssize_t tree_read_link(int root, const char *path, char *target, size_t room)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	ssize_t len = folder < 0 ? folder : readlinkat(folder, name, target, room - 1);

	if (len < 0)
		return folder < 0 ? folder : -errno;
	target[len] = '\0';
	return len;
}

bool tree_leads(int root, const char *path)
{
	own_fd int fd = open_inside(root, path, O_PATH);

	return fd >= 0;
}

bool tree_has(int root, const char *path)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	struct stat st;

	return folder >= 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool tree_has_folder(int root, const char *path)
{
	own_fd int fd = open_inside(root, path, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

int tree_find_folder(int root, const char *path, struct err *err)
{
	own_fd int fd = open_inside(root, path, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : fail(err, -errno, "look at", path);
}

/* The name that a file has until it is whole: always the same, so that nothing stays of a writer
 * that was killed. No program reads files of such names. */
static void name_aside(char aside[NAME_MAX + 1], const char *name)
{
	(void)snprintf(aside, NAME_MAX + 1, ".%.200s.azl-new", name);
}

bool tree_has_aside(int root, const char *path)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	char aside[NAME_MAX + 1];
	struct stat st;

	name_aside(aside, name);
	return folder >= 0 && fstatat(folder, aside, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int write_aside(int folder, const char *aside, const char *text, size_t len, mode_t mode)
{
	own_fd int fd = -1;
	int code;

	(void)unlinkat(folder, aside, 0);
	fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	code = fd_write_all(fd, text, len);
	if (code == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		code = -errno;
	return code;
}

int tree_write(int root, const char *path, const char *text, size_t len, mode_t mode,
	       struct err *err)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	char aside[NAME_MAX + 1];
	int code;

	if (folder < 0)
		return fail(err, folder, "write", path);
	name_aside(aside, name);
	code = write_aside(folder, aside, text, len, mode);
	if (code == 0 && renameat(folder, aside, folder, name) < 0)
		code = -errno;
	if (code == 0)
		code = sync_folder(folder);
	if (code == 0)
		return 0;
	(void)unlinkat(folder, aside, 0);
	return fail(err, code, "write", path);
}

int tree_make_folder(int root, const char *path, struct err *err)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	int code = folder < 0 ? folder : 0;

	if (code == 0 && mkdirat(folder, name, 0755) < 0)
		code = -errno;
	else if (code == 0 && fchmodat(folder, name, 0755, 0) < 0)
		code = -errno;
	if (code == -EEXIST && tree_has_folder(root, path))
		return 0;
	if (code == 0)
		code = sync_folder(folder);
	return code < 0 ? fail(err, code, "make folder", path) : 0;
}

int tree_remove(int root, const char *path, struct err *err)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	char aside[NAME_MAX + 1];
	int code = folder < 0 ? folder : 0;

	if (code == -ENOENT || code == -ENOTDIR)
		return 0;
	if (code == 0) {
		name_aside(aside, name);
		(void)unlinkat(folder, aside, 0);
		if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
			code = -errno;
		else
			code = sync_folder(folder);
	}
	return code < 0 ? fail(err, code, "remove", path) : 0;
}

int tree_remove_folder(int root, const char *path, struct err *err)
{
	const char *name;
	own_fd int folder = open_parent(root, path, &name);
	int code = folder < 0 ? folder : 0;

	if (code == 0 && unlinkat(folder, name, AT_REMOVEDIR) < 0)
		code = -errno;
	if (code == -ENOENT || code == -ENOTDIR)
		return 0;
	if (code == -ENOTEMPTY || code == -EEXIST || code == -EBUSY)
		return 1;
	if (code == 0)
		code = sync_folder(folder);
	return code < 0 ? fail(err, code, "remove folder", path) : 0;
}

int tree_rename_folder(int root, const char *path, const char *to, struct err *err)
{
	const char *name, *name_to;
	own_fd int folder = open_parent(root, path, &name);
	own_fd int folder_to = open_parent(root, to, &name_to);
	int code = folder < 0 ? folder : folder_to < 0 ? folder_to : 0;

	if (code == 0 && renameat(folder, name, folder_to, name_to) < 0)
		code = -errno;
	if (code == 0)
		code = sync_folder(folder_to);
	return code < 0 ? fail(err, code, "rename", path) : 0;
}

int tree_open_folder(int root, const char *path)
{
	int fd = open_inside(root, path, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? -errno : fd;
}

size_t tree_count(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t count = 0;

	if (!list) {
		(void)fd_close(fd);
		return 0;
	}
	while ((entry = readdir(list)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	(void)closedir(list);
	return count;
}
