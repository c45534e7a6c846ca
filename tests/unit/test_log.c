/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/test.h"

static int ends[2];
static char text[8192];

static void open_log(bool debug)
{
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	log_init(ends[1], debug);
}

/* What was logged, without the time in front. */
static const char *logged(void)
{
	ssize_t n = read(ends[0], text, sizeof(text) - 1);
	const char *level;

	text[n < 0 ? 0 : n] = '\0';
	level = strstr(text, "level=");
	return level ? level : text;
}

static void close_log(void)
{
	log_init(-1, false);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

TEST(writes_one_line_with_time_level_message_and_id)
{
	open_log(false);
	log_error("c1", "cannot open %s", "/x");
	CHECK_TEXT(logged(), "level=error msg=\"cannot open /x\" id=c1\n");
	CHECK(strncmp(text, "time=\"20", 8) == 0);
	log_warn(NULL, "without id");
	CHECK_TEXT(logged(), "level=warning msg=\"without id\"\n");
	close_log();
}

TEST(keeps_debug_lines_back_unless_wanted)
{
	open_log(false);
	CHECK(!log_debug_wanted());
	log_debug(NULL, "secret");
	CHECK_TEXT(logged(), "");
	close_log();
	open_log(true);
	CHECK(log_debug_wanted());
	log_debug(NULL, "seen");
	CHECK_TEXT(logged(), "level=debug msg=\"seen\"\n");
	close_log();
}

TEST(lets_no_text_break_the_line)
{
	open_log(false);
	log_info(NULL, "%s",
		 "a\nb\"c\\d\x01"
		 "e");
	CHECK_TEXT(logged(), "level=info msg=\"a\\nb\\\"c\\\\d e\"\n");
	close_log();
}

TEST(cuts_a_text_that_is_too_long)
{
	char longest[4096];
	const char *line;

	memset(longest, '"', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	open_log(false);
	log_info("c1", "%s", longest);
	line = logged();
	CHECK(strlen(line) > 500 && strlen(line) < 1800);
	CHECK_TEXT(line + strlen(line) - 8, "\" id=c1\n");
	close_log();
}

TEST(drops_lines_when_nobody_reads)
{
	open_log(false);
	for (int i = 0; i < 2000; i++) /* more than a pipe holds; must not wait */
		log_info(NULL, "line %d of a log that nobody reads at the moment", i);
	CHECK(strstr(logged(), "line 0 "));
	close_log();
	log_init(-1, true);
	log_error(NULL, "into the void");
}
