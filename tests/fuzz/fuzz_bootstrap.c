/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are the standard input of `start`; what comes out of it goes on as the shim does. */
#include "tests/fuzz/fuzz.h"

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/bootstrap.h"
#include "shim/options.h"

/* The path of a socket has one shape whatever goes in. */
static void check_path(const char *dir, const char *address, const char *ns, const char *id)
{
	char path[BOOTSTRAP_SOCKET_ROOM];
	struct err err = { 0 };

	if (bootstrap_socket_path(dir, address, ns, id, path, &err) < 0)
		return;
	FUZZ_CHECK(strlen(path) == strlen(dir) + 65);
	FUZZ_CHECK(strspn(path + strlen(dir) + 1, "0123456789abcdef") == 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bootstrap bootstrap = { 0 };
	struct options options = { 0 };
	struct buf answer = { 0 };
	struct err err = { 0 };
	uint8_t *copy = fuzz_copy(data, size);
	char *text = fuzz_text(data, size);
	int code = bootstrap_parse(copy, size, "id", "ns", &bootstrap, &err);

	FUZZ_CHECK(code == 0 || code == 1 || err.code == code);
	FUZZ_CHECK(code == 0 || (!bootstrap.versioned && !bootstrap.options));
	if (options_parse(bootstrap.options, &options, &err) >= 0)
		options_done(&options);
	FUZZ_CHECK(bootstrap_answer(bootstrap.versioned, text, "unix:///s/x", &answer) == 0);
	FUZZ_CHECK(answer.len > 0 && (answer.data[0] == 'u' || answer.data[0] == '{'));
	check_path(bootstrap.socket_dir ? bootstrap.socket_dir : "/s", text, "ns", "id");
	check_path("/s", "/run/c.sock", text, text);
	bootstrap_done(&bootstrap);
	buf_done(&answer);
	free(copy);
	free(text);
	return 0;
}
