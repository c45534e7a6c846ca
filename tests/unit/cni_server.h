/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in HTTP server: a child that gives recorded replies in their order and writes down what
 * it was asked. */
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVER_HANG  "hang"  /* read the request, never answer */
#define SERVER_CLOSE "close" /* read the request, close */
#define SERVER_FLOOD "flood" /* read the request, answer with a head that never ends */

struct server {
	pid_t pid;
	int notes; /* what it was asked, one text after the other */
	char url[64];
	char asked[16384]; /* after server_stop() */
	int requests;
};

/* A request has been read as a whole: its head, and as many bytes as it announces. */
static inline bool server_is_whole(const char *text)
{
	const char *body = strstr(text, "\r\n\r\n");
	const char *length = strstr(text, "Content-Length: ");

	return body && (!length || strlen(body + 4) >= strtoul(length + 16, NULL, 10));
}

static inline void server_flood(int fd)
{
	static const char status[] = "HTTP/1.1 200 OK\r\n";
	char lines[4096];
	ssize_t n = write(fd, status, sizeof(status) - 1);

	for (size_t i = 0; i < sizeof(lines); i += 8)
		memcpy(lines + i, "A: bcd\r\n", 8);
	while (n > 0)
		n = write(fd, lines, sizeof(lines));
}

static inline void server_one(int fd, const char *reply, int notes)
{
	char text[8192] = "";
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(text) - 1 && !server_is_whole(text) &&
	       (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	if (write(notes, text, used) != (ssize_t)used || write(notes, "\n====\n", 6) != 6)
		_exit(1);
	if (strcmp(reply, SERVER_HANG) == 0) {
		struct pollfd gone = { .fd = fd, .events = POLLRDHUP };

		(void)poll(&gone, 1, 30000);
	} else if (strcmp(reply, SERVER_FLOOD) == 0) {
		server_flood(fd);
	} else if (strcmp(reply, SERVER_CLOSE) != 0) {
		(void)!write(fd, reply, strlen(reply));
	}
	(void)close(fd);
}

/* replies: the last one NULL; the last reply is repeated. */
static inline struct server server_start(const char *const *replies)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	struct server server = { 0 };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ends[2];

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 64) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0 || pipe(ends) < 0)
		abort();
	(void)snprintf(server.url, sizeof(server.url), "http://127.0.0.1:%d",
		       ntohs(address.sin_port));
	server.pid = fork();
	if (server.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGPIPE, SIG_IGN);
		(void)close(ends[0]);
		for (size_t i = 0;; i += replies[i + 1] != NULL)
			server_one(accept(listener, NULL, NULL), replies[i], ends[1]);
	}
	(void)close(listener);
	(void)close(ends[1]);
	server.notes = ends[0];
	return server;
}

static inline void server_stop(struct server *server)
{
	size_t used = 0;
	ssize_t n;

	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
	while (used < sizeof(server->asked) - 1 && (n = read(server->notes, server->asked + used,
							     sizeof(server->asked) - 1 - used)) > 0)
		used += (size_t)n;
	(void)close(server->notes);
	server->asked[used] = '\0';
	for (const char *at = server->asked; (at = strstr(at, "\n====\n")); at++)
		server->requests++;
}

/* A reply of status 200 with a body that is a literal. */
#define SERVER_OK(body)                                                                            \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define SERVER_STATUS(status)                                                                      \
	"HTTP/1.1 " status " Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
