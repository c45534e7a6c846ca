/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/limits.h"

#include <errno.h>

#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

static void cgroup(struct tree *tree, const char *path, const char *controllers,
		   const char *enabled, const char *procs)
{
	char name[128];

	if (*path)
		tree_dir(tree, path);
	(void)snprintf(name, sizeof(name), "%s%scgroup.controllers", path, *path ? "/" : "");
	tree_file(tree, name, controllers);
	(void)snprintf(name, sizeof(name), "%s%scgroup.subtree_control", path, *path ? "/" : "");
	tree_file(tree, name, enabled);
	(void)snprintf(name, sizeof(name), "%s%scgroup.procs", path, *path ? "/" : "");
	tree_file(tree, name, procs);
	(void)snprintf(name, sizeof(name), "%s/cgroup.type", path);
	if (*path)
		tree_file(tree, name, "domain\n");
}

/* A host under systemd: memory and pids are enabled for slices, io is not. */
static void host(struct tree *tree)
{
	tree_init(tree);
	cgroup(tree, "", "cpu io memory pids\n", "memory pids\n", "1\n2\n");
	cgroup(tree, "system.slice", "memory pids\n", "memory pids\n", "");
	tree_file(tree, "system.slice/memory.swap.max", "max\n");
	tree_file(tree, "system.slice/memory.high", "max\n");
	tree_file(tree, "system.slice/pids.max", "max\n");
	cgroup(tree, "system.slice/busy", "memory pids\n", "memory\n", "77\n");
	tree_file(tree, "system.slice/busy/memory.high", "max\n");
	tree_file(tree, "system.slice/busy/pids.max", "max\n");
}

static void find(struct tree *tree, const char *path, struct cg_site *site)
{
	struct err err = { 0 };
	int code = cg_site_find(tree->dir, path, site, &err);

	CHECK(code == 0);
	if (code < 0)
		printf("# %s: %s\n", path, err.msg);
}

TEST(knows_below_the_root_what_its_children_have)
{
	static const char *const paths[] = { "", "/", "/default/id", "new", "/a/b/c/d" };
	struct tree tree;
	struct cg_site site;

	host(&tree);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		find(&tree, paths[i], &site);
		CHECK(site.is_root && !site.is_there);
		CHECK(cg_site_has(&site, "memory.swap.max") && cg_site_has(&site, "pids.max"));
		CHECK(!cg_site_has(&site, "memory.zswap.max")); /* kernel without it */
		CHECK(!cg_site_has(&site, "io.weight"));	/* nobody has it yet */
		CHECK(!cg_site_has(&site, "hugetlb.2MB.max"));	/* no such controller */
		CHECK(!cg_site_has(&site, "memory"));
		cg_site_done(&site);
		cg_site_done(&site);
	}
	tree_done(&tree);
}

TEST(knows_below_a_slice_what_the_slice_has)
{
	struct tree tree;
	struct cg_site site;

	host(&tree);
	find(&tree, "/system.slice/new.scope", &site);
	CHECK(!site.is_root && !site.is_busy && !site.is_there);
	CHECK(cg_site_has(&site, "memory.high") && cg_site_has(&site, "pids.max"));
	CHECK(!cg_site_has(&site, "io.weight"));
	cg_site_done(&site);
	tree_done(&tree);
}

/* Nothing can be enabled below a cgroup that has processes: runc would fail. */
TEST(expects_nothing_new_below_processes)
{
	struct tree tree;
	struct cg_site site;

	host(&tree);
	find(&tree, "/system.slice/busy/new", &site);
	CHECK(site.is_busy);
	CHECK(cg_site_has(&site, "memory.high") && !cg_site_has(&site, "pids.max"));
	cg_site_done(&site);
	tree_done(&tree);
}

TEST(takes_a_cgroup_that_is_there_as_it_is)
{
	struct tree tree;
	struct cg_site site;

	host(&tree);
	find(&tree, "/system.slice/busy", &site);
	CHECK(site.is_there && cg_site_has(&site, "pids.max") && cg_site_has(&site, "memory.high"));
	CHECK(!cg_site_has(&site, "memory.swap.max"));
	cg_site_done(&site);
	tree_done(&tree);
}

TEST(expects_nothing_of_a_hierarchy_without_cgroups)
{
	struct tree tree;
	struct cg_site site;

	tree_init(&tree);
	cgroup(&tree, "", "memory\n", "memory\n", "");
	find(&tree, "/default/id", &site);
	CHECK(site.witness < 0 && !cg_site_has(&site, "memory.high"));
	cg_site_done(&site);
	tree_done(&tree);
}

/* As on a hybrid host: the hierarchy is there, its controllers are elsewhere. */
TEST(expects_nothing_without_controllers)
{
	struct tree tree;
	struct cg_site site;

	tree_init(&tree);
	cgroup(&tree, "", "", "", "1\n");
	cgroup(&tree, "a", "", "", "");
	tree_file(&tree, "a/memory.high", "max\n");
	find(&tree, "/default/id", &site);
	CHECK(!cg_site_has(&site, "memory.high"));
	cg_site_done(&site);
	tree_done(&tree);
}

TEST(refuses_paths_that_lead_astray_and_folders_that_are_none)
{
	struct tree tree;
	struct cg_site site = { .dir = -1, .witness = -1 };
	char name[400] = "/";
	struct err err;

	host(&tree);
	CHECK(cg_site_find(tree.dir, "/../x", &site, &err) == -EINVAL);
	CHECK(cg_site_find(tree.dir, "/system.slice/../../x", &site, &err) == -EINVAL);
	memset(name + 1, 'a', sizeof(name) - 2);
	CHECK(cg_site_find(tree.dir, name, &site, &err) == -EINVAL);
	CHECK(cg_site_find(tree.dir, "/cgroup.procs/x", &site, &err) < 0);
	CHECK(unlinkat(tree.dir, "cgroup.controllers", 0) == 0);
	CHECK(cg_site_find(tree.dir, "/x", &site, &err) == -ENOENT);
	CHECK_TEXT(err.msg, "read controllers: no such file or directory");
	CHECK(site.dir == -1);
	tree_done(&tree);
}
