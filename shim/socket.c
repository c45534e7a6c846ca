/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"

enum {
	SOCKET_PATH_ROOM = sizeof(((struct sockaddr_un *)0)->sun_path) + 16,
	SOCKET_TRIES = 5,
};

static int fill_address(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(address->sun_path, path);
	return 0;
}

int socket_is_alive(const char *path)
{
	struct sockaddr_un address;
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fill_address(path, &address) < 0 || access(path, F_OK) < 0)
		return 0;
	if (fd < 0) /* we cannot know */
		return 1;
	/* a full backlog (EAGAIN) is somebody's, too */
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	       (errno != ECONNREFUSED && errno != ENOENT);
}

/* Every folder of a path, as mkdir -p. */
static int make_folders(const char *path, struct err *err)
{
	char part[SOCKET_PATH_ROOM];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_errno(err, "mkdir %s", part);
	}
	return 0;
}

/* A listening socket under a name of its own beside the path. */
static int listen_aside(const char *path, char *aside, struct err *err)
{
	struct sockaddr_un address;
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int len = snprintf(aside, SOCKET_PATH_ROOM, "%.*s/.%d", (int)(strrchr(path, '/') - path),
			   path, (int)getpid());

	if (len >= (int)SOCKET_PATH_ROOM || fill_address(aside, &address) < 0)
		return err_set(err, -ENAMETOOLONG, "socket path %s is too long", path);
	(void)unlink(aside);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(err, "bind %s", aside);
	if (chmod(aside, 0600) < 0 || listen(fd, SOMAXCONN) < 0) {
		(void)err_errno(err, "listen on %s", aside);
		(void)unlink(aside);
		return err->code;
	}
	return fd_take(&fd);
}

/* Others may be about to do the same. */
void socket_remove_dead(const char *path)
{
	char folder[SOCKET_PATH_ROOM];
	own_fd int lock = -1;

	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock >= 0)
		(void)flock(lock, LOCK_EX);
	if (!socket_is_alive(path))
		(void)unlink(path);
}

int socket_claim(const char *path, int *listen_fd, struct err *err)
{
	char aside[SOCKET_PATH_ROOM];
	struct sockaddr_un address;
	own_fd int fd = -1;
	int code = -EADDRINUSE;

	if (fill_address(path, &address) < 0)
		return err_set(err, -ENAMETOOLONG, "socket path %s is too long", path);
	if (socket_is_alive(path))
		return 1;
	if (make_folders(path, err) < 0)
		return err->code;
	fd = listen_aside(path, aside, err);
	if (fd < 0)
		return err->code;
	for (int i = 0; i < SOCKET_TRIES && code == -EADDRINUSE; i++) {
		if (link(aside, path) == 0)
			code = 0;
		else if (errno != EEXIST)
			code = err_errno(err, "link %s", path);
		else if (socket_is_alive(path))
			code = 1;
		else
			socket_remove_dead(path);
	}
	(void)unlink(aside);
	if (code == -EADDRINUSE)
		return err_set(err, code, "socket %s: address already in use", path);
	if (code == 0)
		*listen_fd = fd_take(&fd);
	return code;
}

static void retired_name(const char *path, char *name)
{
	(void)snprintf(name, SOCKET_PATH_ROOM, "%.*s/.end.%d", (int)(strrchr(path, '/') - path),
		       path, (int)getpid());
}

int socket_retire(const char *path)
{
	char name[SOCKET_PATH_ROOM];

	retired_name(path, name);
	return rename(path, name) < 0 ? -errno : 0;
}

void socket_unretire(const char *path)
{
	char name[SOCKET_PATH_ROOM];

	retired_name(path, name);
	(void)!link(name,
		    path); /* fails when a new shim took the path meanwhile: then it is theirs */
	(void)unlink(name);
}

void socket_remove(const char *path)
{
	char name[SOCKET_PATH_ROOM];

	retired_name(path, name);
	(void)unlink(name);
}
