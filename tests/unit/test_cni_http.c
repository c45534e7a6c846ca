/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/un.h>

#include "cni/error.h"
#include "cni/http.h"
#include "tests/unit/cni_server.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static struct err err;
static struct http_reply reply;
static char ca[96];

static int get(const char *url, int limit_ms, const char *authority, const char *cert)
{
	struct http_request request = {
		.url = url,
		.path = "/a?b=c",
		.ca = authority,
		.cert = cert,
		.until_ms = http_now_ms() + limit_ms,
	};

	memset(&reply, 0, sizeof(reply));
	return http_call(&request, &reply, &err);
}

static int ask(const char *raw)
{
	const char *const replies[] = { raw, NULL };
	struct server server = server_start(replies);
	bool in_vain = strcmp(raw, SERVER_HANG) == 0 || strcmp(raw, SERVER_FLOOD) == 0;
	int code = get(server.url, in_vain ? 500 : 20000, NULL, NULL);

	server_stop(&server);
	return code;
}

TEST(bodies_end_with_their_length_or_with_the_connection)
{
	CHECK(ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more") == 0);
	CHECK(reply.status == 200 && reply.body.len >= 5);
	CHECK(memcmp(reply.body.data, "hello", 5) == 0);
	http_reply_done(&reply);
	CHECK(ask("HTTP/1.0 200 OK\r\n\r\nhello") == 0 && reply.body.len == 5);
	CHECK(reply.was_sent);
	http_reply_done(&reply);
	CHECK(ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello") == -ECONNRESET);
	http_reply_done(&reply);
}

TEST(what_is_not_http_is_told)
{
	CHECK(ask("SSH-2.0-x\r\n\r\n") < 0);
	CHECK(ask("HTTP/1.1 2x0 OK\r\n\r\n") < 0);
	CHECK(ask("HTTP/1.1 200 OK\r\nContent-Len") == -ECONNRESET);
	CHECK(ask("") == -ECONNRESET);
	CHECK(ask(SERVER_HANG) == -ETIMEDOUT && reply.was_sent);
	CHECK(ask("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx") < 0);
	http_reply_done(&reply);
	CHECK(ask("HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n") == 0);
	CHECK(reply.status == 302);
}

TEST(a_head_that_never_ends_is_read_no_longer_than_there_is_time)
{
	int64_t begun = http_now_ms();

	(void)alarm(60); /* of a second; the whole program goes with it */
	CHECK(ask(SERVER_FLOOD) == -ETIMEDOUT);
	(void)alarm(0);
	CHECK(http_now_ms() - begun < 20000);
	http_reply_done(&reply);
}

TEST(urls_are_checked)
{
	static const char *const bad[] = { "ftp://127.0.0.1",	 "http://example.org",
					   "127.0.0.1:1",	 "http://127.0.0.1/path",
					   "unix://relative",	 "",
					   "http://127.0.0.1:x", "http://[::1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(get(bad[i], 100, NULL, NULL) == -(CNI_ERR_BASE + CNI_CONFIG_INVALID));
	CHECK(get("http://127.0.0.1:1", 100, NULL, NULL) == -ECONNREFUSED && !reply.was_sent);
	CHECK(get("unix:///nowhere/at/all", 100, NULL, NULL) == -ENOENT);
}

TEST(a_unix_socket_is_asked_like_any_other)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct folder folder = folder_new();
	char url[160];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder.path);
	(void)snprintf(url, sizeof(url), "unix://%s", address.sun_path);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 4) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		server_one(accept(listener, NULL, NULL), SERVER_OK("{}"),
			   open("/dev/null", O_WRONLY));
		_exit(0);
	}
	CHECK(get(url, 2000, NULL, NULL) == 0 && reply.status == 200 && reply.body.len == 2);
	http_reply_done(&reply);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(listener);
	(void)unlink(address.sun_path);
	(void)rmdir(folder.path);
	(void)close(folder.fd);
}

/* A key and a certificate of its own for 127.0.0.1, in one file. */
static void make_certificate(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *name =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	FILE *file = fopen(path, "we");

	if (!key || !cert || !name || !file)
		abort();
	(void)X509_set_version(cert, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	(void)X509_set_pubkey(cert, key);
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
					 (const unsigned char *)path, -1, -1, 0);
	(void)X509_set_issuer_name(cert, X509_get_subject_name(cert));
	(void)X509_add_ext(cert, name, -1);
	if (X509_sign(cert, key, EVP_sha256()) == 0 || PEM_write_X509(file, cert) != 1 ||
	    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	(void)fclose(file);
	X509_EXTENSION_free(name);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* Serve one connection over TLS. */
static pid_t serve_tls(const char *cert, bool wants_client, char url[64])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 4) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0)
		abort();
	(void)snprintf(url, 64, "https://127.0.0.1:%d", ntohs(address.sin_port));
	pid = fork();
	if (pid == 0) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		SSL *ssl;
		char text[2048];

		(void)signal(SIGPIPE, SIG_IGN);
		if (SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_load_verify_locations(ctx, cert, NULL) != 1)
			_exit(1);
		if (wants_client)
			SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
					   NULL);
		ssl = SSL_new(ctx);
		(void)SSL_set_fd(ssl, accept(listener, NULL, NULL));
		if (SSL_accept(ssl) == 1 && SSL_read(ssl, text, sizeof(text)) > 0)
			(void)SSL_write(ssl, SERVER_OK("{}"), sizeof(SERVER_OK("{}")) - 1);
		(void)SSL_shutdown(ssl);
		_exit(0);
	}
	(void)close(listener);
	return pid;
}

static int ask_tls(const char *server_cert, bool wants_client, const char *authority,
		   const char *cert)
{
	char url[64];
	pid_t pid = serve_tls(server_cert, wants_client, url);
	int code = get(url, 3000, authority, cert);

	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return code;
}

TEST(tls_is_checked_on_both_ends)
{
	struct folder folder = folder_new();
	char other[96];

	(void)snprintf(ca, sizeof(ca), "%s/a.pem", folder.path);
	(void)snprintf(other, sizeof(other), "%s/b.pem", folder.path);
	make_certificate(ca);
	make_certificate(other);
	CHECK(ask_tls(ca, false, ca, NULL) == 0 && reply.status == 200 && reply.body.len == 2);
	http_reply_done(&reply);
	CHECK(ask_tls(ca, true, ca, ca) == 0 && reply.status == 200);
	http_reply_done(&reply);
	CHECK(ask_tls(ca, true, ca, NULL) < 0);
	http_reply_done(&reply);
	CHECK(ask_tls(ca, false, other, NULL) == -EPROTO && !reply.was_sent);
	CHECK(strstr(err.msg, "certificate verify failed"));
	CHECK(ask_tls(ca, false, "/nowhere.pem", NULL) == -EPROTO);
	CHECK(strstr(err.msg, "/nowhere.pem"));
	CHECK(ask_tls(ca, false, ca, "/nowhere.pem") == -EPROTO);
	(void)unlink(ca);
	(void)unlink(other);
	(void)rmdir(folder.path);
	(void)close(folder.fd);
}
