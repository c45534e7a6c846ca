/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cgroups/procs.h"
#include "cgroups/walk.h"
#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

static bool has(const struct cg_procs *procs, pid_t pid)
{
	for (size_t i = 0; i < procs->count; i++) {
		if (procs->pids[i] == pid)
			return true;
	}
	return false;
}

TEST(lists_a_cgroup_and_all_below_it)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.procs", "1\n22\n");
	tree_dir(&tree, "a");
	tree_file(&tree, "a/cgroup.procs", "333\n");
	tree_dir(&tree, "a/deep");
	tree_file(&tree, "a/deep/cgroup.procs", "4444\n");
	tree_dir(&tree, "b");
	tree_file(&tree, "b/cgroup.procs", "");
	tree_dir(&tree, "c");
	tree_file(&tree, "c/cgroup.procs", "55555");
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0);
	CHECK(procs.count == 5);
	CHECK(has(&procs, 1) && has(&procs, 22) && has(&procs, 333) && has(&procs, 4444) &&
	      has(&procs, 55555));
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0 && procs.count == 5);
	cg_procs_done(&procs);
	tree_done(&tree);
}

TEST(leaves_out_foreign_processes_and_garbage)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.procs", "0\n7\nx\n-3\n99999999999\n\n8 9\nmax\n12");
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0);
	CHECK(procs.count == 2 && has(&procs, 7) && has(&procs, 12));
	cg_procs_done(&procs);
	tree_done(&tree);
}

TEST(lists_ten_thousand_processes)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;
	char *text = malloc(200000);
	size_t len = 0;

	for (int i = 1; i <= 10000; i++)
		len += (size_t)snprintf(text + len, 16, "%d\n", 100000 + i);
	tree_init(&tree);
	tree_bytes(&tree, "cgroup.procs", text, len);
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0);
	CHECK(procs.count == 10000 && procs.pids[9999] == 110000);
	cg_procs_done(&procs);
	tree_done(&tree);
	free(text);
}

TEST(passes_over_descendants_that_vanish_and_links)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.procs", "1\n");
	tree_dir(&tree, "gone"); /* no cgroup.procs: as when it is removed between two steps */
	tree_dir(&tree, "kept");
	tree_file(&tree, "kept/cgroup.procs", "2\n");
	CHECK(symlinkat("/proc", tree.dir, "link") == 0);
	CHECK(symlinkat("kept", tree.dir, "again") == 0);
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0 && procs.count == 2);
	cg_procs_done(&procs);
	tree_done(&tree);
}

TEST(says_that_the_cgroup_is_gone)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;

	tree_init(&tree);
	CHECK(cg_procs_read(tree.dir, &procs, &err) == -ENOENT);
	CHECK(rmdir(tree.path) == 0);
	CHECK(cg_procs_read(tree.dir, &procs, &err) == -ENOENT && procs.count == 0);
	cg_procs_done(&procs);
	tree_done(&tree);
}

TEST(walks_a_wide_tree_once)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;
	char name[64];

	tree_init(&tree);
	tree_file(&tree, "cgroup.procs", "1\n");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "child-with-a-long-name-%d", i);
		tree_dir(&tree, name);
		snprintf(name, sizeof(name), "child-with-a-long-name-%d/cgroup.procs", i);
		tree_file(&tree, name, "2\n");
		snprintf(name, sizeof(name), "child-with-a-long-name-%d/x", i);
		tree_dir(&tree, name);
	}
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0 && procs.count == 301);
	cg_procs_done(&procs);
	tree_done(&tree);
}

TEST(stops_at_the_depth_limit_without_failing)
{
	struct tree tree;
	struct cg_procs procs = { 0 };
	struct err err;
	char path[600] = "d";

	tree_init(&tree);
	tree_file(&tree, "cgroup.procs", "1\n");
	for (int i = 0; i < CG_WALK_DEPTH_MAX + 10; i++) {
		char file[700];

		tree_dir(&tree, path);
		snprintf(file, sizeof(file), "%s/cgroup.procs", path);
		tree_file(&tree, file, "2\n");
		strcat(path, "/d");
	}
	CHECK(cg_procs_read(tree.dir, &procs, &err) == 0);
	CHECK(procs.count == CG_WALK_DEPTH_MAX);
	cg_procs_done(&procs);
	tree_done(&tree);
}
