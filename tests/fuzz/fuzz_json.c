/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a document, read in one piece and in pieces, and written again. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/json.h"

enum { OUT_MAX_BYTES = 16 << 20, FNV_PRIME = 0x01000193 };

struct sum {
	uint32_t hash;
	int settings; /* times that the top-level key "set" came with true */
};

static int take(void *owner, const struct json_path *path, enum json_type type, const char *text,
		size_t len)
{
	struct sum *sum = owner;
	int depth = json_path_depth(path);

	FUZZ_CHECK(depth <= JSON_DEPTH_MAX);
	for (int level = 0; level < depth; level++) {
		const char *key = json_path_key(path, level, NULL);

		FUZZ_CHECK((key == NULL) == (json_path_index(path, level) >= 0));
		sum->hash = (sum->hash ^ (uint32_t)(key ? (unsigned char)key[0] : 1)) * FNV_PRIME;
	}
	FUZZ_CHECK(!json_path_key(path, depth, NULL) && json_path_index(path, depth) == -1);
	for (size_t i = 0; i < len; i++)
		sum->hash = (sum->hash ^ (unsigned char)text[i]) * FNV_PRIME;
	sum->hash = (sum->hash ^ (uint32_t)type) * FNV_PRIME;
	sum->settings += json_path_is(path, "set", NULL) && type == JSON_BOOL && text[0] == 't';
	return 0;
}

/* What is written is JSON again, has the key once, and does not change when written again. */
static void check_rewrite(const char *bytes, size_t len)
{
	struct buf once = { 0 };
	struct buf twice = { 0 };
	struct sum sum = { 0 };
	struct err err = { 0 };

	if (json_set_bool(bytes, len, "set", true, NULL, &once, OUT_MAX_BYTES, &err) == 0) {
		const char *text = (const char *)once.data;

		FUZZ_CHECK(json_scan(text, once.len, take, &sum, &err) == 0);
		FUZZ_CHECK(sum.settings == 1);
		FUZZ_CHECK(json_set_bool(text, once.len, "set", true, NULL, &twice, OUT_MAX_BYTES,
					 &err) == 0);
		FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	}
	buf_done(&once);
	buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = (char *)fuzz_copy(data, size);
	struct sum whole = { 0 };
	struct sum pieces = { 0 };
	struct err err = { 0 };
	int code = json_scan(copy, size, take, &whole, &err);

	FUZZ_CHECK(code == 0 || (code == -EBADMSG && err.code == code));
	fuzz_put("config.json", data, size);
	FUZZ_CHECK(json_scan_file(fuzz_folder(), "config.json", size, take, &pieces, &err) == code);
	FUZZ_CHECK(whole.hash == pieces.hash);
	if (size > 0)
		FUZZ_CHECK(json_scan_file(fuzz_folder(), "config.json", size - 1, take, &pieces,
					  &err) < 0);
	check_rewrite(copy, size);
	free(copy);
	return 0;
}
