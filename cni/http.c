/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/httperr.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "cni/error.h"
#include "config/base/clean.h"

enum {
	HTTP_HOST_ROOM = 64,
	HTTP_HEAD_BYTES = 12, /* "HTTP/1.1 200" */
	HTTP_PIECE_BYTES = 4096,
};

union http_socket_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct http_place {
	union http_socket_address address;
	socklen_t address_len;
	bool is_tls;
	char host[HTTP_HOST_ROOM]; /* as in a certificate */
	char port[8];
	char header[HTTP_HOST_ROOM + 12]; /* value of Host */
};

struct http {
	const struct http_request *request;
	struct http_reply *reply;
	struct err *err;
	struct http_place place;
	int fd;				/* owned */
	BIO *bio;			/* owned; buffer, TLS, socket */
	SSL_CTX *tls;			/* owned */
	OSSL_HTTP_REQ_CTX *exchange;	/* owned */
	char head[HTTP_HEAD_BYTES + 1]; /* first bytes received: OpenSSL keeps the status back */
	size_t head_len;
};

int64_t http_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void http_reply_done(struct http_reply *reply)
{
	buf_done(&reply->body);
}

/* What OpenSSL says, as -EPROTO. */
static int http_openssl(struct http *http, const char *what)
{
	char text[256] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return err_set(http->err, -EPROTO, "%s: %s: %s", http->request->url, what, text);
}

static int http_place_unix(struct http *http, const char *path)
{
	struct sockaddr_un *un = &http->place.address.un;

	if (path[0] != '/' || strlen(path) >= sizeof(un->sun_path))
		return cni_err(http->err, CNI_CONFIG_INVALID, "not a usable path: %s",
			       http->request->url);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	http->place.address_len = sizeof(*un);
	(void)snprintf(http->place.host, sizeof(http->place.host), "localhost");
	(void)snprintf(http->place.header, sizeof(http->place.header), "localhost");
	return 0;
}

static int http_place_host(struct http *http, const char *host, int port)
{
	struct http_place *place = &http->place;
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
		return cni_err(http->err, CNI_CONFIG_INVALID,
			       "%s: the host must be an address or localhost", http->request->url);
	(void)snprintf(place->host, sizeof(place->host), "%s", host);
	(void)snprintf(place->port, sizeof(place->port), "%d", port);
	(void)snprintf(place->header, sizeof(place->header), is_ipv6 ? "[%s]:%d" : "%s:%d", host,
		       port);
	return 0;
}

static int http_parse(struct http *http)
{
	const char *url = http->request->url;
	char *host = NULL;
	char *port = NULL;
	char *path = NULL;
	int number = 0;
	int tls = 0;
	int code;

	if (strncmp(url, "unix://", 7) == 0)
		return http_place_unix(http, url + 7);
	if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
	    OSSL_HTTP_parse_url(url, &tls, NULL, &host, &port, &number, &path, NULL, NULL) != 1) {
		ERR_clear_error();
		return cni_err(http->err, CNI_CONFIG_INVALID,
			       "not http://, https:// or unix:///: %s", url);
	}
	http->place.is_tls = tls != 0;
	if (strcmp(path, "/") != 0)
		code = cni_err(http->err, CNI_CONFIG_INVALID, "%s: must have no path", url);
	else
		code = http_place_host(http, host, number);
	OPENSSL_free(host);
	OPENSSL_free(port);
	OPENSSL_free(path);
	return code;
}

/* Wait for the socket. Returns 0 or -ETIMEDOUT. */
static int http_wait(struct http *http, short events, int64_t until_ms)
{
	struct pollfd poll_fd = { .fd = http->fd, .events = events };

	for (;;) {
		int64_t left = until_ms - http_now_ms();
		int n;

		if (left <= 0)
			return err_set(http->err, -ETIMEDOUT, "%s: no answer in time",
				       http->request->url);
		n = poll(&poll_fd, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(http->err, "poll");
	}
}

static int http_connect(struct http *http)
{
	int64_t until = http_now_ms() + HTTP_CONNECT_MS;
	int failed = 0;
	socklen_t len = sizeof(failed);
	int code;

	if (until > http->request->until_ms)
		until = http->request->until_ms;
	http->fd = socket(http->place.address.any.sa_family,
			  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (http->fd < 0)
		return err_errno(http->err, "socket");
	while (connect(http->fd, &http->place.address.any, http->place.address_len) < 0) {
		if (errno == EINPROGRESS) {
			code = http_wait(http, POLLOUT, until);
			if (code < 0)
				return code;
			if (getsockopt(http->fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
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
	return err_errno(http->err, "connect to %s", http->request->url);
}

/* Keep the first bytes that come in. */
static long http_on_io(BIO *bio, int oper, const char *data, size_t len, int argi, long argl,
		       int ret, size_t *processed)
{
	struct http *http = (struct http *)(void *)BIO_get_callback_arg(bio);

	(void)len, (void)argi, (void)argl;
	if (oper == (BIO_CB_READ | BIO_CB_RETURN) && ret > 0 && processed && data) {
		for (size_t i = 0; i < *processed && http->head_len < HTTP_HEAD_BYTES; i++)
			http->head[http->head_len++] = data[i];
	}
	if (oper == (BIO_CB_WRITE | BIO_CB_RETURN) && ret > 0)
		http->reply->was_sent = true;
	return ret;
}

static int http_tls_init(struct http *http, SSL **ssl)
{
	const struct http_request *request = http->request;
	const char *key = request->cert_key ? request->cert_key : request->cert;
	X509_VERIFY_PARAM *param;

	http->tls = SSL_CTX_new(TLS_client_method());
	if (!http->tls || SSL_CTX_set_min_proto_version(http->tls, TLS1_2_VERSION) != 1)
		return http_openssl(http, "TLS");
	SSL_CTX_set_verify(http->tls, SSL_VERIFY_PEER, NULL);
	if ((request->ca ? SSL_CTX_load_verify_locations(http->tls, request->ca, NULL)
			 : SSL_CTX_set_default_verify_paths(http->tls)) != 1)
		return http_openssl(http, request->ca ? request->ca : "authorities");
	if (request->cert && (SSL_CTX_use_certificate_chain_file(http->tls, request->cert) != 1 ||
			      SSL_CTX_use_PrivateKey_file(http->tls, key, SSL_FILETYPE_PEM) != 1))
		return http_openssl(http, request->cert);
	*ssl = SSL_new(http->tls);
	if (!*ssl)
		return http_openssl(http, "TLS");
	SSL_set_connect_state(*ssl);
	param = SSL_get0_param(*ssl);
	if (strcmp(http->place.host, "localhost") == 0
		    ? X509_VERIFY_PARAM_set1_host(param, http->place.host, 0) != 1
		    : X509_VERIFY_PARAM_set1_ip_asc(param, http->place.host) != 1)
		return http_openssl(http, "TLS");
	return 0;
}

/* Put TLS in front of the socket. */
static int http_tls(struct http *http)
{
	SSL *ssl = NULL;
	BIO *bio = BIO_new(BIO_f_ssl());
	int code = bio ? http_tls_init(http, &ssl) : http_openssl(http, "TLS");

	if (code < 0) {
		SSL_free(ssl);
		BIO_free(bio);
		return code;
	}
	(void)BIO_set_ssl(bio, ssl, BIO_CLOSE);
	http->bio = BIO_push(bio, http->bio);
	while (BIO_do_handshake(http->bio) <= 0) {
		if (!BIO_should_retry(http->bio))
			return http_openssl(http, "TLS handshake");
		code = http_wait(http, BIO_should_write(http->bio) ? POLLOUT : POLLIN,
				 http->request->until_ms);
		if (code < 0)
			return code;
	}
	return 0;
}

static int http_stack(struct http *http)
{
	BIO *buffer;
	int code;

	http->bio = BIO_new_socket(http->fd, BIO_NOCLOSE);
	if (!http->bio)
		return http_openssl(http, "socket");
	if (http->place.is_tls) {
		code = http_tls(http);
		if (code < 0)
			return code;
	}
	BIO_set_callback_arg(http->bio, (char *)http);
	BIO_set_callback_ex(http->bio, http_on_io);
	buffer = BIO_new(BIO_f_buffer());
	if (!buffer)
		return http_openssl(http, "buffer");
	http->bio = BIO_push(buffer, http->bio);
	return 0;
}

/* With our own connection on both ends OpenSSL looks for no proxy. */
static int http_prepare(struct http *http)
{
	const struct http_request *request = http->request;
	STACK_OF(CONF_VALUE) *headers = NULL;
	BIO *body = NULL;
	bool is_ready = X509V3_add_value("Host", http->place.header, &headers) == 1;

	if (request->header[0])
		is_ready = is_ready &&
			   X509V3_add_value(request->header[0], request->header[1], &headers) == 1;
	if (request->body) {
		body = BIO_new_mem_buf(request->body, (int)request->body_len);
		is_ready = is_ready && body;
	}
	if (is_ready)
		http->exchange = OSSL_HTTP_open(http->place.host, NULL, NULL, NULL, 0, http->bio,
						http->bio, NULL, NULL, 0, 0);
	is_ready =
		http->exchange && OSSL_HTTP_set1_request(http->exchange, request->path, headers,
							 body ? "application/json" : NULL, body,
							 NULL, 0, HTTP_BODY_MAX_BYTES, 0, 0) == 1;
	sk_CONF_VALUE_pop_free(headers, X509V3_conf_free);
	BIO_free(body);
	return is_ready ? 0 : http_openssl(http, "request");
}

/* "HTTP/1.1 404" among the first bytes; 0: it is not there. */
static int http_status(const struct http *http)
{
	int status = 0;

	if (http->head_len < HTTP_HEAD_BYTES || strncmp(http->head, "HTTP/1.", 7) != 0 ||
	    http->head[8] != ' ')
		return 0;
	for (size_t i = 9; i < HTTP_HEAD_BYTES; i++) {
		if (http->head[i] < '0' || http->head[i] > '9')
			return 0;
		status = status * 10 + (http->head[i] - '0');
	}
	return status;
}

/* Send, and read as far as the body. Returns 0, 1 (a status without its body), or negative. */
static int http_exchange(struct http *http)
{
	int code;
	int n;

	while ((n = OSSL_HTTP_REQ_CTX_nbio(http->exchange)) < 0) {
		code = http_wait(http, BIO_should_write(http->bio) ? POLLOUT : POLLIN,
				 http->request->until_ms);
		if (code < 0)
			return code;
	}
	http->reply->status = http_status(http);
	if (n > 0)
		return http->reply->status != 0 ? 0 : http_openssl(http, "not HTTP");
	if (http->reply->status != 0 && http->reply->status != 200) {
		ERR_clear_error();
		return 1;
	}
	if (http->head_len > 0 && http->reply->status == 0)
		return http_openssl(http, "not HTTP");
	if (http->reply->status != 0 &&
	    ERR_GET_REASON(ERR_peek_error()) == HTTP_R_MAX_RESP_LEN_EXCEEDED) {
		ERR_clear_error();
		return err_set(http->err, -EMSGSIZE, "%s: the reply is too large",
			       http->request->url);
	}
	ERR_clear_error();
	return err_set(http->err, -ECONNRESET, "%s: closed without a reply", http->request->url);
}

/* Read the body to its announced length, or to the end. */
static int http_body(struct http *http)
{
	size_t want = OSSL_HTTP_REQ_CTX_get_resp_len(http->exchange);
	struct buf *body = &http->reply->body;
	int code;

	while (want == 0 || body->len < want) {
		uint8_t *to = buf_reserve(body, HTTP_PIECE_BYTES + 1, HTTP_BODY_MAX_BYTES);
		int n;

		if (!to)
			return err_set(http->err, -EMSGSIZE, "%s: the reply is too large",
				       http->request->url);
		n = BIO_read(http->bio, to, HTTP_PIECE_BYTES);
		if (n > 0) {
			body->len += (size_t)n;
			to[n] = '\0';
			continue;
		}
		if (!BIO_should_retry(http->bio))
			break;
		code = http_wait(http, BIO_should_write(http->bio) ? POLLOUT : POLLIN,
				 http->request->until_ms);
		if (code < 0)
			return code;
	}
	ERR_clear_error();
	if (body->len < want)
		return err_set(http->err, -ECONNRESET, "%s: closed within the reply",
			       http->request->url);
	return 0;
}

static int http_run(struct http *http)
{
	int code = http_parse(http);

	if (code == 0)
		code = http_connect(http);
	if (code == 0)
		code = http_stack(http);
	if (code == 0)
		code = http_prepare(http);
	if (code == 0)
		code = http_exchange(http);
	if (code == 0)
		code = http_body(http);
	return code < 0 ? code : 0;
}

int http_call(const struct http_request *request, struct http_reply *reply, struct err *err)
{
	struct http http = { .request = request, .reply = reply, .err = err, .fd = -1 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction former;
	int code;

	/* OpenSSL writes to sockets without MSG_NOSIGNAL */
	(void)sigaction(SIGPIPE, &ignore, &former);
	code = http_run(&http);
	OSSL_HTTP_REQ_CTX_free(http.exchange);
	BIO_free_all(http.bio);
	SSL_CTX_free(http.tls);
	(void)fd_close(http.fd);
	(void)sigaction(SIGPIPE, &former, NULL);
	return code;
}
