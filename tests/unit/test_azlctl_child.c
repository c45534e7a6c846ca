/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include "config/azlctl/child.h"
#include "config/base/err.h"
#include "tests/unit/test.h"

#define SHELL(script)                                                                              \
	(const char *const[])                                                                      \
	{                                                                                          \
		"sh", "-c", (script), NULL                                                         \
	}

enum { LONG_MS = 20000, SHORT_MS = 100 };

TEST(status_and_text_are_the_programs_own)
{
	char text[32];
	struct err err;

	CHECK(child_run(SHELL("echo out; echo err >&2; exit 7"), LONG_MS, text, sizeof(text),
			&err) == 7);
	CHECK_TEXT(text, "out\nerr\n");
	CHECK(child_run(SHELL("kill -TERM $$"), LONG_MS, text, sizeof(text), &err) ==
	      128 + SIGTERM);
	CHECK_TEXT(text, "");
	CHECK(child_run(SHELL("cat"), LONG_MS, NULL, 0, &err) == 0); /* nothing to read */
	/* More than fits is cut, and the program may say it to its end. */
	CHECK(child_run(SHELL("seq 1 30000; exit 3"), LONG_MS, text, 6, &err) == 3);
	CHECK_TEXT(text, "1\n2\n3");
}

TEST(what_apply_ignores_is_the_childs_again)
{
	struct err err;

	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(child_run(SHELL("kill -PIPE $$"), LONG_MS, NULL, 0, &err) == 128 + SIGPIPE);
	(void)signal(SIGPIPE, SIG_DFL);
}

TEST(a_program_that_is_not_there_is_no_child)
{
	const char *const argv[] = { "azl-no-such-program", NULL };
	struct err err;

	CHECK(child_run(argv, LONG_MS, NULL, 0, &err) == -ENOENT);
	CHECK_TEXT(err.msg, "run azl-no-such-program: no such file or directory");
}

TEST(one_that_does_not_end_is_killed)
{
	char text[32];
	struct err err;

	CHECK(child_run(SHELL("echo begun; exec sleep 60"), SHORT_MS, text, sizeof(text), &err) ==
	      -ETIMEDOUT);
	CHECK_TEXT(text, "begun\n");
	CHECK(strstr(err.msg, "run sh: no end within") != NULL);
	/* Nor does it help to say nothing more. */
	CHECK(child_run(SHELL("exec >&- 2>&-; exec sleep 60"), SHORT_MS, text, sizeof(text),
			&err) == -ETIMEDOUT);
}

TEST(several_run_at_the_same_time)
{
	struct child one, other;
	char text[32];
	struct err err;

	CHECK(child_start(&one, SHELL("echo one; echo dropped >&2"), false, &err) == 0);
	CHECK(child_start(&other, SHELL("echo other; echo kept >&2"), true, &err) == 0);
	CHECK(child_finish(&other, LONG_MS, text, sizeof(text), &err) == 0);
	CHECK_TEXT(text, "other\nkept\n");
	CHECK(child_finish(&one, LONG_MS, text, sizeof(text), &err) == 0);
	CHECK_TEXT(text, "one\n");
}
