/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/http.h"

#include <errno.h>
#include <openssl/httperr.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cni/http_place.h"
#include "cni/openssl.h"
#include "config/base/clean.h"
#include "config/base/err.h"

enum {
	HTTP_HEAD_BYTES = 12, /* "HTTP/1.1 200" */
	HTTP_PIECE_BYTES = 4096,
};

struct http {
	const struct http_request *request;
	struct http_reply *reply;
	struct err *err;
	struct http_place place;
	BIO *bio;			/* owned; buffer, TLS, socket */
	SSL_CTX *tls;			/* owned */
	OSSL_HTTP_REQ_CTX *exchange;	/* owned */
	char head[HTTP_HEAD_BYTES + 1]; /* first bytes received: OpenSSL keeps the status back */
	size_t head_len;
	bool is_late; /* a read was refused: the deadline had passed */
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
	unsigned long code = openssl.ERR_peek_last_error();

	if (code != 0)
		openssl.ERR_error_string_n(code, text, sizeof(text));
	openssl.ERR_clear_error();
	return err_set(http->err, -EPROTO, "%s: %s: %s", http->request->url, what, text);
}

static bool http_may_retry(const struct http *http)
{
	return openssl.BIO_test_flags(http->bio, BIO_FLAGS_SHOULD_RETRY) != 0;
}

/* Wait for what OpenSSL waits for. Returns 0 or -ETIMEDOUT. */
static int http_await(struct http *http)
{
	bool is_write = openssl.BIO_test_flags(http->bio, BIO_FLAGS_WRITE) != 0;

	return http_place_wait(&http->place, is_write, http->request->until_ms, http->err);
}

/*
 * Keep the first bytes that come in; read nothing behind the deadline: OpenSSL goes on as long as
 * there is something, and a head may have no end.
 */
static long http_on_io(BIO *bio, int oper, const char *data, size_t len, int argi, long argl,
		       int ret, size_t *processed)
{
	struct http *http = (struct http *)(void *)openssl.BIO_get_callback_arg(bio);

	(void)len, (void)argi, (void)argl;
	if (oper == BIO_CB_READ && http_now_ms() >= http->request->until_ms) {
		http->is_late = true;
		return -1;
	}
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

	http->tls = openssl.SSL_CTX_new(openssl.TLS_client_method());
	if (!http->tls || openssl.SSL_CTX_ctrl(http->tls, SSL_CTRL_SET_MIN_PROTO_VERSION,
					       TLS1_2_VERSION, NULL) != 1)
		return http_openssl(http, "TLS");
	openssl.SSL_CTX_set_verify(http->tls, SSL_VERIFY_PEER, NULL);
	if ((request->ca ? openssl.SSL_CTX_load_verify_locations(http->tls, request->ca, NULL)
			 : openssl.SSL_CTX_set_default_verify_paths(http->tls)) != 1)
		return http_openssl(http, request->ca ? request->ca : "authorities");
	if (request->cert &&
	    (openssl.SSL_CTX_use_certificate_chain_file(http->tls, request->cert) != 1 ||
	     openssl.SSL_CTX_use_PrivateKey_file(http->tls, key, SSL_FILETYPE_PEM) != 1))
		return http_openssl(http, request->cert);
	*ssl = openssl.SSL_new(http->tls);
	if (!*ssl)
		return http_openssl(http, "TLS");
	openssl.SSL_set_connect_state(*ssl);
	param = openssl.SSL_get0_param(*ssl);
	if (strcmp(http->place.host, "localhost") == 0
		    ? openssl.X509_VERIFY_PARAM_set1_host(param, http->place.host, 0) != 1
		    : openssl.X509_VERIFY_PARAM_set1_ip_asc(param, http->place.host) != 1)
		return http_openssl(http, "TLS");
	return 0;
}

/* Put TLS in front of the socket. */
static int http_tls(struct http *http)
{
	SSL *ssl = NULL;
	BIO *bio = openssl.BIO_new(openssl.BIO_f_ssl());
	int code = bio ? http_tls_init(http, &ssl) : http_openssl(http, "TLS");

	if (code < 0) {
		openssl.SSL_free(ssl);
		openssl.BIO_free(bio);
		return code;
	}
	(void)openssl.BIO_ctrl(bio, BIO_C_SET_SSL, BIO_CLOSE, ssl);
	http->bio = openssl.BIO_push(bio, http->bio);
	while (openssl.BIO_ctrl(http->bio, BIO_C_DO_STATE_MACHINE, 0, NULL) <= 0) {
		if (!http_may_retry(http))
			return http_openssl(http, "TLS handshake");
		code = http_await(http);
		if (code < 0)
			return code;
	}
	return 0;
}

static int http_stack(struct http *http)
{
	BIO *buffer;
	int code;

	http->bio = openssl.BIO_new_socket(http->place.fd, BIO_NOCLOSE);
	if (!http->bio)
		return http_openssl(http, "socket");
	if (http->place.is_tls) {
		code = http_tls(http);
		if (code < 0)
			return code;
	}
	openssl.BIO_set_callback_arg(http->bio, (char *)http);
	openssl.BIO_set_callback_ex(http->bio, http_on_io);
	buffer = openssl.BIO_new(openssl.BIO_f_buffer());
	if (!buffer)
		return http_openssl(http, "buffer");
	http->bio = openssl.BIO_push(buffer, http->bio);
	return 0;
}

/* With our own connection on both ends OpenSSL looks for no proxy. */
static int http_prepare(struct http *http)
{
	const struct http_request *request = http->request;
	STACK_OF(CONF_VALUE) *headers = NULL;
	BIO *body = NULL;
	bool is_ready = openssl.X509V3_add_value("Host", http->place.header, &headers) == 1;

	if (request->header[0])
		is_ready = is_ready && openssl.X509V3_add_value(request->header[0],
								request->header[1], &headers) == 1;
	if (request->body) {
		body = openssl.BIO_new_mem_buf(request->body, (int)request->body_len);
		is_ready = is_ready && body;
	}
	if (is_ready)
		http->exchange = openssl.OSSL_HTTP_open(http->place.host, NULL, NULL, NULL, 0,
							http->bio, http->bio, NULL, NULL, 0, 0);
	is_ready = http->exchange &&
		   openssl.OSSL_HTTP_set1_request(http->exchange, request->path, headers,
						  body ? "application/json" : NULL, body, NULL, 0,
						  HTTP_BODY_MAX_BYTES, 0, 0) == 1;
	openssl.OPENSSL_sk_pop_free((OPENSSL_STACK *)headers,
				    (OPENSSL_sk_freefunc)openssl.X509V3_conf_free);
	openssl.BIO_free(body);
	return is_ready ? 0 : http_openssl(http, "request");
}

static int http_late(struct http *http)
{
	openssl.ERR_clear_error();
	return err_set(http->err, -ETIMEDOUT, "%s: no answer in time", http->request->url);
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

	while ((n = openssl.OSSL_HTTP_REQ_CTX_nbio(http->exchange)) < 0) {
		code = http_await(http);
		if (code < 0)
			return code;
	}
	if (http->is_late)
		return http_late(http);
	http->reply->status = http_status(http);
	if (n > 0)
		return http->reply->status != 0 ? 0 : http_openssl(http, "not HTTP");
	if (http->reply->status != 0 && http->reply->status != 200) {
		openssl.ERR_clear_error();
		return 1;
	}
	if (http->head_len > 0 && http->reply->status == 0)
		return http_openssl(http, "not HTTP");
	if (http->reply->status != 0 &&
	    ERR_GET_REASON(openssl.ERR_peek_error()) == HTTP_R_MAX_RESP_LEN_EXCEEDED) {
		openssl.ERR_clear_error();
		return err_set(http->err, -EMSGSIZE, "%s: the reply is too large",
			       http->request->url);
	}
	openssl.ERR_clear_error();
	return err_set(http->err, -ECONNRESET, "%s: closed without a reply", http->request->url);
}

/* Read the body to its announced length, or to the end. */
static int http_body(struct http *http)
{
	size_t want = openssl.OSSL_HTTP_REQ_CTX_get_resp_len(http->exchange);
	struct buf *body = &http->reply->body;
	int code;

	while (want == 0 || body->len < want) {
		uint8_t *to = buf_reserve(body, HTTP_PIECE_BYTES + 1, HTTP_BODY_MAX_BYTES);
		int n;

		if (!to)
			return err_set(http->err, -EMSGSIZE, "%s: the reply is too large",
				       http->request->url);
		n = openssl.BIO_read(http->bio, to, HTTP_PIECE_BYTES);
		if (n > 0) {
			body->len += (size_t)n;
			to[n] = '\0';
			continue;
		}
		if (!http_may_retry(http))
			break;
		code = http_await(http);
		if (code < 0)
			return code;
	}
	if (http->is_late)
		return http_late(http);
	openssl.ERR_clear_error();
	if (body->len < want)
		return err_set(http->err, -ECONNRESET, "%s: closed within the reply",
			       http->request->url);
	return 0;
}

static int http_run(struct http *http)
{
	const struct http_request *request = http->request;
	int code = http_place_parse(&http->place, request->url, http->err);

	if (code == 0)
		code = http_place_connect(&http->place, request->until_ms, http->err);
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
	struct http http = { .request = request, .reply = reply, .err = err, .place.fd = -1 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction former;
	int code = openssl_load(strncmp(request->url, "https://", 8) == 0, err);

	if (code < 0)
		return code;
	/* OpenSSL writes to sockets without MSG_NOSIGNAL */
	(void)sigaction(SIGPIPE, &ignore, &former);
	code = http_run(&http);
	openssl.OSSL_HTTP_REQ_CTX_free(http.exchange);
	openssl.BIO_free_all(http.bio);
	if (http.tls)
		openssl.SSL_CTX_free(http.tls);
	(void)fd_close(http.place.fd);
	(void)sigaction(SIGPIPE, &former, NULL);
	return code;
}
