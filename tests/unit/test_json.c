/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/guard.h"
#include "tests/unit/test.h"

enum { LIMIT = 1 << 20 };

/* Everything that came, as text: "a[0].b=3:x " per value. */
struct seen {
	char text[2048];
	size_t used;
};

static int see(void *owner, const struct json_path *path, enum json_type type, const char *text,
	       size_t len)
{
	struct seen *seen = owner;

	for (int i = 0; i < json_path_depth(path); i++) {
		char *at = seen->text + seen->used;
		size_t room = sizeof(seen->text) - seen->used;
		const char *key = json_path_key(path, i, NULL);
		int n = key ? snprintf(at, room, "%s%s", i ? "." : "", key)
			    : snprintf(at, room, "[%ld]", json_path_index(path, i));

		seen->used += (size_t)n;
	}
	seen->used += (size_t)snprintf(seen->text + seen->used, sizeof(seen->text) - seen->used,
				       "=%u:%.*s ", (unsigned)type, (int)len, text);
	return 0;
}

static int scan(const char *text, json_fn *fn, void *owner, struct err *err)
{
	struct guard guard = guard_copy(text, strlen(text));
	int code = json_scan((const char *)guard.bytes, strlen(text), fn, owner, err);

	guard_done(&guard);
	return code;
}

TEST(tells_every_value_with_its_path)
{
	struct seen seen = { 0 };
	struct err err;

	CHECK(scan(" {\"a\":[null,true,{\"b\":-1.5e3},[],[false]],\"c\":{\"d\":\"x\"},\"\":1} ",
		   see, &seen, &err) == 0);
	CHECK_TEXT(seen.text,
		   "=4: a=5: a[0]=0:null a[1]=1:true a[2]=4: a[2].b=2:-1.5e3 a[3]=5: a[4]=5: "
		   "a[4][0]=1:false c=4: c.d=3:x =2:1 ");
}

TEST(undoes_escapes_and_keeps_numbers_as_text)
{
	struct seen seen = { 0 };
	struct err err;

	CHECK(scan("[\"\\\"\\\\\\/\\n\\u00e4\\ud83d\\ude00\",18446744073709551616,0.10]", see,
		   &seen, &err) == 0);
	CHECK_TEXT(seen.text, "=5: [0]=3:\"\\/\n\xc3\xa4\xf0\x9f\x98\x80 "
			      "[1]=2:18446744073709551616 [2]=2:0.10 ");
}

TEST(reads_a_scalar_as_document)
{
	struct seen seen = { 0 };
	struct err err;

	CHECK(scan("42", see, &seen, &err) == 0);
	CHECK_TEXT(seen.text, "=2:42 ");
}

static int match(void *owner, const struct json_path *path, enum json_type type, const char *text,
		 size_t len)
{
	int *found = owner;

	(void)text;
	(void)len;
	found[0] += json_path_is(path, NULL);
	found[1] += json_path_is(path, "a", NULL);
	found[2] += json_path_is(path, "a", "*", "b", NULL);
	found[3] += json_path_is(path, "*", NULL);
	found[4] += json_path_is(path, "a", "b", NULL);
	if (json_path_is(path, "a", "*", "b", NULL) && type == JSON_NUMBER) {
		CHECK(json_path_index(path, 1) == 1);
		CHECK(json_path_index(path, 0) == -1 && json_path_index(path, 3) == -1);
		CHECK(json_path_index(path, -1) == -1 && !json_path_key(path, -1, NULL));
		CHECK(!json_path_key(path, 1, NULL) && !json_path_key(path, 3, NULL));
	}
	return 0;
}

TEST(compares_paths_with_patterns)
{
	int found[5] = { 0 };
	struct err err;

	CHECK(scan("{\"a\":[{\"bb\":0},{\"b\":0},{\"x\":{\"b\":1}}],\"*\":1,\"aa\":2}", match,
		   found, &err) == 0);
	CHECK(found[0] == 1 && found[1] == 1 && found[2] == 1);
	CHECK(found[3] == 0); /* a key that is a star is no index */
	CHECK(found[4] == 0);
}

static int key_with_nul(void *owner, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	size_t key_len = 0;

	(void)type;
	(void)text;
	(void)len;
	if (json_path_key(path, 0, &key_len)) {
		CHECK(key_len == 3);
		CHECK(!json_path_is(path, "a", NULL));
		*(bool *)owner = true;
	}
	return 0;
}

TEST(a_nul_in_a_key_does_not_end_it)
{
	bool seen = false;
	struct err err;

	CHECK(scan("{\"a\\u0000b\":1}", key_with_nul, &seen, &err) == 0);
	CHECK(seen);
}

TEST(tells_where_it_is_not_json)
{
	static const char *const bad[] = {
		"",	      " ",	  "{",	       "[1,",  "{\"a\":]",	 "{} {}",
		"{a:1}",      "[1 2]",	  "nul",       "01",   "\"\\x\"",	 "[\"\xff\"]",
		"[\"\x01\"]", "// c\n{}", "{\"a\" 1}", "[1,]", "\xef\xbb\xbf{}", "{}\"0",
		"{} \"",      "1 \"",	  "\"a\"\"",
	};
	struct seen seen;
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		seen.used = 0;
		CHECK(scan(bad[i], see, &seen, &err) == -EBADMSG);
		CHECK(strncmp(err.msg, "not JSON at byte ", 17) == 0 && !strchr(err.msg, '\n'));
	}
	CHECK(scan("{\"a\":]", see, &seen, &err) == -EBADMSG);
	CHECK(strncmp(err.msg, "not JSON at byte 6: ", 20) == 0);
}

static int nothing(void *owner, const struct json_path *path, enum json_type type, const char *text,
		   size_t len)
{
	(void)owner;
	(void)path;
	(void)type;
	(void)text;
	(void)len;
	return 0;
}

TEST(stops_at_the_depth_it_promises)
{
	char text[200] = "";
	struct err err;

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	CHECK(scan(text, nothing, NULL, &err) == 0);
	memset(text, '[', sizeof(text) - 1);
	CHECK(scan(text, nothing, NULL, &err) == -EBADMSG);
	CHECK(strstr(err.msg, "[0][0]") && strstr(err.msg, ": too many levels"));
}

TEST(refuses_keys_that_are_too_long)
{
	static char text[JSON_KEY_MAX_BYTES + 64];
	struct err err;

	(void)snprintf(text, sizeof(text), "{\"k\":{\"%0*d\":1}}", JSON_KEY_MAX_BYTES, 0);
	CHECK(scan(text, nothing, NULL, &err) == 0);
	(void)snprintf(text, sizeof(text), "{\"k\":{\"%0*d\":1}}", JSON_KEY_MAX_BYTES + 1, 0);
	CHECK(scan(text, nothing, NULL, &err) == -EBADMSG);
	CHECK_TEXT(err.msg, "k: a key in here is too long");
}

static int stop_at_b(void *owner, const struct json_path *path, enum json_type type,
		     const char *text, size_t len)
{
	(void)type;
	(void)text;
	(void)len;
	return json_path_is(path, "b", "*", NULL) ? *(int *)owner : 0;
}

TEST(stops_when_told_to)
{
	int answer = 7;
	struct err err;

	CHECK(scan("{\"a\":1,\"b\":[1],broken", stop_at_b, &answer, &err) == 7);
	answer = -ENOMEM;
	CHECK(scan("{\"a\":1,\"b\":[1],broken", stop_at_b, &answer, &err) == -ENOMEM);
	CHECK_TEXT(err.msg, "b[0]: cannot allocate memory");
}

static int stop_with_reason(void *owner, const struct json_path *path, enum json_type type,
			    const char *text, size_t len)
{
	(void)path;
	(void)text;
	(void)len;
	return type == JSON_NUMBER ? err_set(owner, -EINVAL, "odd") : 0;
}

TEST(keeps_the_reason_of_the_one_who_stopped)
{
	struct err err;

	CHECK(scan("{\"a\":1}", stop_with_reason, &err, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "a: odd");
}

TEST(reads_a_file_in_pieces)
{
	struct folder folder = folder_new();
	static char text[20000];
	struct seen seen = { 0 };
	struct err err;

	(void)snprintf(text, sizeof(text), "{\"a\":\"%*s\",%*s\"b\":\"c\\u00e4\"}", 5000, "", 9000,
		       "");
	folder_put_text(&folder, "f", text);
	CHECK(json_scan_file(folder.fd, "f", strlen(text), nothing, NULL, &err) == 0);
	for (int pad = 4080; pad < 4110; pad++) { /* the cut falls at every place */
		(void)snprintf(text, sizeof(text), "[%*s\"c\\u00e4\\\\\",12345.5,{\"k\":true}]",
			       pad, "");
		folder_put_text(&folder, "f", text);
		seen.used = 0;
		CHECK(json_scan_file(folder.fd, "f", LIMIT, see, &seen, &err) == 0);
		CHECK_TEXT(seen.text, "=5: [0]=3:c\xc3\xa4\\ [1]=2:12345.5 [2]=4: [2].k=1:true ");
	}
	(void)snprintf(text, sizeof(text), "{} %*s", 9000, "");
	folder_put_text(&folder, "f", text);
	CHECK(json_scan_file(folder.fd, "f", LIMIT, nothing, NULL, &err) == 0);
	(void)snprintf(text, sizeof(text), "{} %*s\"", 9000, "");
	folder_put_text(&folder, "f", text);
	CHECK(json_scan_file(folder.fd, "f", LIMIT, nothing, NULL, &err) == -EBADMSG);
	CHECK(strstr(err.msg, "something is behind the document"));
	folder_done(&folder);
}

TEST(names_the_file_in_its_errors)
{
	struct folder folder = folder_new();
	struct err err;

	CHECK(json_scan_file(folder.fd, "none", 10, nothing, NULL, &err) == -ENOENT);
	CHECK_TEXT(err.msg, "open none: no such file or directory");
	folder_put_text(&folder, "f", "{\"a\":[}");
	CHECK(json_scan_file(folder.fd, "f", 100, nothing, NULL, &err) == -EBADMSG);
	CHECK(strncmp(err.msg, "f: not JSON at byte 7: ", 23) == 0);
	CHECK(json_scan_file(folder.fd, "f", 6, nothing, NULL, &err) == -EFBIG);
	CHECK_TEXT(err.msg, "f: larger than 6 bytes");
	CHECK(json_scan_file(folder.fd, ".", 6, nothing, NULL, &err) == -EISDIR);
	folder_put_text(&folder, "f", "{}");
	CHECK(json_scan_file(folder.fd, "f", 2, nothing, NULL, &err) == 0);
	folder_done(&folder);
}

static void check_set(const char *text, bool value, const char *want)
{
	struct buf out = { 0 };
	struct err err;

	CHECK(buf_add_text(&out, "<", LIMIT) == 0);
	CHECK(json_set_bool(text, strlen(text), "terminal", value, NULL, &out, LIMIT, &err) == 0);
	CHECK(buf_add(&out, "", 1, LIMIT) == 0);
	CHECK_TEXT((const char *)out.data, want);
	buf_done(&out);
}

TEST(sets_a_boolean_and_keeps_the_rest)
{
	check_set("{}", true, "<{\"terminal\":true}");
	check_set("{\"terminal\":true}", false, "<{\"terminal\":false}");
	check_set(" { \"a\" : [ 1.50 , {\"terminal\":1} , [ ] , { } ] , \"terminal\" : "
		  "{\"x\":[{}]} , "
		  "\"b\\n\":\"\\u00e4\\\"[\",\"terminal\":null,\"c\":{\"d\":[[]]}}",
		  true,
		  "<{\"a\":[1.50,{\"terminal\":1},[],{}],\"b\\u000a\":\"\xc3\xa4\\\"[\","
		  "\"c\":{\"d\":[[]]},\"terminal\":true}");
	check_set("{\"terminal\":1,\"a\":null}", true, "<{\"a\":null,\"terminal\":true}");
}

TEST(sets_nothing_where_there_is_no_object)
{
	struct buf out = { 0 };
	struct err err;

	CHECK(buf_add_text(&out, "kept", LIMIT) == 0);
	CHECK(json_set_bool("[]", 2, "t", true, NULL, &out, LIMIT, &err) == -EBADMSG);
	CHECK(json_set_bool("1", 1, "t", true, NULL, &out, LIMIT, &err) == -EBADMSG);
	CHECK(json_set_bool("{\"a\":1", 6, "t", true, NULL, &out, LIMIT, &err) == -EBADMSG);
	CHECK(json_set_bool("{\"a\":1}", 7, "t", true, NULL, &out, 10, &err) == -EMSGSIZE);
	CHECK(out.len == 4 && memcmp(out.data, "kept", 4) == 0);
	buf_done(&out);
}

TEST(quotes_and_escapes)
{
	struct buf out = { 0 };

	CHECK(json_put_bytes(&out, "a\"\\\n\x7f\x00\xc3\xa4/", 9, LIMIT) == 0);
	CHECK(json_put_string(&out, "", LIMIT) == 0);
	CHECK(buf_add(&out, "", 1, LIMIT) == 0);
	CHECK_TEXT((const char *)out.data, "\"a\\\"\\\\\\u000a\\u007f\\u0000\xc3\xa4/\"\"\"");
	out.len = 0;
	for (size_t limit = 0; limit < 9; limit++)
		CHECK(json_put_string(&out, "a\nb", limit) == -EMSGSIZE && out.len <= limit);
	out.len = 0;
	CHECK(json_put_string(&out, "a\nb", 10) == 0);
	buf_done(&out);
}
