/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange on OpenSSL's client, over TCP, TLS or a Unix socket. Everything is over by a
 * deadline; no proxy is ever asked, no name resolved, no redirection followed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"

struct err;

enum {
	HTTP_CONNECT_MS = 1000,
	HTTP_BODY_MAX_BYTES = 4 << 20,
};

/* All borrowed. */
struct http_request {
	const char *url;       /* http://ADDRESS[:PORT], https://..., unix:///PATH; "localhost" is
				  127.0.0.1 */
	const char *path;      /* "/network/..." with its query */
	const char *header[2]; /* one more header: name and value; NULL: none */
	const char *body;      /* JSON for POST; NULL: GET */
	size_t body_len;
	const char *ca;	      /* https: file of authorities; NULL: the system's */
	const char *cert;     /* https: our certificate with its chain; NULL: none */
	const char *cert_key; /* its private key; NULL: in the same file */
	int64_t until_ms;     /* CLOCK_MONOTONIC */
};

struct http_reply {
	int status;	 /* 200, 404, ... */
	struct buf body; /* owned; NUL-terminated behind its length when not empty; may be empty for
			    a status other than 200 */
	bool was_sent;	 /* also after a failure: the other side may have acted */
};

/*
 * Ask once.
 *
 * reply   zeroed by the caller; filled whatever happens, to be freed with http_reply_done()
 *
 * Returns 0 when there is a reply of any status, CNI_CONFIG_INVALID (the URL, or a file of it), or
 *   -ECONNREFUSED, -ENOENT and others of connect(2)   nobody is there
 *   -ETIMEDOUT     the deadline passed
 *   -ECONNRESET    closed before the reply was whole
 *   -EMSGSIZE      the body is larger than HTTP_BODY_MAX_BYTES
 *   -EPROTO        TLS or HTTP went wrong
 *   -ELIBACC       OpenSSL is not installed
 */
int http_call(const struct http_request *request, struct http_reply *reply, struct err *err);

void http_reply_done(struct http_reply *reply);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t http_now_ms(void);
