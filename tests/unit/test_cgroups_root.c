/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cgroups/root.h"
#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

TEST(takes_the_line_of_the_unified_hierarchy_colons_included)
{
	struct cg_text path = { 0 };

	CHECK(cg_root_line_find(cg_keyed_text("0::/kubepods/pod:1/ctr:a::b"), &path) == 1);
	CHECK(cg_keyed_equal(path, "/kubepods/pod:1/ctr:a::b"));
	CHECK(cg_root_line_find(cg_keyed_text("0::/"), &path) == 1 && cg_keyed_equal(path, "/"));
	CHECK(cg_root_line_find(cg_keyed_text("10::/a"), &path) == 0);
	CHECK(cg_root_line_find(cg_keyed_text("0:name=systemd:/a"), &path) == 0);
	CHECK(cg_root_line_find(cg_keyed_text("4:memory:/0::/x"), &path) == 0);
	CHECK(cg_root_line_find(cg_keyed_text("0::"), &path) == 0);
	CHECK(cg_root_line_find(cg_keyed_text(""), &path) == 0);
}

TEST(opens_below_the_root_and_never_elsewhere)
{
	struct tree tree;
	struct err err;
	int dir = -1;

	tree_init(&tree);
	tree_dir(&tree, "a");
	tree_dir(&tree, "a/b:c");
	tree_file(&tree, "file", "");
	CHECK(symlinkat("/", tree.dir, "link") == 0);
	CHECK(cg_open_below(tree.dir, "/a/b:c", &dir, &err) == 0 && dir >= 0);
	(void)close(dir);
	CHECK(cg_open_below(tree.dir, "/", &dir, &err) == 0);
	(void)close(dir);
	dir = -1;
	CHECK(cg_open_below(tree.dir, "/a/none", &dir, &err) == -ENOENT);
	CHECK(cg_open_below(tree.dir, "/../tmp", &dir, &err) == -EXDEV);
	CHECK(cg_open_below(tree.dir, "/link/etc", &dir, &err) == -ELOOP);
	CHECK(cg_open_below(tree.dir, "/file", &dir, &err) == -ENOTDIR);
	CHECK(dir == -1);
	tree_done(&tree);
}

TEST(enables_controllers_above_the_cgroup_only)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.controllers", "cpuset cpu io memory pids\n");
	tree_dir(&tree, "pods");
	tree_dir(&tree, "pods/pod");
	tree_dir(&tree, "pods/pod/ctr");
	tree_file(&tree, "cgroup.subtree_control", "cpuset cpu io memory pids\n");
	tree_file(&tree, "pods/cgroup.subtree_control", "");
	tree_file(&tree, "pods/pod/cgroup.subtree_control", "memory cpuset\n");
	tree_file(&tree, "pods/pod/ctr/cgroup.subtree_control", "");
	CHECK(cg_enable_controllers(tree.dir, "/pods/pod/ctr", &err) == 0);
	CHECK_TEXT(tree_text(&tree, "cgroup.subtree_control"), "cpuset cpu io memory pids\n");
	CHECK_TEXT(tree_text(&tree, "pods/cgroup.subtree_control"),
		   "+cpuset +cpu +io +memory +pids");
	CHECK_TEXT(tree_text(&tree, "pods/pod/cgroup.subtree_control"), "+cpu +io +pids");
	CHECK_TEXT(tree_text(&tree, "pods/pod/ctr/cgroup.subtree_control"), "");
	tree_done(&tree);
}

TEST(goes_on_below_a_refusal_and_reports_the_last_one)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.controllers", "cpu\n");
	tree_dir(&tree, "pods");
	tree_dir(&tree, "pods/ctr");
	tree_file(&tree, "pods/cgroup.subtree_control", "");
	CHECK(cg_enable_controllers(tree.dir, "/pods/ctr", &err) == 0);
	CHECK_TEXT(tree_text(&tree, "pods/cgroup.subtree_control"), "+cpu");
	CHECK(cg_enable_controllers(tree.dir, "/pods", &err) == -ENOENT);
	CHECK(cg_enable_controllers(tree.dir, "/", &err) == 0);
	CHECK(cg_enable_controllers(tree.dir, "/none/x", &err) == -ENOENT);
	CHECK(cg_enable_controllers(tree.dir, "/../x", &err) == -EXDEV);
	tree_done(&tree);
}

TEST(does_nothing_where_the_root_has_no_controllers)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	tree_dir(&tree, "ctr");
	CHECK(cg_enable_controllers(tree.dir, "/ctr", &err) == -ENOENT);
	tree_file(&tree, "cgroup.controllers", "");
	tree_file(&tree, "cgroup.subtree_control", "\n");
	CHECK(cg_enable_controllers(tree.dir, "/ctr", &err) == 0);
	CHECK_TEXT(tree_text(&tree, "cgroup.subtree_control"), "\n");
	tree_done(&tree);
}

TEST(opens_the_cgroup_of_this_process_where_there_is_one)
{
	struct err err = { 0 };
	char path[256] = "";
	char small[1];
	int dir = -1;
	int code = cg_open_of_pid(getpid(), &dir, path, sizeof(path), &err);

	CHECK(code == 0 || code == -ENOENT);
	if (code == 0) {
		CHECK(dir >= 0 && path[0] == '/');
		(void)close(dir);
	}
	dir = -1;
	CHECK(cg_open_of_pid(0x3fffffff, &dir, path, sizeof(path), &err) == -ESRCH);
	code = cg_open_of_pid(getpid(), &dir, small, sizeof(small), &err);
	CHECK(code == -ENAMETOOLONG || code == -ENOENT);
	CHECK(dir == -1);
}
