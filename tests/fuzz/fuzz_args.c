/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a command line, one argument per line. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/err.h"
#include "shim/args.h"

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char program[] = "shim";
	char *argv[WORDS_MAX + 2] = { program };
	char *text = fuzz_text(data, size);
	char *rest = text;
	struct args args = { 0 };
	struct err err = { 0 };
	int argc = 1;
	int code;

	while (rest && argc <= WORDS_MAX)
		argv[argc++] = strsep(&rest, "\n");
	code = args_parse(argc, argv, &args, &err);
	FUZZ_CHECK(code == 0 || (code == -EINVAL && err.code == code && err.msg[0]));
	if (code == 0 && !args.version && !args.info && !args.help) {
		FUZZ_CHECK(args.action != ARGS_NONE);
		FUZZ_CHECK(args.id[0] && strlen(args.id) <= ARGS_ID_MAX_BYTES);
		FUZZ_CHECK(!strchr(args.id, '/') && !strstr(args.id, "..") && args.id[0] != '-');
		FUZZ_CHECK(args.ns[0] && !strchr(args.ns, '/'));
	}
	free(text);
	return 0;
}
