/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cni/http.h"
#include "cni/lease.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum {
	SPOOL_STALE_S = 60, /* a file aside of somebody who was killed */
	SPOOL_ID_ROOM = 512,
};

static int spool_open(int dir, int *fd, struct err *err)
{
	if (mkdirat(dir, "spool", 0700) < 0 && errno != EEXIST)
		return err_errno(err, "make the spool");
	*fd = openat(dir, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_errno(err, "open the spool") : 0;
}

int spool_put(int dir, const char *key, const void *bytes, size_t len, struct err *err)
{
	own_fd int fd = -1;
	int code = spool_open(dir, &fd, err);

	if (code == 0)
		code = fd_replace_file(fd, key, bytes, len, 0600, err);
	return code < 0 ? err_wrap(err, "keep a release for later") : 0;
}

int spool_cancel(int dir, const char *key, struct err *err)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "spool/%s", key);
	if (unlinkat(dir, path, 0) == 0 || errno == ENOENT)
		return 0;
	return err_errno(err, "forget a release kept for later");
}

struct spool_walk {
	int spool; /* borrowed */
	int (*tell)(void *owner, const char *bytes, size_t len);
	void *owner;
};

/* One release, locked. What cannot be read now may be later. Returns 0 or what tell said. */
static int spool_one(const struct spool_walk *walk, const char *key)
{
	struct buf buf = { 0 };
	int told = 0;
	int code = fd_read_file(walk->spool, key, SPOOL_MAX_BYTES, &buf);

	if (code == 0 && buf.len > 0)
		told = walk->tell(walk->owner, (const char *)buf.data, buf.len);
	if (told == 0 && (code == 0 || code == -EFBIG))
		(void)unlinkat(walk->spool, key, 0);
	buf_done(&buf);
	return told;
}

/* What was written aside by somebody who was killed. */
static void spool_sweep(int spool, const char *name)
{
	struct stat info;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (fstatat(spool, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	    info.st_mtime + SPOOL_STALE_S < time(NULL))
		(void)unlinkat(spool, name, 0);
}

int spool_replay(int dir, const char *own_key, int64_t until_ms,
		 int (*tell)(void *owner, const char *bytes, size_t len), void *owner,
		 struct err *err)
{
	struct spool_walk walk = { .tell = tell, .owner = owner };
	struct dirent *entry;
	DIR *list;
	int fd = openat(dir, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "open the spool");
	list = fdopendir(fd);
	if (!list) {
		(void)fd_close(fd);
		return err_set(err, -ENOMEM, "no memory to read the spool");
	}
	walk.spool = fd;
	while (http_now_ms() < until_ms && (entry = readdir(list))) {
		struct err ignored = { 0 };
		own_lock int lock = -1;
		int code;

		if (entry->d_name[0] == '.') {
			spool_sweep(fd, entry->d_name);
			continue;
		}
		if (strlen(entry->d_name) >= LEASE_KEY_ROOM ||
		    (own_key && strcmp(entry->d_name, own_key) == 0) ||
		    lease_lock(dir, entry->d_name, 0, &lock, &ignored) != 0)
			continue;
		/* with a lease, somebody has come back; without, the lock was ours alone */
		if (lease_exists(dir, entry->d_name))
			continue;
		code = spool_one(&walk, entry->d_name);
		(void)lease_remove(dir, entry->d_name, &ignored);
		if (code != 0)
			break;
	}
	(void)closedir(list);
	return 0;
}

/* What a file there says; -1: it is not there. */
static ssize_t spool_azure_read(int fd, const char *container, char text[SPOOL_ID_ROOM])
{
	return fd_read_text(fd, container, text, SPOOL_ID_ROOM);
}

int spool_azure_put(const char *azure, const char *container, const char *interface_id,
		    struct err *err)
{
	own_fd int fd = open(azure, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int parent = -1;
	char text[SPOOL_ID_ROOM];
	char aside[300];
	int code;

	if (fd < 0)
		return errno == ENOENT ? 1 : err_errno(err, "open %s", azure);
	if (spool_azure_read(fd, container, text) >= 0 && strcmp(text, interface_id) != 0)
		return 1;
	parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return err_errno(err, "open the folder above %s", azure);
	/* CNS watches the folder: only whole files may appear in it */
	(void)snprintf(aside, sizeof(aside), ".azl-%.250s", container);
	code = fd_replace_file(parent, aside, interface_id, strlen(interface_id), 0600, err);
	if (code < 0)
		return code;
	if (renameat(parent, aside, fd, container) == 0)
		return 0;
	(void)err_errno(err, "keep a release in %s", azure);
	(void)unlinkat(parent, aside, 0);
	return err->code;
}

int spool_azure_cancel(const char *azure, const char *container, const char *interface_id,
		       struct err *err)
{
	own_fd int fd = open(azure, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[SPOOL_ID_ROOM];

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "open %s", azure);
	/* azure-ipam writes the container's id alone: a release of the whole container */
	if (spool_azure_read(fd, container, text) < 0 ||
	    (strcmp(text, interface_id) != 0 && strcmp(text, container) != 0))
		return 0;
	if (unlinkat(fd, container, 0) < 0 && errno != ENOENT)
		return err_errno(err, "forget a release in %s", azure);
	return 0;
}
