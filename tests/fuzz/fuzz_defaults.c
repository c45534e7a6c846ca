/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a config.json, into which defaults are put; or the resources of an Update. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/defaults_spec.h"

enum { OUT_MAX_BYTES = 16 << 20 };

/* Without what was put in, in its place, the document is what it was. */
static void check_rest(const struct json_edit *edit, const char *before, size_t len,
		       const struct buf *after)
{
	size_t from = 0;
	size_t to = 0;

	for (size_t i = 0; i < edit->count; i++) {
		const struct json_insert *insert = &edit->inserts[i];

		FUZZ_CHECK(insert->at >= from && insert->at <= len);
		FUZZ_CHECK(memcmp(before + from, after->data + to, insert->at - from) == 0);
		to += insert->at - from + insert->len;
		from = insert->at;
	}
	FUZZ_CHECK(after->len - to == len - from);
	FUZZ_CHECK(memcmp(before + from, after->data + to, len - from) == 0);
}

/* What was edited is JSON, says everything now, and is not edited again. */
static void check(const char *bytes, size_t len, int depth, const struct container_defaults *wanted)
{
	struct defaults_spec spec = { .depth = depth };
	struct defaults_spec again = { .depth = depth };
	struct json_edit edit;
	struct buf out = { 0 };
	struct err err = { 0 };

	if (json_scan(bytes, len, defaults_spec_value, &spec, &err) < 0)
		return;
	if (defaults_spec_edit(&spec, wanted, 1 << 30, &edit) < 0) {
		FUZZ_CHECK(edit.count == 0);
		return;
	}
	FUZZ_CHECK(json_edit_bytes(&edit, bytes, len, &out, OUT_MAX_BYTES) == 0);
	check_rest(&edit, bytes, len, &out);
	FUZZ_CHECK(json_scan((const char *)out.data, out.len, defaults_spec_value, &again, &err) ==
		   0);
	FUZZ_CHECK(again.has_limit == spec.has_limit && again.is_sandbox == spec.is_sandbox);
	FUZZ_CHECK(edit.count == 0 || again.said != spec.said);
	FUZZ_CHECK(defaults_spec_edit(&again, wanted, 1 << 30, &edit) == 0 && edit.count == 0);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = (char *)fuzz_copy(data, size);
	struct container_defaults wanted;
	struct err err;

	for (int key = 0; key < DEFAULT_MAX; key++)
		wanted.of[key] = (struct host_value){ .is_set = true, .number = 1 };
	fuzz_put("config.json", data, size);
	check(copy, size, 2, &wanted);
	check(copy, size, 0, &wanted);
	(void)container_defaults_read(fuzz_folder(), "config.json", &wanted, &err);
	free(copy);
	return 0;
}
