/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cgroups/kill.h"
#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

static bool is_there(struct tree *tree, const char *name)
{
	return faccessat(tree->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST(writes_the_kill_and_freeze_switches)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	CHECK(cg_kill(tree.dir, &err) == -ENOENT);
	CHECK(cg_freeze(tree.dir, true, &err) == -ENOENT);
	tree_file(&tree, "cgroup.kill", "");
	tree_file(&tree, "cgroup.freeze", "");
	CHECK(cg_kill(tree.dir, &err) == 0);
	CHECK_TEXT(tree_text(&tree, "cgroup.kill"), "1");
	CHECK(cg_freeze(tree.dir, true, &err) == 0);
	CHECK_TEXT(tree_text(&tree, "cgroup.freeze"), "1");
	CHECK(cg_freeze(tree.dir, false, &err) == 0);
	CHECK_TEXT(tree_text(&tree, "cgroup.freeze"), "0");
	tree_done(&tree);
}

TEST(removes_a_tree_from_its_leaves)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	tree_dir(&tree, "pod");
	tree_dir(&tree, "pod/ctr");
	tree_dir(&tree, "pod/ctr/init.scope");
	tree_dir(&tree, "pod/ctr/system.slice");
	tree_dir(&tree, "pod/ctr/system.slice/a.service");
	tree_dir(&tree, "pod/ctr/system.slice/b.service");
	tree_dir(&tree, "pod/other");
	CHECK(cg_remove(tree.dir, "/pod/ctr", &err) == 0);
	CHECK(!is_there(&tree, "pod/ctr") && is_there(&tree, "pod/other"));
	CHECK(cg_remove(tree.dir, "/pod/other/", &err) == 0);
	CHECK(!is_there(&tree, "pod/other") && is_there(&tree, "pod"));
	tree_done(&tree);
}

TEST(takes_a_cgroup_that_is_gone_for_removed)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	CHECK(cg_remove(tree.dir, "/pod", &err) == 0);
	CHECK(cg_remove(tree.dir, "/no/such/pod", &err) == 0);
	tree_done(&tree);
}

TEST(keeps_what_is_in_use_and_says_busy)
{
	struct tree tree;
	struct err err;

	tree_init(&tree);
	tree_dir(&tree, "ctr");
	tree_dir(&tree, "ctr/empty");
	tree_dir(&tree, "ctr/used");
	tree_file(&tree, "ctr/used/file", "x"); /* a real file stands for a process */
	CHECK(cg_remove(tree.dir, "ctr", &err) == -EBUSY);
	CHECK(!is_there(&tree, "ctr/empty") && is_there(&tree, "ctr/used/file"));
	CHECK(unlinkat(tree.dir, "ctr/used/file", 0) == 0);
	CHECK(cg_remove(tree.dir, "ctr", &err) == 0 && !is_there(&tree, "ctr"));
	tree_done(&tree);
}

TEST(never_removes_the_root_nor_leaves_it)
{
	static const char *const refused[] = { "/", "", "//", ".", "/a/..", "..", "/a/." };
	struct tree tree;
	struct err err;

	tree_init(&tree);
	tree_dir(&tree, "a");
	tree_dir(&tree, "a/b");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(cg_remove(tree.dir, refused[i], &err) == -EINVAL);
	CHECK(cg_remove(tree.dir, "/../azl-nothing", &err) == -EXDEV);
	CHECK(is_there(&tree, "a/b"));
	tree_done(&tree);
}

TEST(does_not_follow_links_on_the_way_or_below)
{
	struct tree tree;
	struct tree victim;
	struct err err;

	tree_init(&tree);
	tree_init(&victim);
	tree_dir(&victim, "keep");
	tree_dir(&tree, "ctr");
	CHECK(symlinkat(victim.path, tree.dir, "ctr/link") == 0);
	CHECK(symlinkat(victim.path, tree.dir, "way") == 0);
	CHECK(cg_remove(tree.dir, "ctr", &err) == -EBUSY);
	CHECK(cg_remove(tree.dir, "way/keep", &err) < 0);
	CHECK(is_there(&victim, "keep"));
	tree_done(&tree);
	tree_done(&victim);
}
