/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/switches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/guard.h"
#include "tests/unit/test.h"

enum { ALL = (1 << FAST_ACT_MAX) - 1, UNTOUCHED = 0xa5 };

static unsigned int bit(enum fast_act act)
{
	return 1U << act;
}

/* ---- the annotation ---- */

/* What is off; -1: refused. The text ends where a forbidden page begins. */
static int parse(const char *text)
{
	struct guard guard = guard_copy(text, strlen(text));
	uint8_t off = UNTOUCHED;
	int code = switches_parse((const char *)guard.bytes, strlen(text), &off);

	guard_done(&guard);
	CHECK(code == 0 || code == -EINVAL);
	CHECK(code == 0 || off == UNTOUCHED);
	return code == 0 ? off : -1;
}

TEST(names_every_act)
{
	static const char *const names[] = { "start", "exec", "kill", "pause", "delete", "create" };

	CHECK(sizeof(names) / sizeof(names[0]) == FAST_ACT_MAX);
	for (int act = 0; act < FAST_ACT_MAX; act++) {
		CHECK_TEXT(switches_name((enum fast_act)act), names[act]);
		CHECK(parse(names[act]) == (int)(ALL & ~bit((enum fast_act)act)));
	}
}

TEST(takes_all_and_none)
{
	CHECK(parse("all") == 0);
	CHECK(parse("none") == ALL);
}

TEST(keeps_on_what_is_listed)
{
	CHECK(parse("kill,delete") == (int)(ALL & ~bit(FAST_KILL) & ~bit(FAST_DELETE)));
	CHECK(parse("delete,kill") == parse("kill,delete"));
	CHECK(parse("exec,exec") == parse("exec"));
	CHECK(parse("start,exec,kill,pause,delete,create") == 0);
}

TEST(takes_spaces_around_names)
{
	CHECK(parse(" kill , delete ") == parse("kill,delete"));
	CHECK(parse("kill,   delete") == parse("kill,delete"));
	CHECK(parse("  exec") == parse("exec"));
}

TEST(refuses_what_is_no_list_of_names)
{
	static const char *const texts[] = {
		"",	    " ",	 ",",		"kill,",       ",kill",	   "kill,,delete",
		"kil",	    "kills",	 "Kill",	"ALL",	       "resume",   "all,none",
		"all,exec", "none,exec", "kill delete", "kill;delete", "kill\t",   "kill, ",
		"true",	    "false",	 "*",		"\"kill\"",    "kill\n",   "exec\x01",
		" all",	    "none ",	 "checkpoint",	"-kill",       "exec,all", "start|exec",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(parse(texts[i]) == -1);
		if (parse(texts[i]) != -1)
			printf("# taken: '%s'\n", texts[i]);
	}
}

TEST(refuses_names_with_a_zero_byte)
{
	uint8_t off = UNTOUCHED;

	CHECK(switches_parse("kill\0", 5, &off) == -EINVAL && off == UNTOUCHED);
	CHECK(switches_parse("kill\0,exec", 10, &off) == -EINVAL && off == UNTOUCHED);
	CHECK(switches_parse("all\0", 4, &off) == -EINVAL && off == UNTOUCHED);
}

/* Texts longer than any list, with and without sense. */
TEST(takes_texts_of_any_length)
{
	enum { TIMES = 20000 };
	static char text[TIMES * 5 + 1];

	for (size_t i = 0; i < TIMES; i++)
		memcpy(text + i * 5, "kill,", 5);
	text[TIMES * 5 - 1] = '\0';
	CHECK(parse(text) == parse("kill"));
	memset(text, 'k', TIMES * 5);
	CHECK(parse(text) == -1);
	memset(text, ' ', TIMES * 5);
	CHECK(parse(text) == -1);
}

/* ---- the host's configuration ---- */

/* What is off by a file of this text; the negative errno value when it is refused. */
static int host(const char *text)
{
	struct folder folder = folder_new();
	uint8_t off = UNTOUCHED;
	struct err err = { 0 };
	char path[96];
	int code;

	folder_put_text(&folder, "host.json", text);
	(void)snprintf(path, sizeof(path), "%s/host.json", folder.path);
	code = switches_read(path, &off, &err);
	folder_done(&folder);
	CHECK(code == 0 || (code < 0 && off == UNTOUCHED && err.msg[0]));
	return code < 0 ? code : off;
}

TEST(switches_nothing_off_without_a_file)
{
	uint8_t off = UNTOUCHED;
	struct err err;

	CHECK(switches_read("/nowhere/azl/host.json", &off, &err) == 0 && off == 0);
}

TEST(switches_nothing_off_unless_told)
{
	CHECK(host("{}") == 0);
	CHECK(host("{\"fastPaths\": true}") == 0);
	CHECK(host("{\"fastPaths\": {}}") == 0);
	CHECK(host("{\"fastPaths\": {\"exec\": true}}") == 0);
	CHECK(host(" { \"other\" : [1, {\"fastPaths\": false}], \"x\": {\"exec\": false} } ") == 0);
}

TEST(switches_everything_off_with_false)
{
	CHECK(host("{\"fastPaths\": false}") == ALL);
	CHECK(host("{\"a\": 1, \"fastPaths\": false, \"b\": null}") == ALL);
}

TEST(switches_single_acts_off)
{
	CHECK(host("{\"fastPaths\": {\"exec\": false}}") == (int)bit(FAST_EXEC));
	CHECK(host("{\"fastPaths\": {\"kill\": false, \"start\": true, \"create\": false}}") ==
	      (int)(bit(FAST_KILL) | bit(FAST_CREATE)));
	CHECK(host("{\"fastPaths\": {\"start\": false, \"exec\": false, \"kill\": false, "
		   "\"pause\": false, \"delete\": false, \"create\": false}}") == ALL);
}

TEST(lets_the_last_of_two_values_win)
{
	CHECK(host("{\"fastPaths\": {\"exec\": false, \"exec\": true}}") == 0);
	CHECK(host("{\"fastPaths\": {\"exec\": true, \"exec\": false}}") == (int)bit(FAST_EXEC));
	CHECK(host("{\"fastPaths\": false, \"fastPaths\": true}") == 0);
}

TEST(refuses_values_of_another_type)
{
	static const char *const texts[] = {
		"{\"fastPaths\": null}",
		"{\"fastPaths\": 0}",
		"{\"fastPaths\": \"none\"}",
		"{\"fastPaths\": []}",
		"{\"fastPaths\": [\"exec\"]}",
		"{\"fastPaths\": {\"exec\": 0}}",
		"{\"fastPaths\": {\"exec\": null}}",
		"{\"fastPaths\": {\"exec\": \"false\"}}",
		"{\"fastPaths\": {\"exec\": {}}}",
		"{\"fastPaths\": {\"exec\": [false]}}",
		"[]",
		"false",
		"null",
		"\"fastPaths\"",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(host(texts[i]) < 0);
		if (host(texts[i]) >= 0)
			printf("# taken: %s\n", texts[i]);
	}
}

TEST(refuses_names_that_nobody_knows)
{
	CHECK(host("{\"fastPaths\": {\"exce\": false}}") < 0);
	CHECK(host("{\"fastPaths\": {\"resume\": false}}") < 0);
	CHECK(host("{\"fastPaths\": {\"\": false}}") < 0);
	CHECK(host("{\"fastPaths\": {\"exec\\u0000\": false}}") < 0);
	CHECK(host("{\"fastPaths\": {\"exec\": false, \"all\": true}}") < 0);
}

/* Nothing of a broken file counts, not even what stood before the break. */
TEST(refuses_broken_json_as_a_whole)
{
	CHECK(host("") < 0);
	CHECK(host("{\"fastPaths\": {\"exec\": false}") < 0);
	CHECK(host("{\"fastPaths\": false") < 0);
	CHECK(host("{\"fastPaths\": false} {}") < 0);
	CHECK(host("{fastPaths: false}") < 0);
	CHECK(host("{\"fastPaths\": False}") < 0);
	CHECK(host("\xff\xfe") < 0);
}

TEST(refuses_a_file_that_is_none_or_too_long)
{
	enum { TOO_LONG = (1 << 20) + 1 };
	struct folder folder = folder_new();
	uint8_t off = UNTOUCHED;
	char *text = malloc(TOO_LONG);
	char path[96];
	struct err err;

	CHECK(switches_read(folder.path, &off, &err) < 0 && off == UNTOUCHED);
	if (!text)
		abort();
	memset(text, ' ', TOO_LONG);
	memcpy(text, "{}", 2);
	folder_put(&folder, "host.json", text, TOO_LONG);
	(void)snprintf(path, sizeof(path), "%s/host.json", folder.path);
	CHECK(switches_read(path, &off, &err) == -EFBIG && off == UNTOUCHED);
	free(text);
	folder_done(&folder);
}
