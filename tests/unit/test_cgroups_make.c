/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/make.h"

#include <errno.h>
#include <stdio.h>

#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

static bool has(const struct tree *tree, const char *path)
{
	return faccessat(tree->dir, path, F_OK, 0) == 0;
}

static bool holds(const struct tree *tree, const char *path, const char *text)
{
	char is[64] = "";
	int fd = openat(tree->dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, is, sizeof(is) - 1);

	(void)close(fd);
	return len == (ssize_t)strlen(text) && strcmp(is, text) == 0;
}

TEST(makes_what_is_missing_on_the_way_and_hands_controllers_down)
{
	struct tree tree;
	struct err err = { 0 };

	tree_init(&tree);
	tree_file(&tree, "cgroup.controllers", "memory pids\n");
	tree_file(&tree, "cgroup.subtree_control", "");
	CHECK(cg_make(tree.dir, "/a//b/c/", &err) == 0);
	CHECK(has(&tree, "a/b/c"));
	CHECK(!holds(&tree, "cgroup.subtree_control", ""));
	CHECK(cg_make(tree.dir, "a/b/c", &err) == 0);
	CHECK(cg_make(tree.dir, "", &err) == -EINVAL);
	CHECK(cg_make(tree.dir, "/", &err) == -EINVAL);
	CHECK(cg_make(tree.dir, "a/../../b", &err) < 0);
	CHECK(cg_make(tree.dir, "../b", &err) < 0);
	tree_done(&tree);
}

TEST(a_name_that_is_too_long_is_told)
{
	char path[400];
	struct tree tree;
	struct err err = { 0 };

	tree_init(&tree);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK(cg_make(tree.dir, path, &err) == -EINVAL);
	path[255] = '\0';
	CHECK(cg_make(tree.dir, path, &err) == 0);
	tree_done(&tree);
}

TEST(sets_a_limit_where_its_controller_is_on)
{
	struct tree tree;
	struct err err = { 0 };

	tree_init(&tree);
	tree_dir(&tree, "a");
	tree_file(&tree, "a/memory.min", "");
	CHECK(cg_limit_set(tree.dir, "a", "memory.min", "4096", &err) == 0);
	CHECK(holds(&tree, "a/memory.min", "4096"));
	CHECK(cg_limit_set(tree.dir, "a", "pids.max", "7", &err) == -ENOENT);
	CHECK_TEXT(err.msg, "cgroup a has no pids.max: its controller is not on there");
	CHECK(cg_limit_set(tree.dir, "b", "pids.max", "7", &err) == -ENOENT);
	CHECK(!has(&tree, "a/pids.max"));
	tree_done(&tree);
}

TEST(moves_a_process)
{
	struct tree tree;
	struct err err = { 0 };

	tree_init(&tree);
	tree_file(&tree, "cgroup.procs", "");
	tree_dir(&tree, "a");
	tree_file(&tree, "a/cgroup.procs", "");
	CHECK(cg_attach(tree.dir, "a", 77, &err) == 0);
	CHECK(holds(&tree, "a/cgroup.procs", "77"));
	CHECK(cg_attach(tree.dir, "", 78, &err) == 0);
	CHECK(holds(&tree, "cgroup.procs", "78"));
	CHECK(cg_attach(tree.dir, "b", 77, &err) == -ENOENT);
	tree_done(&tree);
}

TEST(removes_one_that_is_empty_and_no_other)
{
	struct tree tree;
	struct err err = { 0 };

	tree_init(&tree);
	tree_dir(&tree, "a");
	tree_dir(&tree, "a/b");
	CHECK(cg_unmake(tree.dir, "a", &err) == -ENOTEMPTY);
	CHECK(has(&tree, "a/b"));
	CHECK(cg_unmake(tree.dir, "/a/b", &err) == 0);
	CHECK(cg_unmake(tree.dir, "a/b", &err) == 0);
	CHECK(cg_unmake(tree.dir, "a", &err) == 0);
	CHECK(!has(&tree, "a"));
	CHECK(cg_unmake(tree.dir, "a/b/c", &err) == 0);
	CHECK(cg_unmake(tree.dir, "", &err) == -EINVAL);
	tree_done(&tree);
}
