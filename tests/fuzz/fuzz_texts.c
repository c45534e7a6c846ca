/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses: a URI of a stream, the options of a mount (one a line), or a line of
 * mountinfo. */
#include "tests/fuzz/fuzz.h"

#include "config/base/err.h"
#include "shim/mount_options.h"
#include "shim/mountinfo.h"
#include "shim/uri.h"

enum { OPTIONS_MAX = 64 };

static void try_uri(const char *text)
{
	char *args[URI_ARGS_MAX];
	char *path = uri_path(text);
	int count = uri_query_args(text, args);

	FUZZ_CHECK(uri_scheme_len(text) <= strlen(text));
	FUZZ_CHECK(!path || strlen(path) <= strlen(text));
	FUZZ_CHECK(count < URI_ARGS_MAX);
	for (int i = 0; i < count; i++) {
		FUZZ_CHECK(strlen(args[i]) <= strlen(text));
		free(args[i]);
	}
	FUZZ_CHECK(count < 0 || !args[count]);
	free(path);
}

static void try_mount_options(char *text)
{
	char *texts[OPTIONS_MAX];
	struct mount_options parsed;
	struct err err = { 0 };
	size_t n = 0;
	int code;

	for (char *rest = text; rest && n < OPTIONS_MAX;)
		texts[n++] = strsep(&rest, "\n");
	code = mount_options_parse(texts, n, &parsed, &err);
	FUZZ_CHECK(code == 0 || (code < 0 && err.code == code));
	if (code == 0) {
		char *joined = mount_options_join(parsed.words, parsed.n_words);

		FUZZ_CHECK(joined);
		FUZZ_CHECK(strlen(joined) == mount_options_size(parsed.words, parsed.n_words));
		FUZZ_CHECK((parsed.uidmap == NULL) == (parsed.gidmap == NULL));
		(void)mount_options_attributes(parsed.flags);
		free(joined);
	}
	mount_options_done(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mountinfo info;
	char *text;

	if (size < 1)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	if (data[0] % 3 == 0)
		try_uri(text);
	else if (data[0] % 3 == 1)
		try_mount_options(text);
	else if (mountinfo_parse(text, &info) == 0)
		FUZZ_CHECK(info.path >= text && info.path + strlen(info.path) <= text + size - 1);
	free(text);
	return 0;
}
