/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum { MAP_TEXT_MAX = 4096 }; /* the kernel takes less than a page */

static const uint64_t id_max = UINT32_MAX - 1; /* (uid_t)-1 is nobody's */

/* "CONTAINER:HOST:SIZE", `len` bytes. */
static int range_parse(const char *text, size_t len, uint64_t range[3])
{
	const char *end = text + len;

	for (int i = 0; i < 3; i++) {
		const char *colon = memchr(text, ':', (size_t)(end - text));
		const char *stop = i < 2 ? colon : end;

		if (!stop || num_u64_parse(text, (size_t)(stop - text), &range[i]) < 0)
			return -EINVAL;
		text = stop + 1;
	}
	if (range[2] == 0 || range[2] > id_max + 1 || range[0] > id_max + 1 - range[2] ||
	    range[1] > id_max + 1 - range[2])
		return -EINVAL;
	return 0;
}

int idmap_parse(const char *value, char *text, size_t room)
{
	size_t used = 0;

	for (;;) {
		size_t len = strcspn(value, ",");
		uint64_t range[3];
		int n;

		if (range_parse(value, len, range) < 0)
			return -EINVAL;
		n = snprintf(text + used, room - used, "%llu %llu %llu\n",
			     (unsigned long long)range[0], (unsigned long long)range[1],
			     (unsigned long long)range[2]);
		if (n < 0 || (size_t)n >= room - used)
			return -E2BIG;
		used += (size_t)n;
		if (!value[len])
			return (int)used;
		value += len + 1;
	}
}

static int map_write(pid_t pid, const char *file, const char *value, struct err *err)
{
	char text[MAP_TEXT_MAX];
	char path[64];
	int len = idmap_parse(value, text, sizeof(text));
	own_fd int fd = -1;
	int code;

	if (len < 0)
		return err_set(err, len, "%s: \"%s\" is no list of CONTAINER:HOST:SIZE", file,
			       value);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "open %s", path);
	code = fd_write_all(fd, text, (size_t)len); /* the kernel takes it whole or not */
	if (code < 0) {
		errno = -code;
		return err_errno(err, "write \"%s\" as %s of a user namespace", value, file);
	}
	return 0;
}

/* The child: holds a new user namespace until it is killed. */
static _Noreturn void userns_hold(int report)
{
	int code = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWUSER) < 0)
		code = errno;
	(void)fd_write_all(report, &code, sizeof(code));
	for (;;)
		(void)pause();
}

static int userns_take(pid_t pid, int report, const char *uidmap, const char *gidmap,
		       struct err *err)
{
	char path[64];
	int code = 0;
	int fd;

	if (read(report, &code, sizeof(code)) != (ssize_t)sizeof(code))
		code = ECHILD;
	if (code != 0) {
		errno = code;
		return err_errno(err, "make a user namespace");
	}
	code = map_write(pid, "uid_map", uidmap, err);
	if (code == 0)
		code = map_write(pid, "gid_map", gidmap, err);
	if (code < 0)
		return code;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "open %s", path) : fd;
}

int idmap_userns_open(const char *uidmap, const char *gidmap, struct err *err)
{
	int ends[2];
	own_fd int report = -1;
	pid_t pid;
	int fd;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	report = ends[0];
	pid = fork();
	if (pid == 0)
		userns_hold(ends[1]);
	(void)fd_close(ends[1]);
	if (pid < 0)
		return err_errno(err, "fork");
	fd = userns_take(pid, report, uidmap, gidmap, err);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

int idmap_clone(const char *path, int userns, bool recursive, bool read_only, struct err *err)
{
	unsigned int below = recursive ? AT_RECURSIVE : 0;
	struct mount_attr change = { .attr_set = MOUNT_ATTR_IDMAP,
				     .userns_fd = (__u64)(unsigned int)userns };
	own_fd int tree = open_tree(AT_FDCWD, path,
				    OPEN_TREE_CLONE | (unsigned int)OPEN_TREE_CLOEXEC | below);

	if (tree < 0)
		return err_errno(err, "copy the mount of %s", path);
	if (read_only)
		change.attr_set |= MOUNT_ATTR_RDONLY;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | below, &change, sizeof(change)) < 0)
		return err_errno(err, "id-map %s (can its file system be id-mapped?)", path);
	return fd_take(&tree);
}

int idmap_attach(int tree, const char *path, struct err *err)
{
	if (move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) <
	    0)
		return err_errno(err, "attach the id-mapped mount to %s", path);
	return 0;
}
