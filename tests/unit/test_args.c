/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/args.h"

#include <errno.h>
#include <string.h>

#include "config/base/err.h"
#include "tests/unit/test.h"

/* Parse a command line given as words with single spaces between them; valid until the next one. */
static int parse(const char *line, struct args *args, struct err *err)
{
	static char words[512];
	char *argv[32];
	int argc = 0;

	(void)snprintf(words, sizeof(words), "shim %s", line);
	for (char *at = strtok(words, " "); at; at = strtok(NULL, " "))
		argv[argc++] = at;
	argv[argc] = NULL;
	return args_parse(argc, argv, args, err);
}

TEST(reads_what_containerd_passes)
{
	struct args args;
	struct err err;

	CHECK(parse("-namespace k8s.io -address /run/c.sock -publish-binary /usr/bin/containerd "
		    "-id abc -debug start",
		    &args, &err) == 0);
	CHECK_TEXT(args.ns, "k8s.io");
	CHECK_TEXT(args.address, "/run/c.sock");
	CHECK_TEXT(args.publish_binary, "/usr/bin/containerd");
	CHECK_TEXT(args.id, "abc");
	CHECK_TEXT(args.bundle, "");
	CHECK(args.debug && args.action == ARGS_START && !args.unknown);
	CHECK(parse("-namespace k8s.io -address= -publish-binary= -id abc -bundle /b delete", &args,
		    &err) == 0);
	CHECK_TEXT(args.bundle, "/b");
	CHECK(!args.debug && args.action == ARGS_DELETE);
}

TEST(takes_every_form_of_a_flag)
{
	struct args args;
	struct err err;

	CHECK(parse("--namespace=a -id=b=c -v=true", &args, &err) == 0);
	CHECK_TEXT(args.ns, "a");
	CHECK_TEXT(args.id, "b=c");
	CHECK(args.version);
	CHECK(parse("--id b -namespace=a -debug=false -- start", &args, &err) == 0);
	CHECK(!args.debug && args.action == ARGS_START);
	CHECK(parse("-id one -id two -namespace n start -debug", &args, &err) == 0);
	CHECK_TEXT(args.id, "two");
	CHECK(!args.debug);
	CHECK(parse("-socket /s -debug-socket=/d -version", &args, &err) == 0);
	CHECK_TEXT(args.socket, "/s");
	CHECK_TEXT(args.debug_socket, "/d");
}

TEST(needs_nothing_else_for_version_info_and_help)
{
	struct args args;
	struct err err;

	CHECK(parse("-v", &args, &err) == 0 && args.version);
	CHECK(parse("-version", &args, &err) == 0 && args.version);
	CHECK(parse("-info", &args, &err) == 0 && args.info);
	CHECK(parse("-h", &args, &err) == 0 && args.help);
	CHECK(parse("--help", &args, &err) == 0 && args.help && !args.info);
}

TEST(skips_flags_of_a_newer_containerd)
{
	struct args args;
	struct err err;

	CHECK(parse("-new value -newer=1 -namespace n -id i -newest start", &args, &err) == 0);
	CHECK_TEXT(args.unknown, "new");
	CHECK(args.action == ARGS_START);
	CHECK_TEXT(args.id, "i");
}

TEST(tells_what_is_wrong)
{
	struct args args = { .id = "kept" };
	struct err err;

	CHECK(parse("-id i start", &args, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "shim namespace cannot be empty");
	CHECK(parse("-namespace n -id", &args, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "flag needs an argument: -id");
	CHECK(parse("-debug=maybe", &args, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "-debug wants true or false, not \"maybe\"");
	CHECK(parse("-namespace n -id i stop", &args, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "unknown action \"stop\"");
	CHECK(parse("-namespace n -id i", &args, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "no action given: start or delete");
	CHECK(parse("---id i", &args, &err) == -EINVAL);
	CHECK(parse("-=x", &args, &err) == -EINVAL);
	CHECK(parse("-namespace n -id ../x start", &args, &err) == -EINVAL);
	CHECK(parse("-namespace a/b -id x start", &args, &err) == -EINVAL);
	CHECK(parse("-namespace n start", &args, &err) == -EINVAL);
	CHECK_TEXT(args.id, "kept");
}

TEST(an_empty_command_line_is_refused)
{
	char *argv[] = { NULL };
	struct args args;
	struct err err;

	CHECK(args_parse(0, argv, &args, &err) == -EINVAL);
}

TEST(accepts_the_identifiers_of_containerd)
{
	static const char *const good[] = { "a",       "0",	   "default",	"k8s.io",
					    "a-b_c.d", "swarmkit", "Any.CASE-1" };
	static const char *const bad[] = { "",	  ".",	      "..", "a..b", "-a",
					   "a-",  "a--b",     "_a", "a/b",  "a b",
					   "a\n", "\xc3\xa4", "a.", "a._b", "a:b" };
	char longest[ARGS_ID_MAX_BYTES + 2];
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(args_check_id("id", good[i], &err) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(args_check_id("id", bad[i], &err) == -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[ARGS_ID_MAX_BYTES] = '\0';
	CHECK(args_check_id("id", longest, &err) == 0);
	longest[ARGS_ID_MAX_BYTES] = 'x';
	longest[ARGS_ID_MAX_BYTES + 1] = '\0';
	CHECK(args_check_id("exec id", longest, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "exec id is longer than 76 characters");
}
