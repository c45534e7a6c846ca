/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "config/base/clean.h"
#include "config/base/err.h"

enum {
	FD_READ_STEP = 4096,
	FD_READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, /* a FIFO is empty, no wait */
};

int fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_read_file(int dir, const char *name, size_t limit, struct buf *buf)
{
	own_fd int fd = openat(dir, name, FD_READ_FLAGS);
	size_t before = buf->len;

	if (fd < 0)
		return -errno;
	for (;;) {
		uint8_t *at = buf_reserve(buf, FD_READ_STEP + 1, before + limit + FD_READ_STEP + 2);
		ssize_t n;

		if (!at) {
			buf->len = before;
			return -ENOMEM;
		}
		n = read(fd, at, FD_READ_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || buf->len + (size_t)n - before > limit) {
			int code = n < 0 ? -errno : -EFBIG;

			buf->len = before;
			return code;
		}
		buf->len += (size_t)n;
		if (n == 0) {
			*at = 0;
			return 0;
		}
	}
}

ssize_t fd_read_text(int dir, const char *name, char *text, size_t room)
{
	own_fd int fd = openat(dir, name, FD_READ_FLAGS);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, text + used, room - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used == room)
			return -EFBIG;
	}
	if (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return (ssize_t)used;
}

int fd_replace_file(int dir, const char *name, const void *bytes, size_t len, mode_t mode,
		    struct err *err)
{
	char aside[300];

	(void)snprintf(aside, sizeof(aside), ".%.250s.%d", name, (int)getpid());
	return fd_replace_file_by(dir, aside, name, bytes, len, mode, err);
}

int fd_replace_file_by(int dir, const char *aside, const char *name, const void *bytes, size_t len,
		       mode_t mode, struct err *err)
{
	own_fd int fd = -1;
	int code;

	(void)unlinkat(dir, aside, 0);
	fd = openat(dir, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_errno(err, "create %s", aside);
	code = fd_write_all(fd, bytes, len);
	if (code == 0 && fchmod(fd, mode) < 0)
		code = -errno;
	if (code == 0 && renameat(dir, aside, dir, name) < 0)
		code = -errno;
	if (code == 0)
		return 0;
	(void)unlinkat(dir, aside, 0);
	errno = -code;
	return err_errno(err, "write %s", name);
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_queued(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) < 0 ? 0 : bytes;
}
