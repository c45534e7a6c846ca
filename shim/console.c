/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"

int console_listen(struct console *console, int bundle_fd, struct err *err)
{
	static unsigned int count;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	console->bundle_fd = bundle_fd;
	(void)snprintf(console->name, sizeof(console->name), "pty%u.sock", count++);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", bundle_fd,
		       console->name);
	(void)unlinkat(bundle_fd, console->name, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		return err_errno(err, "failed to create OCI runtime console socket");
	console->listen_fd = fd_take(&fd);
	return 0;
}

int console_take_master(struct console *console, struct err *err)
{
	char name[4096]; /* runc sends the terminal's name along; go-runc takes as much */
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = name, .iov_len = sizeof(name) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	own_fd int connection =
		accept4(console->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct cmsghdr *header;
	int fd;

	if (connection < 0)
		return err_errno(err, "failed to retrieve console master: no connection");
	if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) < 0)
		return err_errno(err, "failed to retrieve console master");
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(int)))
		return err_set(
			err, -EBADMSG,
			"failed to retrieve console master: the message holds no descriptor");
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

void console_done(struct console *console)
{
	if (console->listen_fd < 0)
		return;
	console->listen_fd = fd_close(console->listen_fd);
	(void)unlinkat(console->bundle_fd, console->name, 0);
}
