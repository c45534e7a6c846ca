/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runtime_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"

/* One level: the folder `name`, which must be ours alone to write. */
static int open_own(int parent, const char *name, bool make, mode_t mode, int *dir)
{
	own_fd int fd = -1;
	struct stat st;

	if (make && mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	*dir = fd_take(&fd);
	return 0;
}

int runtime_store_open(const char *path, bool make, int *dir, struct err *err)
{
	char parent[PATH_MAX];
	const char *last = strrchr(path, '/');
	own_fd int above = -1;
	int code;

	if (!last || last == path || (size_t)(last - path) >= sizeof(parent))
		return err_set(err, -EINVAL, "no folder for runtimes: %s", path);
	memcpy(parent, path, (size_t)(last - path));
	parent[last - path] = '\0';
	code = open_own(AT_FDCWD, parent, make, 0711, &above);
	if (code == 0)
		code = open_own(above, last + 1, make, 0700, dir);
	if (code == -EPERM)
		return err_set(err, code, "%s is not trusted: others may write to it", path);
	if (code < 0)
		return err_set(err, code, "open %s: %s", path, err_reason(-code));
	return 0;
}

int runtime_store_key(const char *program, char *key, struct err *err)
{
	struct stat st;

	if (stat(program, &st) < 0)
		return err_errno(err, "stat %s", program);
	(void)snprintf(key, RUNTIME_KEY_ROOM,
		       "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%" PRIx64 "-%" PRIx64
		       ".%" PRIx64,
		       (uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
		       (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec,
		       (uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec);
	return 0;
}
