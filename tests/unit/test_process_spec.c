/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/process_spec.h"

#include <errno.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "tests/unit/test.h"

static int write_spec(const char *json, bool terminal, struct buf *out, struct err *err)
{
	int code = process_spec_write(json, strlen(json), terminal, out, err);

	if (code == 0)
		(void)buf_add(out, "", 1, PROCESS_SPEC_MAX_BYTES);
	return code;
}

TEST(the_request_decides_about_the_terminal)
{
	struct buf out = { 0 };
	struct err err;

	CHECK(write_spec("{\"terminal\":true,\"args\":[\"sh\"],\"cwd\":\"/\"}", false, &out,
			 &err) == 0);
	CHECK(strstr((const char *)out.data, "\"terminal\":false"));
	CHECK(!strstr((const char *)out.data, "\"terminal\":true"));
	CHECK(strstr((const char *)out.data, "\"args\":[\"sh\"]"));
	buf_done(&out);
}

TEST(null_is_an_empty_process)
{
	struct buf out = { 0 };
	struct err err;

	CHECK(write_spec("null", true, &out, &err) == 0);
	CHECK_TEXT((const char *)out.data, "{\"terminal\":true}");
	buf_done(&out);
}

TEST(unknown_keys_and_null_values_pass)
{
	struct buf out = { 0 };
	struct err err;

	CHECK(write_spec("{\"future\":{\"args\":5},\"env\":null,\"user\":{\"uid\":0,\"x\":[1.5]}}",
			 false, &out, &err) == 0);
	buf_done(&out);
}

TEST(an_empty_env_is_none)
{
	static const char *const specs[] = { "{\"env\":[]}", "{\"env\":null}", "{}" };
	struct buf out = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		CHECK(write_spec(specs[i], false, &out, &err) == 0);
		CHECK(strcmp((const char *)out.data, "{\"terminal\":false}") == 0);
		buf_done(&out);
	}
	CHECK(write_spec("{\"env\":[\"A=\"]}", false, &out, &err) == 0);
	CHECK(memmem(out.data, out.len, "\"A=\"", 4) != NULL);
	buf_done(&out);
}

TEST(a_wrong_type_is_named)
{
	static const char *const wrong[][2] = {
		{ "{\"args\":5}", "args" },
		{ "{\"args\":[1]}", "args[0]" },
		{ "{\"env\":\"A=b\"}", "env" },
		{ "{\"cwd\":[]}", "cwd" },
		{ "{\"user\":{\"uid\":-1}}", "user.uid" },
		{ "{\"user\":{\"additionalGids\":[1.5]}}", "user.additionalGids[0]" },
		{ "{\"rlimits\":[{\"soft\":\"1\"}]}", "rlimits[0].soft" },
		{ "{\"oomScoreAdj\":\"1\"}", "oomScoreAdj" },
		{ "{\"capabilities\":{\"bounding\":{}}}", "capabilities.bounding" },
		{ "[]", "document" },
		{ "5", "document" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct buf out = { 0 };
		struct err err;

		CHECK(write_spec(wrong[i][0], false, &out, &err) == -EINVAL);
		CHECK(strstr(err.msg, wrong[i][1]));
		CHECK(out.len == 0);
		buf_done(&out);
	}
}

TEST(what_is_no_json_is_refused)
{
	struct buf out = { 0 };
	struct err err;

	CHECK(write_spec("{\"args\":", false, &out, &err) == -EBADMSG);
	CHECK(write_spec("", false, &out, &err) == -EBADMSG);
	buf_done(&out);
}
