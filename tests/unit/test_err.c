/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/err.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

TEST(returns_its_code_and_keeps_the_sentence)
{
	struct err err;

	CHECK(err_set(&err, -EINVAL, "bad %s", "thing") == -EINVAL);
	CHECK(err.code == -EINVAL);
	CHECK_TEXT(err.msg, "bad thing");
}

TEST(appends_the_text_of_errno)
{
	struct err err;

	errno = ENOENT;
	CHECK(err_errno(&err, "open %s", "x") == -ENOENT);
	CHECK_TEXT(err.msg, "open x: no such file or directory");
}

TEST(puts_context_in_front)
{
	struct err err;

	(void)err_set(&err, -EIO, "inner");
	CHECK(err_wrap(&err, "outer %d", 1) == -EIO);
	CHECK(err_wrap(&err, "outermost") == -EIO);
	CHECK_TEXT(err.msg, "outermost: outer 1: inner");
}

TEST(cuts_long_text)
{
	char text[2 * ERR_MSG_MAX];
	struct err err;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK(err_set(&err, -EIO, "%s", text) == -EIO);
	CHECK(strlen(err.msg) == ERR_MSG_MAX - 1);
	CHECK(err_wrap(&err, "%s", text) == -EIO);
	CHECK(strlen(err.msg) == ERR_MSG_MAX - 1);
	errno = EIO;
	CHECK(err_errno(&err, "%s", text) == -EIO);
	CHECK(strlen(err.msg) == ERR_MSG_MAX - 1);
	(void)err_set(&err, -EIO, "y%s", text);
	(void)err_wrap(&err, "short");
	CHECK(strncmp(err.msg, "short: yxx", 10) == 0);
	CHECK(strlen(err.msg) == ERR_MSG_MAX - 1);
}
