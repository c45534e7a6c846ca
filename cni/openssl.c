/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/openssl.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/base/err.h"

#define OPENSSL_TEXT(token)    OPENSSL_TEXT_OF(token)
#define OPENSSL_TEXT_OF(token) #token

#define OPENSSL_CRYPTO_NAME "libcrypto.so." OPENSSL_TEXT(OPENSSL_SHLIB_VERSION)
#define OPENSSL_SSL_NAME    "libssl.so." OPENSSL_TEXT(OPENSSL_SHLIB_VERSION)

/*
 * What is loaded when needed, for packagers: their tools make dependencies of it.
 *
 * Source: systemd.io, "ELF dlopen() metadata".
 */
#define OPENSSL_NOTE_OWNER "FDO"
#define OPENSSL_NOTE                                                                               \
	"[{\"feature\":\"http\",\"description\":\"Addresses from Azure CNS and IMDS\","            \
	"\"priority\":\"required\",\"soname\":[\"" OPENSSL_CRYPTO_NAME "\"]},"                     \
	"{\"feature\":\"https\",\"description\":\"Azure CNS over TLS\","                           \
	"\"priority\":\"recommended\",\"soname\":[\"" OPENSSL_SSL_NAME "\"]}]"

enum { OPENSSL_NOTE_TYPE = 0x407c0c0a };

struct openssl_note {
	Elf64_Nhdr header; /* of both classes alike */
	char owner[sizeof(OPENSSL_NOTE_OWNER)];
	_Alignas(uint32_t) char text[sizeof(OPENSSL_NOTE)];
};

__attribute__((used, section(".note.dlopen"))) _Alignas(uint32_t) static const
	struct openssl_note openssl_note = {
		.header = { .n_namesz = sizeof(OPENSSL_NOTE_OWNER),
			    .n_descsz = sizeof(OPENSSL_NOTE),
			    .n_type = OPENSSL_NOTE_TYPE },
		.owner = OPENSSL_NOTE_OWNER,
		.text = OPENSSL_NOTE,
	};

/* A function of a library, and where its address goes. */
struct openssl_symbol {
	const char *name;
	size_t at;
};

#define OPENSSL_SYMBOL(name) { #name, offsetof(struct openssl, name) },

static const struct openssl_symbol openssl_of_crypto[] = { OPENSSL_OF_CRYPTO(OPENSSL_SYMBOL) };
static const struct openssl_symbol openssl_of_ssl[] = { OPENSSL_OF_SSL(OPENSSL_SYMBOL) };

struct openssl openssl;
static int openssl_fail(const char *library, struct err *err)
{
	const char *why = dlerror(); /* names the file, and what is wrong with it */

	return err_set(err, -ELIBACC, "HTTP needs OpenSSL's %s, which cannot be loaded: %s",
		       library, why ? why : "no reason given");
}

static int openssl_load_one(const char *library, const struct openssl_symbol *symbols, size_t n,
			    struct err *err)
{
	/* Lazy: a call uses few of its thousands. Never unloaded: OpenSSL cleans up at exit. */
	void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
	struct openssl filled = openssl;

	if (!handle)
		return openssl_fail(library, err);
	for (size_t i = 0; i < n; i++) {
		void *function = dlsym(handle, symbols[i].name);

		if (!function)
			return openssl_fail(library, err);
		memcpy((char *)&filled + symbols[i].at, &function, sizeof(function));
	}
	openssl = filled;
	return 0;
}

int openssl_load(bool with_tls, struct err *err)
{
	int code = 0;

	if (!openssl.BIO_new)
		code = openssl_load_one(OPENSSL_CRYPTO_NAME, openssl_of_crypto,
					sizeof(openssl_of_crypto) / sizeof(openssl_of_crypto[0]),
					err);
	if (code == 0 && with_tls && !openssl.SSL_new)
		code = openssl_load_one(OPENSSL_SSL_NAME, openssl_of_ssl,
					sizeof(openssl_of_ssl) / sizeof(openssl_of_ssl[0]), err);
	return code;
}
