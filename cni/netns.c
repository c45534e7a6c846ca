/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cni/error.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

#define NETNS_SELF "/proc/self/ns/net"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* headers before 5.14 lack it */
#endif

int netns_open(const char *path, int *netns, struct err *err)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct statfs fs;
	struct stat theirs;
	struct stat ours;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd < 0)
		return cni_err(err, CNI_NETNS_INVALID, "network namespace %s: %s", path,
			       err_reason(errno));
	if (fstatfs(fd, &fs) < 0)
		return err_errno(err, "network namespace %s", path);
	if (fs.f_type != NSFS_MAGIC)
		return 1;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return cni_err(err, CNI_NETNS_INVALID, "%s is not a network namespace", path);
	if (fstat(fd, &theirs) < 0 || stat(NETNS_SELF, &ours) < 0)
		return err_errno(err, "network namespace %s", path);
	if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
		return cni_err(err, CNI_NETNS_INVALID, "%s is the network namespace of the host",
			       path);
	*netns = fd_take(&fd);
	return 0;
}

int netns_run(int netns, int (*fn)(void *owner, struct err *err), void *owner, struct err *err)
{
	own_fd int home = open(NETNS_SELF, O_RDONLY | O_CLOEXEC);
	int rc;

	if (home < 0)
		return err_errno(err, "open %s", NETNS_SELF);
	if (setns(netns, CLONE_NEWNET) < 0)
		return err_errno(err, "enter the network namespace");
	rc = fn(owner, err);
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* everything from here on would hit the wrong namespace */
	return rc;
}

static int netns_read_cookie(void *owner, struct err *err)
{
	own_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(uint64_t);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, owner, &len) < 0)
		return err_errno(err, "cookie of a network namespace");
	return 0;
}

uint64_t netns_cookie(int netns)
{
	uint64_t cookie = 0;
	struct err ignored;

	return netns_run(netns, netns_read_cookie, &cookie, &ignored) < 0 ? 0 : cookie;
}

int netns_sysctl(const char *name, const char *value, struct err *err)
{
	char path[128];
	own_fd int fd = -1;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return err_errno(err, "set %s", name);
	rc = fd_write_all(fd, value, strlen(value));
	return rc < 0 ? err_set(err, rc, "set %s=%s: %s", name, value, err_reason(-rc)) : 0;
}

int netns_sysctl_read(const char *name)
{
	char path[128];
	char text[24];
	uint64_t value;
	ssize_t len;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	len = fd_read_text(AT_FDCWD, path, text, sizeof(text));
	if (len < 0)
		return (int)len;
	rc = num_u64_parse(text, (size_t)len, &value);
	if (rc < 0)
		return rc;
	return value > INT32_MAX ? -ERANGE : (int)value;
}
