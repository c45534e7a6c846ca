/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/containers.h"
#include "config/azlctl/explain.h"
#include "config/azlctl/explain_spec.h"
#include "config/base/err.h"
#include "shim/defaults.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/test.h"

#define POD    "kubepods.slice/kubepods-pod1.slice"
#define CGROUP "sys/fs/cgroup/" POD "/cri-abc1.scope/"
#define BUNDLE CONTAINERS_TASKS "/k8s.io/abc1/"

static struct host_tree node(const char *spec)
{
	struct host_tree tree = host_tree_new();
	static const char *const cgroup[][2] = {
		{ "memory.max", "268435456\n" },
		{ "memory.high", "max\n" },
		{ "memory.swap.max", "0\n" },
		{ "memory.min", "0\n" },
		{ "memory.low", "0\n" },
		{ "memory.oom.group", "1\n" },
		{ "pids.max", "4096\n" },
		{ "cpu.max", "50000 100000\n" },
		{ "cpu.weight", "79\n" },
		{ "io.weight", "default 100\n" },
		{ "io.max", "8:0 rbps=1 wbps=max\n8:16 rbps=2\n" },
	};

	host_tree_put(&tree, "sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
	for (size_t i = 0; i < sizeof(cgroup) / sizeof(cgroup[0]); i++) {
		char name[256];

		(void)snprintf(name, sizeof(name), CGROUP "%s", cgroup[i][0]);
		host_tree_put(&tree, name, cgroup[i][1]);
	}
	host_tree_put(&tree, "sys/fs/cgroup/" POD "/memory.max", "134217728\n");
	host_tree_put(&tree, "sys/fs/cgroup/" POD "/pids.max", "max\n");
	host_tree_put(&tree, "sys/fs/cgroup/" POD "/cpu.max", "max 100000\n");
	host_tree_put(&tree, "sys/fs/cgroup/kubepods.slice/memory.max", "200000000\n");
	host_tree_put(&tree, "sys/fs/cgroup/kubepods.slice/pids.max", "1000\n");
	host_tree_put(&tree, "proc/77/cgroup", "0::/" POD "/cri-abc1.scope\n");
	host_tree_put(&tree, BUNDLE "init.pid", "77");
	host_tree_put(&tree, BUNDLE "config.json", spec);
	host_tree_put(&tree, BUNDLE DEFAULTS_NOTE,
		      "memory.swap.max\nmemory.oom.group\nmemory.high\nodd\n");
	host_tree_put(&tree, CONTAINERS_TASKS "/default/abd2/config.json",
		      "{\"annotations\": {\"nerdctl/name\": \"web\"}}");
	return tree;
}

static const char spec[] =
	"{\"annotations\": {\"io.kubernetes.cri.container-type\": \"container\","
	" \"io.kubernetes.cri.sandbox-namespace\": \"shop\", \"io.kubernetes.cri.sandbox-name\": "
	"\"web-0\","
	" \"io.kubernetes.cri.container-name\": \"nginx\"},"
	" \"linux\": {\"resources\": {\"memory\": {\"limit\": 268435999, \"swap\": 0},"
	" \"pids\": {\"limit\": 100}, \"cpu\": {\"shares\": 2048, \"quota\": 50000, \"period\": "
	"100000},"
	" \"unified\": {\"memory.oom.group\": \"1\", \"memory.swap.max\": \"0\"}}}}";

static const struct explain_value *value_of(const struct explain *explain, const char *file)
{
	return &explain->values[explain_file(file, strlen(file))];
}

TEST(every_value_has_its_author)
{
	struct host_tree tree = node(spec);
	struct explain *explain = calloc(1, sizeof(*explain));
	const struct explain_value *value;
	struct err err;

	CHECK(explain_read(tree.fd, "abc1", explain, &err) == 0);
	CHECK_TEXT(explain->name, "shop/web-0/nginx");
	CHECK_TEXT(explain->cgroup, "/" POD "/cri-abc1.scope");
	value = value_of(explain, "memory.max"); /* rounded to pages, so as wished */
	CHECK(value->who == EXPLAIN_KUBELET);
	CHECK_TEXT(value->why, "linux.resources.memory.limit");
	CHECK(value->is_narrowed && value->above_who == EXPLAIN_KUBELET);
	CHECK_TEXT(value->effective, "134217728");
	CHECK_TEXT(value->above, "/" POD);
	value = value_of(explain, "pids.max");
	CHECK(value->who == EXPLAIN_LATER);
	CHECK_TEXT(value->why, "linux.resources.pids.limit was 100");
	CHECK_TEXT(value->effective, "1000");
	CHECK_TEXT(value->above, "/kubepods.slice");
	value = value_of(explain, "cpu.max");
	CHECK(value->who == EXPLAIN_KUBELET && !value->is_narrowed);
	CHECK_TEXT(value->effective, "50000 100000");
	CHECK(value_of(explain, "cpu.weight")->who == EXPLAIN_KUBELET);
	CHECK(value_of(explain, "memory.swap.max")->who == EXPLAIN_AZL);
	CHECK_TEXT(value_of(explain, "memory.swap.max")->why, "containers.memory.swap.max");
	CHECK(value_of(explain, "memory.oom.group")->who == EXPLAIN_AZL);
	CHECK(value_of(explain, "memory.high")->who == EXPLAIN_KERNEL);
	CHECK(value_of(explain, "io.weight")->who == EXPLAIN_KERNEL);
	value = value_of(explain, "io.max");
	CHECK(value->who == EXPLAIN_LATER);
	CHECK_TEXT(value->here, "8:0 rbps=1 wbps=max;8:16 rbps=2");
	CHECK(!value_of(explain, "misc.max")->is_there);
	free(explain);
	host_tree_done(&tree);
}

static int find(const struct host_tree *tree, const char *name, char id[CONTAINERS_ID_ROOM])
{
	struct explain *explain = calloc(1, sizeof(*explain));
	struct err err;
	int code = explain_read(tree->fd, name, explain, &err);

	(void)snprintf(id, CONTAINERS_ID_ROOM, "%s", explain->id);
	free(explain);
	return code;
}

TEST(a_container_is_found_by_what_people_call_it)
{
	struct host_tree tree = node(spec);
	char id[CONTAINERS_ID_ROOM];

	CHECK(find(&tree, "abc", id) == 0);
	CHECK_TEXT(id, "abc1");
	CHECK(find(&tree, "shop/web-0/nginx", id) == 0);
	CHECK_TEXT(id, "abc1");
	CHECK(find(&tree, "web", id) == -ESRCH);
	CHECK_TEXT(id, "abd2");
	CHECK(find(&tree, "ab", id) == -EEXIST);
	CHECK(find(&tree, "zzz", id) == -ENOENT);
	/* one whose id is the beginning of another's is found by it */
	host_tree_put(&tree, CONTAINERS_TASKS "/default/abc/config.json", "{}");
	CHECK(find(&tree, "abc", id) == -ESRCH);
	CHECK_TEXT(id, "abc");
	host_tree_done(&tree);
}

TEST(a_user_is_told_from_the_kubelet_and_swap_is_a_difference)
{
	struct host_tree tree =
		node("{\"linux\": {\"resources\": {\"memory\": {\"limit\": 268435456, \"swap\": "
		     "268435456},"
		     " \"pids\": {\"limit\": 4096}, \"cpu\": {\"period\": 50000}}}}");
	struct explain *explain = calloc(1, sizeof(*explain));
	struct err err;

	CHECK(explain_read(tree.fd, "abc1", explain, &err) == 0);
	CHECK(value_of(explain, "pids.max")->who == EXPLAIN_USER);
	CHECK_TEXT(value_of(explain, "cpu.max")->why, "linux.resources.cpu.period was max 50000");
	free(explain);
	host_tree_done(&tree);
}

TEST(the_answer_is_for_people_and_for_machines)
{
	struct host_tree tree = node(spec);
	struct azlctl ctl = { .root = tree.fd, .root_path = tree.path };
	char name[] = "abc1", *argv[] = { name }, *text = NULL;
	size_t len;

	ctl.out = open_memstream(&text, &len);
	CHECK(cmd_explain(&ctl, 1, argv) == AZLCTL_OK);
	(void)fclose(ctl.out);
	CHECK(strstr(text, "azl default") && strstr(text, "/kubepods.slice allows no more"));
	free(text);
	ctl.json = true;
	ctl.out = open_memstream(&text, &len);
	CHECK(cmd_explain(&ctl, 1, argv) == AZLCTL_OK);
	(void)fclose(ctl.out);
	CHECK(strstr(text, "\"set_by\": \"azl default\""));
	free(text);
	ctl.out = stdout;
	CHECK(cmd_explain(&ctl, 0, argv) == AZLCTL_USAGE);
	name[0] = 'z';
	CHECK(cmd_explain(&ctl, 1, argv) == AZLCTL_FAILED);
	host_tree_done(&tree);
}

TEST(a_broken_configuration_does_not_hide_the_values)
{
	struct host_tree tree = node("{\"linux\": ");
	struct explain *explain = calloc(1, sizeof(*explain));
	struct err err;

	CHECK(explain_read(tree.fd, "abc1", explain, &err) == 0);
	CHECK(value_of(explain, "pids.max")->is_there);
	free(explain);
	host_tree_done(&tree);
}
