/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/http_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cni/error.h"
#include "cni/http.h"
#include "cni/openssl.h"
#include "config/base/err.h"

static int http_place_unix(struct http_place *place, const char *path, struct err *err)
{
	struct sockaddr_un *un = &place->address.un;

	if (path[0] != '/' || strlen(path) >= sizeof(un->sun_path))
		return cni_err(err, CNI_CONFIG_INVALID, "not a usable path: %s", place->url);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	place->address_len = sizeof(*un);
	(void)snprintf(place->host, sizeof(place->host), "localhost");
	(void)snprintf(place->header, sizeof(place->header), "localhost");
	return 0;
}

static int http_place_host(struct http_place *place, const char *host, int port, struct err *err)
{
	const char *literal = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	bool is_ipv6 = strchr(literal, ':') != NULL;

	if (is_ipv6) {
		place->address.in6.sin6_family = AF_INET6;
		place->address.in6.sin6_port = htons((uint16_t)port);
		place->address_len = sizeof(place->address.in6);
	} else {
		place->address.in.sin_family = AF_INET;
		place->address.in.sin_port = htons((uint16_t)port);
		place->address_len = sizeof(place->address.in);
	}
	if (strlen(host) >= sizeof(place->host) ||
	    inet_pton(place->address.any.sa_family, literal,
		      is_ipv6 ? (void *)&place->address.in6.sin6_addr
			      : (void *)&place->address.in.sin_addr) != 1)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "%s: the host must be an address or localhost", place->url);
	(void)snprintf(place->host, sizeof(place->host), "%s", host);
	(void)snprintf(place->header, sizeof(place->header), is_ipv6 ? "[%s]:%d" : "%s:%d", host,
		       port);
	return 0;
}

int http_place_parse(struct http_place *place, const char *url, struct err *err)
{
	char *host = NULL;
	char *port = NULL;
	char *path = NULL;
	int number = 0;
	int tls = 0;
	int code;

	place->url = url;
	if (strncmp(url, "unix://", 7) == 0)
		return http_place_unix(place, url + 7, err);
	if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
	    openssl.OSSL_HTTP_parse_url(url, &tls, NULL, &host, &port, &number, &path, NULL,
					NULL) != 1) {
		openssl.ERR_clear_error();
		return cni_err(err, CNI_CONFIG_INVALID, "not http://, https:// or unix:///: %s",
			       url);
	}
	place->is_tls = tls != 0;
	if (strcmp(path, "/") != 0)
		code = cni_err(err, CNI_CONFIG_INVALID, "%s: must have no path", url);
	else
		code = http_place_host(place, host, number, err);
	openssl.CRYPTO_free(host, __FILE__, __LINE__);
	openssl.CRYPTO_free(port, __FILE__, __LINE__);
	openssl.CRYPTO_free(path, __FILE__, __LINE__);
	return code;
}

int http_place_wait(const struct http_place *place, bool is_write, int64_t until_ms,
		    struct err *err)
{
	struct pollfd poll_fd = { .fd = place->fd, .events = is_write ? POLLOUT : POLLIN };

	for (;;) {
		int64_t left = until_ms - http_now_ms();
		int n;

		if (left <= 0)
			return err_set(err, -ETIMEDOUT, "%s: no answer in time", place->url);
		n = poll(&poll_fd, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(err, "poll");
	}
}

int http_place_connect(struct http_place *place, int64_t until_ms, struct err *err)
{
	int64_t until = http_now_ms() + HTTP_CONNECT_MS;
	int failed = 0;
	socklen_t len = sizeof(failed);
	int code;

	if (until > until_ms)
		until = until_ms;
	place->fd =
		socket(place->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (place->fd < 0)
		return err_errno(err, "socket");
	while (connect(place->fd, &place->address.any, place->address_len) < 0) {
		if (errno == EINPROGRESS) {
			code = http_place_wait(place, true, until, err);
			if (code < 0)
				return code;
			if (getsockopt(place->fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
				failed = errno;
			break;
		}
		failed = errno;
		/* a Unix socket whose queue is full cannot be waited for */
		if ((failed != EAGAIN && failed != EINTR) || http_now_ms() >= until)
			break;
		failed = 0;
		(void)usleep(5000);
	}
	if (failed == 0)
		return 0;
	errno = failed;
	return err_errno(err, "connect to %s", place->url);
}
