/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "config/azlctl/explain.h"
#include "config/azlctl/explain_spec.h"
#include "config/base/err.h"
#include "shim/defaults.h"
#include "tests/unit/azlctl_world.h"

#define POD    "kubepods.slice/kubepods-pod1.slice"
#define CGROUP "sys/fs/cgroup/" POD "/cri-abc1.scope/"
#define BUNDLE CONTAINERS_TASKS "/k8s.io/abc1/"

static struct host_tree node(const char *spec)
{
	struct host_tree tree = host_tree_new();
	static const char *const cgroup[][2] = {
		{ CGROUP "memory.max", "268435456\n" },
		{ CGROUP "memory.high", "max\n" },
		{ CGROUP "memory.swap.max", "0\n" },
		{ CGROUP "memory.min", "0\n" },
		{ CGROUP "memory.low", "0\n" },
		{ CGROUP "memory.oom.group", "1\n" },
		{ CGROUP "pids.max", "4096\n" },
		{ CGROUP "cpu.max", "50000 100000\n" },
		{ CGROUP "cpu.weight", "79\n" },
		{ CGROUP "io.weight", "default 100\n" },
		{ CGROUP "io.max", "8:0 rbps=1 wbps=max\n8:16 rbps=2\n" },
	};

	host_tree_put(&tree, "sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
	host_tree_put_all(&tree, cgroup, sizeof(cgroup) / sizeof(cgroup[0]));
	host_tree_put(&tree, "sys/fs/cgroup/" POD "/memory.max", "134217728\n");
	host_tree_put(&tree, "sys/fs/cgroup/" POD "/pids.max", "max\n");
	host_tree_put(&tree, "sys/fs/cgroup/" POD "/cpu.max", "max 100000\n");
	host_tree_put(&tree, "sys/fs/cgroup/kubepods.slice/memory.max", "200000000\n");
	host_tree_put(&tree, "sys/fs/cgroup/kubepods.slice/pids.max", "1000\n");
	host_tree_put(&tree, "proc/77/oom_score_adj", "985\n");
	put_process_of(&tree, "k8s.io/abc1", 77, "/" POD "/cri-abc1.scope");
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
	" \"process\": {\"oomScoreAdj\": 985},"
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
	CHECK(value_of(explain, EXPLAIN_OOM_SCORE)->who == EXPLAIN_KUBELET);
	CHECK_TEXT(value_of(explain, EXPLAIN_OOM_SCORE)->here, "985");
	CHECK_TEXT(value_of(explain, EXPLAIN_OOM_SCORE)->why, "process.oomScoreAdj");
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

/* A container of nobody's pod, with other files than node() has. */
static struct explain *look(const char *spec_text, const char *const files[][2], size_t n)
{
	struct host_tree tree = node(spec_text);
	struct explain *explain = calloc(1, sizeof(*explain));
	struct err err;

	host_tree_put_all(&tree, files, n);
	CHECK(explain_read(tree.fd, "abc1", explain, &err) == 0);
	host_tree_done(&tree);
	return explain;
}

/* Nobody says one for containers of ctr: the shim's, which is containerd's and one. */
TEST(a_score_that_nobody_wished_is_the_shims)
{
	static const char *const files[][2] = { { "proc/77/oom_score_adj", "-998\n" } };
	struct explain *explain = look("{\"process\":{}}", files, 1);

	CHECK(value_of(explain, EXPLAIN_OOM_SCORE)->who == EXPLAIN_HOST);
	CHECK_TEXT(value_of(explain, EXPLAIN_OOM_SCORE)->why, "its shim's, from containerd's");
	free(explain);
}

TEST(shares_are_told_from_another_weight)
{
	static const struct {
		const char *shares, *weight;
		enum explain_who who;
	} cases[] = {
		{ "1024", "39\n", EXPLAIN_USER },  /* by a line */
		{ "1024", "100\n", EXPLAIN_USER }, /* by a curve */
		{ "2", "1\n", EXPLAIN_USER },	   { "262144", "10000\n", EXPLAIN_USER },
		{ "512", "59\n", EXPLAIN_USER },   { "512", "60\n", EXPLAIN_LATER },
		{ "1024", "40\n", EXPLAIN_LATER },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const files[][2] = { { CGROUP "cpu.weight", cases[i].weight } };
		char text[128];
		struct explain *explain;

		(void)snprintf(text, sizeof(text),
			       "{\"linux\": {\"resources\": {\"cpu\": {\"shares\": %s}}}}",
			       cases[i].shares);
		explain = look(text, files, 1);
		if (value_of(explain, "cpu.weight")->who != cases[i].who)
			printf("# %s %s", cases[i].shares, cases[i].weight);
		CHECK(value_of(explain, "cpu.weight")->who == cases[i].who);
		free(explain);
	}
}

TEST(sets_of_processors_are_compared_as_sets_and_what_is_granted_is_told)
{
	static const char *const files[][2] = {
		{ CGROUP "cpuset.cpus", "0-2,64\n" },
		{ CGROUP "cpuset.cpus.effective", "0-1\n" },
		{ CGROUP "cpuset.mems", "\n" },
		{ CGROUP "cpuset.mems.effective", "0\n" },
	};
	struct explain *explain =
		look("{\"linux\": {\"resources\": {\"cpu\": {\"cpus\": \"64,0,1,2\"}}}}", files, 4);
	const struct explain_value *value = value_of(explain, "cpuset.cpus");

	CHECK(value->who == EXPLAIN_USER && value->is_narrowed);
	CHECK_TEXT(value->effective, "0-1");
	value = value_of(explain, "cpuset.mems");
	CHECK(value->who == EXPLAIN_KERNEL && !value->is_narrowed);
	CHECK_TEXT(value->effective, "0");
	free(explain);
	explain = look("{\"linux\": {\"resources\": {\"cpu\": {\"cpus\": \"0-3\"}}}}", files, 4);
	CHECK(value_of(explain, "cpuset.cpus")->who == EXPLAIN_LATER);
	free(explain);
	explain = look("{\"linux\": {\"resources\": {\"cpu\": {\"cpus\": \"all\"}}}}", files, 4);
	CHECK(value_of(explain, "cpuset.cpus")->who == EXPLAIN_LATER);
	free(explain);
}

TEST(what_an_annotation_wants_is_not_the_hosts_default)
{
	static const char *const files[][2] = {
		{ BUNDLE DEFAULTS_NOTE, "pids.max\nmemory.oom.group\n" },
	};
	struct explain *explain = look(
		"{\"annotations\": {\"io.azl.defaults.pids.max\": \"4096\","
		" \"io.azl.defaults.memory.oom.group\": \"perhaps\"}, \"linux\": {\"resources\": "
		"{\"pids\": {\"limit\": 4096}, \"unified\": {\"memory.oom.group\": \"1\"}}}}",
		files, 1);

	CHECK(value_of(explain, "pids.max")->who == EXPLAIN_USER);
	CHECK_TEXT(value_of(explain, "pids.max")->why, "annotation io.azl.defaults.pids.max");
	CHECK(value_of(explain, "memory.oom.group")->who == EXPLAIN_AZL);
	CHECK_TEXT(value_of(explain, "memory.oom.group")->why, "containers.memory.oom.group");
	free(explain);
}

TEST(systemds_limit_of_tasks_is_the_hosts_until_somebody_sets_one)
{
	static const char *const files[][2] = {
		{ CGROUP "pids.max", "4915\n" },
		{ "run/systemd/transient/cri-abc1.scope.d/50-TasksMax.conf", "" },
	};
	struct explain *explain = look("{}", files, 1);

	CHECK(value_of(explain, "pids.max")->who == EXPLAIN_HOST);
	CHECK_TEXT(value_of(explain, "pids.max")->why, "systemd's DefaultTasksMax");
	free(explain);
	explain = look("{}", files, 2);
	CHECK(value_of(explain, "pids.max")->who == EXPLAIN_LATER);
	free(explain);
}

TEST(devices_without_limits_are_nobodys_doing)
{
	static const char *const files[][2] = {
		{ CGROUP "rdma.max", "mana_0 hca_handle=max hca_object=max\nmana_1 hca_handle=max "
				     "hca_object=max\n" },
		{ CGROUP "misc.max", "sev max\n" },
		{ CGROUP "hugetlb.2MB.max", "9223372036854771712\n" },
	};
	static const char *const limited[][2] = {
		{ CGROUP "rdma.max", "mana_0 hca_handle=2 hca_object=max\n" },
	};
	struct explain *explain = look("{}", files, 3);

	CHECK(value_of(explain, "hugetlb.2MB.max")->who == EXPLAIN_KERNEL);
	CHECK(value_of(explain, "rdma.max")->who == EXPLAIN_KERNEL);
	CHECK(value_of(explain, "misc.max")->who == EXPLAIN_KERNEL);
	free(explain);
	explain = look("{}", limited, 1);
	CHECK(value_of(explain, "rdma.max")->who == EXPLAIN_LATER);
	free(explain);
}

TEST(a_pod_with_one_container_is_found_by_the_pods_name)
{
	static const char pod[] = "{\"annotations\": {\"io.kubernetes.cri.container-type\": \"%s\","
				  " \"io.kubernetes.cri.sandbox-namespace\": \"shop\","
				  " \"io.kubernetes.cri.sandbox-name\": \"%s\"%s}}";
	struct host_tree tree = node(spec);
	char id[CONTAINERS_ID_ROOM], text[1024], long_name[254];

	(void)snprintf(text, sizeof(text), pod, "sandbox", "web-0", "");
	host_tree_put(&tree, CONTAINERS_TASKS "/k8s.io/pause0/config.json", text);
	CHECK(find(&tree, "shop/web-0", id) == 0);
	CHECK_TEXT(id, "abc1");
	CHECK(find(&tree, "shop", id) == -ENOENT);
	CHECK(find(&tree, "shop/web", id) == -ENOENT);
	(void)snprintf(text, sizeof(text), pod, "container", "web-0",
		       ", \"io.kubernetes.cri.container-name\": \"side\"");
	host_tree_put(&tree, CONTAINERS_TASKS "/k8s.io/side0/config.json", text);
	CHECK(find(&tree, "shop/web-0", id) == -EEXIST);
	CHECK(find(&tree, "shop/web-0/side", id) == -ESRCH);
	/* the longest name that Kubernetes allows */
	memset(long_name, 'p', 253);
	long_name[253] = '\0';
	(void)snprintf(text, sizeof(text), pod, "container", long_name,
		       ", \"io.kubernetes.cri.container-name\": \"c\"");
	host_tree_put(&tree, CONTAINERS_TASKS "/k8s.io/long0/config.json", text);
	(void)snprintf(text, sizeof(text), "shop/%s/c", long_name);
	CHECK(find(&tree, text, id) == -ESRCH);
	CHECK_TEXT(id, "long0");
	host_tree_done(&tree);
}

TEST(the_answer_is_for_people_and_for_machines)
{
	struct host_tree tree = node(spec);
	char name[] = "abc1", *argv[] = { name };

	CHECK(ask(cmd_explain, &tree, false, 1, argv) == AZLCTL_OK);
	CHECK(says("azl default") && says("/kubepods.slice allows no more"));
	CHECK(ask(cmd_explain, &tree, true, 1, argv) == AZLCTL_OK);
	CHECK(says("\"set_by\": \"azl default\""));
	CHECK(ask(cmd_explain, &tree, false, 0, argv) == AZLCTL_USAGE);
	name[0] = 'z';
	CHECK(ask(cmd_explain, &tree, false, 1, argv) == AZLCTL_FAILED);
	host_tree_done(&tree);
}

TEST(links_of_a_tree_stay_inside_of_it)
{
	struct host_tree tree = node(spec);
	struct explain *explain = calloc(1, sizeof(*explain));
	struct err err;

	host_tree_put(&tree, CGROUP "pids.max", "4915\n");
	host_tree_put(&tree, BUNDLE "config.json",
		      "{\"annotations\": {\"nerdctl/name\": \"web\"}}");
	host_tree_put(&tree, "run/systemd/transient/cri-abc1.scope.d/50-TasksMax.conf", "");
	host_tree_move(&tree, "run/containerd");
	host_tree_move(&tree, "run/systemd/transient");
	host_tree_move(&tree, "sys/fs/cgroup");
	host_tree_move(&tree, "proc/77");
	CHECK(explain_read(tree.fd, "abc1", explain, &err) == 0);
	CHECK_TEXT(explain->cgroup, "/" POD "/cri-abc1.scope");
	CHECK_TEXT(value_of(explain, EXPLAIN_OOM_SCORE)->here, "985");
	CHECK(value_of(explain, "pids.max")->who == EXPLAIN_LATER);
	/* a bundle that is not containerd's own has no configuration */
	host_tree_remove(&tree, "moved/" BUNDLE "config.json");
	host_tree_put(&tree, "elsewhere.json", "{\"annotations\": {\"nerdctl/name\": \"web2\"}}");
	host_tree_link(&tree, "moved/" BUNDLE "config.json", "/elsewhere.json");
	CHECK(explain_read(tree.fd, "abc1", explain, &err) == 0);
	CHECK_TEXT(explain->name, "");
	free(explain);
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
