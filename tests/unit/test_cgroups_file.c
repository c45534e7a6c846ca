/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cgroups/file.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

TEST(reads_lines_that_cross_the_buffer)
{
	struct tree tree;
	struct cg_file file;
	struct cg_text line;
	char *text = malloc(100000);
	size_t len = 0;
	int count = 0;

	tree_init(&tree);
	for (; len < 90000; count++)
		len += (size_t)snprintf(text + len, 100, "key_%05d %d\n", count, count);
	tree_bytes(&tree, "big", text, len);
	CHECK(cg_file_open(&file, tree.dir, "big") == 0);
	for (int i = 0; i < count; i++) {
		struct cg_text key;
		uint64_t value;
		char want[20];

		snprintf(want, sizeof(want), "key_%05d", i);
		CHECK(cg_file_next(&file, &line) == 1);
		CHECK(cg_keyed_flat(line, &key, &value) == 0 && cg_keyed_equal(key, want));
	}
	CHECK(cg_file_next(&file, &line) == 0);
	CHECK(cg_file_next(&file, &line) == 0);
	cg_file_close(&file);
	tree_done(&tree);
	free(text);
}

/* A line of len bytes between two others; seen or passed over whole. */
static int lines_around(size_t len, size_t *longest)
{
	struct tree tree;
	struct cg_file file;
	struct cg_text line;
	char *text = malloc(len + 16);
	int count = 0;

	memcpy(text, "first\n", 6);
	memset(text + 6, 'x', len);
	memcpy(text + 6 + len, "\nlast", 5);
	tree_init(&tree);
	tree_bytes(&tree, "f", text, len + 11);
	*longest = 0;
	CHECK(cg_file_open(&file, tree.dir, "f") == 0);
	while (cg_file_next(&file, &line) == 1) {
		*longest = line.len > *longest ? line.len : *longest;
		count++;
	}
	cg_file_close(&file);
	tree_done(&tree);
	free(text);
	return count;
}

TEST(passes_over_a_line_that_is_too_long)
{
	size_t longest;

	CHECK(lines_around(CG_FILE_LINE_MAX - 1, &longest) == 3 && longest == 2047);
	CHECK(lines_around(CG_FILE_LINE_MAX, &longest) == 2 && longest == 5);
	CHECK(lines_around(CG_FILE_LINE_MAX * 2 - 1, &longest) == 2 && longest == 5);
	CHECK(lines_around(CG_FILE_LINE_MAX * 2, &longest) == 2 && longest == 5);
	CHECK(lines_around(1 << 20, &longest) == 2 && longest == 5);
}

TEST(ends_after_a_long_line_without_newline)
{
	struct tree tree;
	struct cg_file file;
	struct cg_text line;
	char text[5000];

	memset(text, 'y', sizeof(text));
	tree_init(&tree);
	tree_bytes(&tree, "f", text, sizeof(text));
	CHECK(cg_file_open(&file, tree.dir, "f") == 0);
	CHECK(cg_file_next(&file, &line) == 0);
	cg_file_close(&file);
	cg_file_close(&file);
	tree_done(&tree);
}

TEST(reads_nothing_from_an_empty_file)
{
	struct tree tree;
	uint64_t value = 7;

	tree_init(&tree);
	tree_file(&tree, "empty", "");
	CHECK(cg_file_value(tree.dir, "empty") == 0);
	CHECK(cg_file_find(tree.dir, "empty", "a", &value) == 0 && value == 7);
	tree_done(&tree);
}

TEST(takes_missing_and_senseless_values_for_zero)
{
	struct tree tree;
	uint64_t value;

	tree_init(&tree);
	tree_file(&tree, "text", "many words here\n");
	tree_file(&tree, "huge", "00000000000000000000000000000000000000000000000000001\n");
	tree_file(&tree, "good", "12\n");
	CHECK(cg_file_value(tree.dir, "text") == 0);
	CHECK(cg_file_value(tree.dir, "huge") == 0);
	CHECK(cg_file_value(tree.dir, "none") == 0);
	CHECK(cg_file_value(tree.dir, "good") == 12);
	CHECK(cg_file_find(tree.dir, "none", "a", &value) == -ENOENT);
	tree_done(&tree);
}

TEST(never_makes_a_file_by_writing)
{
	struct tree tree;

	tree_init(&tree);
	tree_file(&tree, "there", "");
	CHECK(cg_file_write(tree.dir, "there", "1") == 0);
	CHECK_TEXT(tree_text(&tree, "there"), "1");
	CHECK(cg_file_write(tree.dir, "cgroup.kill", "1") == -ENOENT);
	CHECK(!tree_text(&tree, "cgroup.kill"));
	tree_done(&tree);
}
