/* SPDX-License-Identifier: Apache-2.0 */
/* A second copy of the module whose n-th allocation fails: it must say so and leak nothing. */
#include <stddef.h>
#include <stdlib.h>

static int allocations_left;
static void *failing_realloc(void *data, size_t bytes);

#define json_path_depth twin_path_depth
#define json_path_index twin_path_index
#define json_path_key	twin_path_key
#define json_path_is	twin_path_is
#define json_path_end	twin_path_end
#define json_scan	twin_scan
#define json_scan_file	twin_scan_file
#define json_set_bool	twin_set_bool
#define json_put_string twin_put_string
#define json_put_bytes	twin_put_bytes
#define realloc		failing_realloc
#include "config/json.c"
#undef realloc

#include "tests/unit/test.h"

static void *failing_realloc(void *data, size_t bytes)
{
	return allocations_left-- > 0 ? realloc(data, bytes) : NULL;
}

static int nothing(void *owner, const struct json_path *path, enum json_type type, const char *text,
		   size_t len)
{
	(void)path;
	(void)type;
	(void)text;
	(void)len;
	(*(int *)owner)++;
	return 0;
}

/* A document in which every allocation of the parser happens, in two pieces. */
static int scan_in_two(struct err *err)
{
	static const char text[] = "{\"a\\u00e4\":[[[\"abc\\n\",123,{\"k\":\"\\u00e4\"}]]]}";
	struct scan scan;
	int values = 0;
	int code;

	scan_init(&scan, sizeof(text), nothing, &values, err);
	code = scan_feed(&scan, text, 20);
	if (code == 0)
		code = scan_feed(&scan, text + 20, sizeof(text) - 21);
	if (code == 0)
		code = scan_end(&scan);
	scan_done(&scan);
	return code;
}

TEST(answers_when_the_nth_allocation_fails)
{
	struct err err;
	int failed = 0;
	int code = -1;

	for (int n = 0; n < 100 && code != 0; n++) {
		allocations_left = n;
		code = scan_in_two(&err);
		CHECK(code == 0 || (code == -ENOMEM && err.code == -ENOMEM));
		failed += code != 0;
	}
	CHECK(code == 0);
	CHECK(failed > 3);
}

TEST(keeps_the_parser_within_its_budget)
{
	static const char text[] = "[\"0123456789012345678901234567890123456789\\n\"]";
	struct scan scan;
	struct err err;
	int values = 0;
	int failed = 0;

	allocations_left = 1000000;
	for (size_t budget = 0; budget < 16384; budget += 64) {
		int code;

		scan_init(&scan, 0, nothing, &values, &err);
		scan.bytes_left = budget;
		code = scan_bytes(&scan, text, sizeof(text) - 1);
		CHECK(code == 0 || code == -ENOMEM);
		failed += code != 0;
	}
	CHECK(failed > 3 && failed < 256);
}
