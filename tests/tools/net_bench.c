/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast TCP is from here to there.
 *
 *   net_bench serve ADDRESS PORT         until it is killed; prints "ready" when it listens
 *   net_bench MODE ADDRESS PORT MS       for that many milliseconds, over IPv4
 *
 * MODE, and what is printed:
 *
 *   stream   one connection, as many bytes as go               megabits in a second
 *   rr       one connection, one byte there, one byte back     transactions in a second
 *   crr      the same with a connection for each               transactions in a second
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 128 * 1024, BACKLOG = 16 };

static char piece[PIECE_BYTES];

static long long now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* A stream is drained, of everything else each byte is sent back. */
static void serve_one(int fd)
{
	const int on = 1;
	ssize_t n = recv(fd, piece, sizeof(piece), 0);
	bool is_stream = n > 0 && piece[0] == 's';

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (n > 0) {
		if (!is_stream && send(fd, piece, (size_t)n, MSG_NOSIGNAL) != n)
			return;
		n = recv(fd, piece, sizeof(piece), 0);
	}
}

static void serve(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 || listen(fd, BACKLOG) < 0)
		die("listen");
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer < 0 && errno != ECONNABORTED && errno != EINTR)
			die("accept");
		if (peer >= 0) {
			serve_one(peer);
			(void)close(peer);
		}
	}
}

/* A connection that ends without TIME_WAIT: there are more of them than ports. */
static int reach(const struct sockaddr_in *at)
{
	const struct linger at_once = { .l_onoff = 1 };
	const struct timeval limit = { .tv_sec = 5 };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		die("connect");
	return fd;
}

static void there_and_back(int fd)
{
	char byte = 'r';

	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
		die("exchange");
}

/* How much was done by then: bytes or transactions. */
static long long run(const char *mode, const struct sockaddr_in *at, long long until_us)
{
	bool is_stream = strcmp(mode, "stream") == 0, is_crr = strcmp(mode, "crr") == 0;
	int fd = is_crr ? -1 : reach(at);
	long long done = 0;

	memset(piece, 's', sizeof(piece));
	while (now_us() < until_us) {
		ssize_t n = 1;

		if (is_crr)
			fd = reach(at);
		if (is_stream)
			n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL);
		else
			there_and_back(fd);
		if (n < 0)
			die("send");
		if (is_crr)
			(void)close(fd);
		done += n;
	}
	if (!is_crr)
		(void)close(fd);
	return done;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	long long begun, done;
	double seconds;

	if (argc < 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[3]));
	if (strcmp(argv[1], "serve") == 0)
		serve(&at);
	if (argc < 5)
		return 2;
	begun = now_us();
	done = run(argv[1], &at, begun + atoll(argv[4]) * 1000);
	seconds = (double)(now_us() - begun) / 1e6;
	if (strcmp(argv[1], "stream") == 0)
		(void)printf("%.0f\n", (double)done * 8 / 1e6 / seconds);
	else
		(void)printf("%.0f\n", (double)done / seconds);
	return 0;
}
