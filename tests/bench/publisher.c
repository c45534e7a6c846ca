/* SPDX-License-Identifier: Apache-2.0 */
/* Answers every event with nothing. A process of its own, so that it costs no shim a wait for us.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { CONNS_MAX = 512 };

struct table {
	struct pollfd polls[CONNS_MAX]; /* 0: the driver's end; 1: the listener */
	struct ttrpc_reader readers[CONNS_MAX];
	nfds_t count;
};

static void answer(int fd, uint32_t stream)
{
	struct ttrpc_header header = { .stream = stream, .type = TTRPC_RESPONSE };
	uint8_t bytes[TTRPC_HEADER_BYTES];

	ttrpc_header_write(&header, bytes);
	(void)send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

static bool serve(int fd, struct ttrpc_reader *reader)
{
	uint8_t bytes[16384];
	const uint8_t *in = bytes;
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	while (n > 0) {
		struct ttrpc_frame frame;
		size_t used;

		if (ttrpc_read(reader, in, (size_t)n, &used, &frame) == TTRPC_FRAME)
			answer(fd, frame.header.stream);
		in += used;
		n -= (ssize_t)used;
	}
	return true;
}

static void drop(struct table *table, nfds_t i)
{
	(void)close(table->polls[i].fd);
	ttrpc_reader_done(&table->readers[i]);
	table->count--;
	table->polls[i] = table->polls[table->count];
	table->readers[i] = table->readers[table->count];
}

static void accept_one(struct table *table)
{
	int fd = accept4(table->polls[1].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (table->count == CONNS_MAX) {
		(void)close(fd);
		return;
	}
	table->polls[table->count] = (struct pollfd){ .fd = fd, .events = POLLIN };
	memset(&table->readers[table->count], 0, sizeof(table->readers[0]));
	table->count++;
}

__attribute__((noreturn)) static void publisher_run(int alive, int listener)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		_exit(1);
	table->polls[0] = (struct pollfd){ .fd = alive, .events = POLLIN };
	table->polls[1] = (struct pollfd){ .fd = listener, .events = POLLIN };
	table->count = 2;
	for (;;) {
		if (poll(table->polls, table->count, -1) < 0 && errno != EINTR)
			_exit(1);
		if (table->polls[0].revents)
			_exit(0);
		for (nfds_t i = table->count; i-- > 2;) {
			if (table->polls[i].revents &&
			    !serve(table->polls[i].fd, &table->readers[i]))
				drop(table, i);
		}
		if (table->polls[1].revents)
			accept_one(table);
	}
}

/* A grandchild, left to init: the driver waits for any child and must never wait for this one. */
void publisher_start(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int alive[2];
	pid_t pid;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 128) < 0 || pipe(alive) < 0)
		fail("listen at %s: %s", path, strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void)close(alive[1]);
		if (fork() == 0)
			publisher_run(alive[0], fd);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	(void)close(fd);
	(void)close(alive[0]);
	(void)fcntl(alive[1], F_SETFD, FD_CLOEXEC); /* stays open as long as we live */
}
