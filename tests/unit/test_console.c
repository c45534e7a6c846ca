/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/console.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

/* Connect as runc does: in the bundle, with the bare name. */
static int connect_as_runc(const struct folder *folder, const struct console *console)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
		       folder->fd, console->name);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void send_descriptors(int socket_fd, const int *fds, size_t n)
{
	char text[] = "/dev/ptmx";
	struct iovec data = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (n > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	CHECK(sendmsg(socket_fd, &message, MSG_NOSIGNAL) > 0);
}

TEST(receives_the_descriptor_that_runc_sends)
{
	struct folder folder = folder_new();
	struct console console = { .listen_fd = -1 };
	struct err err = { 0 };
	int ends[2];
	int fd;
	int client;
	char byte = 0;

	CHECK(pipe(ends) == 0);
	CHECK(console_listen(&console, folder.fd, &err) == 0);
	client = connect_as_runc(&folder, &console);
	send_descriptors(client, &ends[0], 1);
	(void)close(client);
	fd = console_take_master(&console, &err);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(write(ends[1], "x", 1) == 1 && read(fd, &byte, 1) == 1 && byte == 'x');
	(void)close(fd);
	(void)close(ends[0]);
	(void)close(ends[1]);
	console_done(&console);
	console_done(&console); /* harmless */
	CHECK(folder_count(&folder) == 0);
	folder_done(&folder);
}

static void check_refused(size_t n_fds, bool say_nothing, const char *want)
{
	struct folder folder = folder_new();
	struct console console = { .listen_fd = -1 };
	struct err err = { 0 };
	int fds[2] = { 0, 1 };
	int client = -1;

	CHECK(console_listen(&console, folder.fd, &err) == 0);
	if (!say_nothing) {
		client = connect_as_runc(&folder, &console);
		send_descriptors(client, fds, n_fds);
	}
	CHECK(console_take_master(&console, &err) < 0);
	CHECK(strstr(err.msg, want));
	if (client >= 0)
		(void)close(client);
	console_done(&console);
	folder_done(&folder);
}

TEST(never_waits_for_a_runtime_that_sends_nothing)
{
	check_refused(0, true, "no connection");
}

TEST(refuses_a_message_without_exactly_one_descriptor_and_leaks_none)
{
	int before = dup(0);
	int after;

	(void)close(before);
	check_refused(0, false, "holds no descriptor");
	check_refused(2, false, "holds no descriptor");
	after = dup(0);
	(void)close(after);
	CHECK(before == after);
}
