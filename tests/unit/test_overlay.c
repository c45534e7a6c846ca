/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "shim/mount_options.h"
#include "shim/overlay_plan.h"

static void expect(const char *lower, const char *dir, const char *text)
{
	char *got_dir = NULL;
	char *got_text = NULL;

	CHECK(overlay_compact(lower, &got_dir, &got_text) == 1);
	CHECK_TEXT(got_dir, dir);
	CHECK_TEXT(got_text, text);
	free(got_dir);
	free(got_text);
}

static void expect_none(const char *lower)
{
	char *dir = NULL;
	char *text = NULL;

	CHECK(overlay_compact(lower, &dir, &text) == 0);
	CHECK(!dir && !text);
}

TEST(layers_are_said_relative_to_what_they_share)
{
	expect("/s/snapshots/11/fs:/s/snapshots/1/fs", "/s/snapshots/", "11/fs:1/fs");
	expect("/s/1/fs:/s/2/fs:/s/10/fs", "/s/", "1/fs:2/fs:10/fs");
	expect("/x/a:/x/a/b", "/x/", "a:a/b");
}

TEST(layers_that_share_nothing_stay)
{
	expect_none("/a/fs:/b/fs");
	expect_none("//a:/b");
	expect_none("//a://b");
	expect_none("/x/a");
	expect_none("");
	expect_none(":");
	expect_none("a/b:a/c");
	expect_none("/x/a:x/b");
}

TEST(relative_layers_never_become_absolute_or_empty)
{
	expect("/x/a:/x//b", "/x/", "a:b");
	expect("/x/a/:/x/a/b", "/x/a/", ".:b");
	expect("/x/a:/x/a", "/x/", "a:a");
}

TEST(data_only_layers_keep_their_double_colon)
{
	expect("/x/a:/x/b::/x/c", "/x/", "a:b::c");
}

TEST(escaped_colons_belong_to_the_name)
{
	static const char *const layers[] = { "/a\\:b", "/c\\\\", "/d\\" };
	const char *at = "/a\\:b:/c\\\\:/d\\";
	size_t len = 0;

	for (size_t i = 0; i < 3; i++) {
		const char *layer = overlay_layer_next(&at, &len);

		CHECK(layer && len == strlen(layers[i]) && memcmp(layer, layers[i], len) == 0);
	}
	CHECK(overlay_layer_next(&at, &len) == NULL);
	expect("/x/a\\:b:/x/c", "/x/", "a\\:b:c");
	expect_none("/x\\:y/a:/x\\:y/b");
}

TEST(lowerdir_moves_to_the_end)
{
	const char *words[] = { "index=off", "lowerdir=/x/a:/x/b", "upperdir=/u", "workdir=/w" };
	const struct mount_options options = { .words = words, .n_words = 4 };
	const struct mount_options none = { .words = words, .n_words = 1 };
	char *data = overlay_data(&options, "a:b");

	CHECK(overlay_lower_find(&options) == 1);
	CHECK(overlay_lower_find(&none) == 1);
	CHECK_TEXT(data, "index=off,upperdir=/u,workdir=/w,lowerdir=a:b");
	free(data);
}
