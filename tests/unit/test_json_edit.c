/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json_edit.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

enum { LIMIT = 1 << 20 };

/* The objects "a" and "a.b". */
struct seen {
	struct json_object a;
	struct json_object b;
	size_t ends; /* offsets of all values, added up */
};

static int see(void *owner, const struct json_path *path, enum json_type type, const char *text,
	       size_t len)
{
	struct seen *seen = owner;

	(void)text;
	(void)len;
	seen->ends += json_path_end(path);
	if (json_path_is(path, "a", NULL))
		json_object_see(&seen->a, path, type);
	if (json_path_is(path, "a", "b", NULL))
		json_object_see(&seen->b, path, type);
	if (json_path_key(path, 0, NULL) && json_path_key(path, 1, NULL))
		seen->a.has_members = true;
	if (json_path_key(path, 1, NULL) && json_path_key(path, 2, NULL))
		seen->b.has_members = true;
	return 0;
}

static struct seen scan(const char *text)
{
	struct seen seen = { 0 };
	struct err err;

	CHECK(json_scan(text, strlen(text), see, &seen, &err) == 0);
	return seen;
}

static void check_edit(const char *text, const char *want)
{
	struct seen seen = scan(text);
	struct json_edit edit = { 0 };
	struct buf out = { 0 };

	/* in the other order than they stand in */
	CHECK(json_edit_add(&edit, &seen.b, "\"y\":[1],\"z\":2") == 0);
	CHECK(json_edit_add(&edit, &seen.a, "\"x\":0.10") == 0);
	CHECK(json_edit_bytes(&edit, text, strlen(text), &out, LIMIT) == 0);
	CHECK(buf_add(&out, "", 1, LIMIT) == 0);
	CHECK_TEXT((const char *)out.data, want);
	buf_done(&out);
}

TEST(puts_members_in_and_keeps_every_other_byte)
{
	check_edit("{\"a\":{\"b\":{}}}", "{\"a\":{\"x\":0.10,\"b\":{\"y\":[1],\"z\":2}}}");
	check_edit(" {\n\t\"n\" : 1.50e0, \"a\" : { \"b\" : { \"k\" : \"\\u00e4{\" } , \"c\":null"
		   "}\n}\n",
		   " {\n\t\"n\" : 1.50e0, \"a\" : {\"x\":0.10, \"b\" : {\"y\":[1],\"z\":2, \"k\" : "
		   "\"\\u00e4{\" } , \"c\":null}\n}\n");
}

TEST(tells_where_each_value_ends)
{
	static const char text[] = "[ 1 , \"\\u00e4x\", null,true , {} ,-1.5e3]";
	struct err err;
	struct seen seen = { 0 };

	CHECK(json_scan(text, sizeof(text) - 1, see, &seen, &err) == 0);
	CHECK(seen.ends == 1 + 3 + 15 + 21 + 26 + 30 + 39);
}

/* Files are read in pieces: the offset must not depend on where they are cut. */
TEST(tells_the_same_wherever_the_file_is_cut)
{
	enum { PIECE = 4096 };
	static const char text[] = "{\"n\":12345,\"a\":{\"s\":\"text\",\"b\":{\"k\":true}}}";
	struct folder folder = folder_new();
	char *bytes = malloc(PIECE + sizeof(text));
	struct err err;

	if (!bytes)
		abort();
	for (size_t blanks = PIECE - sizeof(text); blanks <= PIECE; blanks++) {
		struct seen seen = { 0 };

		memset(bytes, ' ', blanks);
		memcpy(bytes + blanks, text, sizeof(text) - 1);
		folder_put(&folder, "f", bytes, blanks + sizeof(text) - 1);
		CHECK(json_scan_file(folder.fd, "f", LIMIT, see, &seen, &err) == 0);
		CHECK(seen.a.at == blanks + 16 && seen.b.at == blanks + 32);
	}
	free(bytes);
	folder_done(&folder);
}

TEST(puts_nothing_where_no_object_is)
{
	static const char *const odd[] = { "{\"a\":null}", "{\"a\":[]}", "{\"a\":{},\"a\":{}}",
					   "{\"a\":{},\"a\":1}", "{}" };
	struct json_edit edit = { 0 };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct seen seen = scan(odd[i]);

		CHECK(json_edit_add(&edit, &seen.a, "\"x\":1") == -EINVAL && edit.count == 0);
	}
}

TEST(keeps_within_its_room)
{
	struct seen seen = scan("{\"a\":{}}");
	struct json_edit edit = { 0 };
	char long_member[JSON_INSERT_ROOM + 1];
	struct buf out = { 0 };

	memset(long_member, 'x', JSON_INSERT_ROOM);
	long_member[JSON_INSERT_ROOM] = '\0';
	CHECK(json_edit_add(&edit, &seen.a, long_member) == -EMSGSIZE && edit.count == 0);
	for (int i = 0; i < JSON_INSERTS_MAX; i++)
		CHECK(json_edit_add(&edit, &seen.a, "\"x\":1") == 0);
	CHECK(json_edit_add(&edit, &seen.a, "\"x\":1") == -EMSGSIZE);
	CHECK(buf_add_text(&out, "kept", LIMIT) == 0);
	CHECK(json_edit_bytes(&edit, "{\"a\":{}}", 8, &out, 20) == -EMSGSIZE);
	CHECK(out.len == 4);
	buf_done(&out);
}

/* ---- files ---- */

static void check_text(const struct folder *folder, const char *want)
{
	struct buf text = { 0 };

	CHECK(fd_read_file(folder->fd, "f", LIMIT, &text) == 0);
	CHECK_TEXT((const char *)text.data, want);
	buf_done(&text);
}

static struct json_edit edit_of(const char *text)
{
	struct seen seen = scan(text);
	struct json_edit edit = { 0 };

	CHECK(json_edit_add(&edit, &seen.a, "\"x\":1") == 0);
	return edit;
}

TEST(writes_a_file_anew_with_its_mode)
{
	static const char text[] = "{\"a\" : { \"b\":1 } }\n";
	struct folder folder = folder_new();
	struct json_edit edit = edit_of(text);
	struct err err;

	folder_put_text(&folder, "f", text);
	folder_put_text(&folder, ".f.new", "left by one that was killed");
	CHECK(fchmodat(folder.fd, "f", 0640, 0) == 0);
	CHECK(json_edit_file(&edit, folder.fd, "f", &err) == 0);
	check_text(&folder, "{\"a\" : {\"x\":1, \"b\":1 } }\n");
	CHECK(folder_mode(&folder, "f") == 0640 && folder_count(&folder) == 1);
	folder_done(&folder);
}

TEST(leaves_the_file_alone_when_it_cannot_be_written)
{
	static const char text[] = "{\"a\" : { \"b\":1 } }\n";
	struct rlimit before;
	struct rlimit small = { 0 };
	struct folder folder = folder_new();
	struct json_edit edit = edit_of(text);
	struct err err;

	CHECK(json_edit_file(&edit, folder.fd, "f", &err) == -ENOENT);
	folder_put_text(&folder, "f", text);
	/* A full disk, as far as one can have it here. */
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	small.rlim_max = before.rlim_max;
	for (rlim_t bytes = 0; bytes < sizeof(text) - 1 + 6; bytes++) {
		small.rlim_cur = bytes;
		CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
		CHECK(json_edit_file(&edit, folder.fd, "f", &err) == -EFBIG);
		CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
		CHECK(strncmp(err.msg, "write f: ", 9) == 0);
		check_text(&folder, text);
		CHECK(folder_count(&folder) == 1);
	}
	(void)signal(SIGXFSZ, SIG_DFL);
	folder_put_text(&folder, "f", "{\"a\"");
	CHECK(json_edit_file(&edit, folder.fd, "f", &err) == -EBADMSG);
	check_text(&folder, "{\"a\"");
	CHECK(folder_count(&folder) == 1);
	folder_done(&folder);
}
