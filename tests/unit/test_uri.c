/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/uri.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/test.h"

static void check_path(const char *uri, const char *want)
{
	char *path = uri_path(uri);

	if (want)
		CHECK_TEXT(path, want);
	else
		CHECK(!path);
	free(path);
}

/* The arguments joined by '|', or the negative result. */
static void check_args(const char *uri, const char *want)
{
	char *args[URI_ARGS_MAX];
	char got[256] = "";
	int n = uri_query_args(uri, args);

	if (n < 0)
		(void)snprintf(got, sizeof(got), "%d", n);
	for (int i = 0; i < n; i++) {
		strcat(strcat(got, args[i]), "|");
		free(args[i]);
	}
	CHECK(n < 0 || !args[n]);
	CHECK_TEXT(got, want);
}

TEST(tells_a_scheme_from_a_path)
{
	CHECK(uri_scheme_len("file:///x") == 4);
	CHECK(uri_scheme_len("binary-v2:///x") == 9);
	CHECK(uri_scheme_len("/run/fifo") == 0);
	CHECK(uri_scheme_len("/a:b") == 0);
	CHECK(uri_scheme_len("2file:///x") == 0);
	CHECK(uri_scheme_len("") == 0);
	CHECK(uri_scheme_len(":x") == 0);
	CHECK(uri_has_scheme("file:///x", "file"));
	CHECK(!uri_has_scheme("files:///x", "file"));
	CHECK(!uri_has_scheme("fil:///x", "file"));
	CHECK(!uri_has_scheme("", ""));
}

TEST(finds_the_path)
{
	check_path("/run/a fifo%20", "/run/a fifo%20");
	check_path("", "");
	check_path("file:///var/log/a%20b.log", "/var/log/a b.log");
	check_path("file:///a?k=v", "/a");
	check_path("file:///a#f", "/a");
	check_path("file://host/a", "/a");
	check_path("file:/a", "/a");
	check_path("file://", "");
	check_path("file:///a+b", "/a+b");
	check_path("file:///%41", "/A");
}

TEST(refuses_an_escape_that_is_none)
{
	check_path("file:///%4", NULL);
	check_path("file:///%", NULL);
	check_path("file:///%zz", NULL);
	check_path("file:///%00", NULL);
	check_path("file:///%4?1", NULL);
}

TEST(makes_arguments_of_the_query)
{
	check_args("binary:///bin/x", "");
	check_args("binary:///bin/x?", "");
	check_args("binary:///bin/x?a=1&b=2", "a|1|b|2|");
	check_args("binary:///bin/x?a&b=", "a||b||");
	check_args("binary:///bin/x?a=1&a=2", "a|1|");
	check_args("binary:///bin/x?a=1=2", "a|1=2|");
	check_args("binary:///bin/x?a=x+y%26z", "a|x y&z|");
	check_args("binary:///bin/x?&&a=1&&", "a|1|");
	check_args("binary:///bin/x?a=1#b=2", "a|1|");
	check_args("binary:///bin/x?a=%", "-22");
	check_args("binary:///bin/x?%zz=1", "-22");
}

TEST(refuses_more_arguments_than_it_has_room_for)
{
	char uri[512] = "binary:///x?";
	char *args[URI_ARGS_MAX];
	int n;

	for (int i = 0; i < 31; i++)
		(void)snprintf(uri + strlen(uri), 16, "k%d&", i);
	n = uri_query_args(uri, args);
	CHECK(n == 62);
	for (int i = 0; i < n; i++)
		free(args[i]);
	strcat(uri, "last=1");
	CHECK(uri_query_args(uri, args) == -E2BIG);
	CHECK(!args[0]);
}
