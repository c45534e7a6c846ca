/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an HTTP request goes to: from its URL to a connected socket. OpenSSL is loaded already. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct err;

enum { HTTP_HOST_ROOM = 64 };

union http_socket_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct http_place {
	const char *url; /* borrowed */
	union http_socket_address address;
	socklen_t address_len;
	bool is_tls;
	char host[HTTP_HOST_ROOM];	  /* as in a certificate */
	char header[HTTP_HOST_ROOM + 12]; /* value of Host */
	int fd;				  /* owned by the caller; -1: not connected */
};

/* Read a URL as http.h describes it. Returns 0 or CNI_CONFIG_INVALID. */
int http_place_parse(struct http_place *place, const char *url, struct err *err);

/* Connect by until_ms (CLOCK_MONOTONIC), and within HTTP_CONNECT_MS. Returns 0, -ETIMEDOUT, or as
 * connect(2). */
int http_place_connect(struct http_place *place, int64_t until_ms, struct err *err);

/* Wait until the socket can be written to, or read from. Returns 0 or -ETIMEDOUT. */
int http_place_wait(const struct http_place *place, bool is_write, int64_t until_ms,
		    struct err *err);
