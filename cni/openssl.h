/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL, loaded when somebody needs it: linked, its two libraries would take longer to start than
 * a whole ADD that asks nobody over HTTP. Its functions are called through a table that is made of
 * its own headers, so that the compiler checks each call as if it were linked.
 */
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

struct err;

/* Functions, not macros: those that the macros of the headers stand for. */
#define OPENSSL_OF_CRYPTO(X)                                                                       \
	X(BIO_ctrl)                                                                                \
	X(BIO_f_buffer)                                                                            \
	X(BIO_free)                                                                                \
	X(BIO_free_all)                                                                            \
	X(BIO_get_callback_arg)                                                                    \
	X(BIO_new)                                                                                 \
	X(BIO_new_mem_buf)                                                                         \
	X(BIO_new_socket)                                                                          \
	X(BIO_push)                                                                                \
	X(BIO_read)                                                                                \
	X(BIO_set_callback_arg)                                                                    \
	X(BIO_set_callback_ex)                                                                     \
	X(BIO_test_flags)                                                                          \
	X(CRYPTO_free)                                                                             \
	X(ERR_clear_error)                                                                         \
	X(ERR_error_string_n)                                                                      \
	X(ERR_peek_error)                                                                          \
	X(ERR_peek_last_error)                                                                     \
	X(OPENSSL_sk_pop_free)                                                                     \
	X(OSSL_HTTP_REQ_CTX_free)                                                                  \
	X(OSSL_HTTP_REQ_CTX_get_resp_len)                                                          \
	X(OSSL_HTTP_REQ_CTX_nbio)                                                                  \
	X(OSSL_HTTP_open)                                                                          \
	X(OSSL_HTTP_parse_url)                                                                     \
	X(OSSL_HTTP_set1_request)                                                                  \
	X(X509V3_add_value)                                                                        \
	X(X509V3_conf_free)                                                                        \
	X(X509_VERIFY_PARAM_set1_host)                                                             \
	X(X509_VERIFY_PARAM_set1_ip_asc)

#define OPENSSL_OF_SSL(X)                                                                          \
	X(BIO_f_ssl)                                                                               \
	X(SSL_CTX_ctrl)                                                                            \
	X(SSL_CTX_free)                                                                            \
	X(SSL_CTX_load_verify_locations)                                                           \
	X(SSL_CTX_new)                                                                             \
	X(SSL_CTX_set_default_verify_paths)                                                        \
	X(SSL_CTX_set_verify)                                                                      \
	X(SSL_CTX_use_PrivateKey_file)                                                             \
	X(SSL_CTX_use_certificate_chain_file)                                                      \
	X(SSL_free)                                                                                \
	X(SSL_get0_param)                                                                          \
	X(SSL_new)                                                                                 \
	X(SSL_set_connect_state)                                                                   \
	X(TLS_client_method)

#define OPENSSL_MEMBER(name) __typeof__(&(name)) name;

/* NULL until openssl_load() has filled it. */
struct openssl {
	OPENSSL_OF_CRYPTO(OPENSSL_MEMBER)
	OPENSSL_OF_SSL(OPENSSL_MEMBER)
};

extern struct openssl openssl;

/*
 * Fill the table: with libcrypto the first time, with TLS also with libssl, each of the version
 * whose headers we were built with. They stay as long as the process.
 *
 * Returns 0, or -ELIBACC: the text names the library and says why not.
 */
int openssl_load(bool with_tls, struct err *err);
