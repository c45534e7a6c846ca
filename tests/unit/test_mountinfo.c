/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "shim/mountinfo.h"

/* Parse a copy of just the text's size, so that a read behind it is seen. */
static int parse(const char *text, struct mountinfo *info, char **line)
{
	*line = strdup(text);
	return mountinfo_parse(*line, info);
}

TEST(a_line_is_read)
{
	struct mountinfo info;
	char *line;

	CHECK(parse("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", &info,
		    &line) == 0);
	CHECK(info.id == 36 && info.parent == 35 && info.peers == 0);
	CHECK_TEXT(info.path, "/mnt2");
	free(line);
	CHECK(parse("36 35 0:42 / / rw shared:17 master:3 unbindable - overlay overlay rw", &info,
		    &line) == 0);
	CHECK(info.peers == 17);
	CHECK_TEXT(info.path, "/");
	free(line);
}

TEST(escapes_in_the_path_are_undone)
{
	struct mountinfo info;
	char *line;

	CHECK(parse("1 2 0:1 / /a\\040b\\134c\\011d rw - tmpfs t rw", &info, &line) == 0);
	CHECK_TEXT(info.path, "/a b\\c\td");
	free(line);
	CHECK(parse("1 2 0:1 / /a\\04 rw - tmpfs t rw", &info, &line) == 0);
	CHECK_TEXT(info.path, "/a\\04");
	free(line);
}

TEST(other_lines_are_refused)
{
	static const char *const bad[] = { "",
					   "1",
					   "1 2 0:1 / /a rw",
					   "1 2 0:1 / /a rw shared:1",
					   "x 2 0:1 / /a rw - t t rw",
					   "1 -2 0:1 / /a rw - t t rw",
					   "1 2  / /a rw - t t rw",
					   "1 2 0:1 / /a rw shared:x - t t rw" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mountinfo info;
		char *line;

		CHECK(parse(bad[i], &info, &line) == -EBADMSG);
		free(line);
	}
}

TEST(below_means_whole_names)
{
	CHECK(mountinfo_is_below("/a/b", "/a/b"));
	CHECK(mountinfo_is_below("/a/b/c", "/a/b"));
	CHECK(!mountinfo_is_below("/a/bc", "/a/b"));
	CHECK(!mountinfo_is_below("/a", "/a/b"));
}
