/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "config/host.h"
#include "tests/unit/test.h"

static struct host_facts azure_node(void)
{
	return (struct host_facts){
		.is_live = true,
		.has_systemd = true,
		.unit = { "containerd.service", "kubelet.service", "sshd.service" },
		.slice = { "system.slice", "system.slice", "system.slice" },
		.pid = { 101, 102, 103 },
		.memory_bytes = UINT64_C(8) << 30,
		.tasks_max = 100000,
		.controllers = "cpuset cpu io memory hugetlb pids rdma misc",
		.has_containerd_config = true,
		.containerd_config = 3,
		.imports_conf_d = true,
		.containerd_major = 2,
		.containerd_minor = 1,
	};
}

static struct host_config config_of(const char *json)
{
	struct host_config config = { 0 };
	struct err err;

	if (host_config_parse(json, strlen(json), &config, &err) < 0)
		printf("# %s\n", err.msg);
	return config;
}

static struct plan plan_of(const struct host_facts *facts, const char *json)
{
	struct host_config config = config_of(json);
	struct plan plan = { 0 };

	CHECK(plan_make(&plan, facts, &config) == 0);
	host_config_done(&config);
	return plan;
}

static const struct step *find(const struct plan *plan, enum step_kind kind, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == kind && strcmp(plan->steps[i].name, name) == 0)
			return &plan->steps[i];
	return NULL;
}

static const char *value(const struct plan *plan, enum step_kind kind, const char *name)
{
	const struct step *step = find(plan, kind, name);

	return step ? step->value : "(no such step)";
}

static bool says(const char *text, const char *line)
{
	return strstr(text, line) != NULL;
}

static bool advises(const struct plan *plan, const char *text)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == STEP_ADVICE && says(plan->steps[i].why, text))
			return true;
	return false;
}

static size_t count(const struct plan *plan, enum step_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->count; i++)
		n += plan->steps[i].kind == kind;
	return n;
}

/* Lines that begin with a letter. */
static size_t settings(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += text[0] == '\n' && text[1] >= 'A' && text[1] <= 'Z';
	return n;
}

#define UNITS	"etc/systemd/system/"
#define SYSCTLS "etc/sysctl.d/90-azl.conf"

TEST(every_value_of_a_host_with_systemd_has_a_property)
{
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(
		&facts, "{ \"system\": { \"pids.max\": \"50%\" }, \"workload\": { \"memory.high\": "
			"\"2.5%\", \"cpu.weight\": 77, \"io.weight\": 88 }, \"protect\": { "
			"\"sshd.oom_score_adj\": -500 } }");
	const char *system = value(&plan, STEP_FILE, UNITS "system.slice.d/40-azl.conf");
	const char *workload = value(&plan, STEP_FILE, UNITS "azl.slice.d/40-azl.conf");
	const char *sshd = value(&plan, STEP_FILE, UNITS "sshd.service.d/40-azl.conf");
	size_t lines = 0, set = 0;

	CHECK(says(system, "[Slice]\n"));
	CHECK(says(system, "\nMemoryMin=536870912\n"));
	CHECK(says(system, "\nMemoryLow=1073741824\n"));
	CHECK(says(system, "\nTasksMax=50%\n"));
	CHECK(says(workload, "\nMemoryHigh=2.5%\n"));
	CHECK(says(workload, "\nMemoryMax=95%\n"));
	CHECK(says(workload, "\nCPUWeight=77\n"));
	CHECK(says(workload, "\nIOWeight=88\n"));
	CHECK(says(sshd, "[Service]\n"));
	CHECK(says(sshd, "\nOOMScoreAdjust=-500\n"));
	CHECK(find(&plan, STEP_RELOAD, "") == &plan.steps[plan.count - 1]);

	/* A key of the table without a property here would be a line less. */
	for (size_t i = 0; i < plan.count; i++)
		if (plan.steps[i].kind == STEP_FILE && says(plan.steps[i].name, UNITS))
			lines += settings(plan.steps[i].value);
	for (size_t i = 0; i < host_keys_count; i++) {
		bool ours = strcmp(host_keys[i].section, "system") == 0 ||
			    strcmp(host_keys[i].section, "workload") == 0 ||
			    strcmp(host_keys[i].section, "protect") == 0;

		set += ours;
	}
	CHECK(lines == set);
	plan_done(&plan);
}

TEST(the_slice_above_gets_what_its_services_need)
{
	static const struct {
		const char *json;
		const char *line;
	} cases[] = {
		/* the sum is more than what the owner gave */
		{ "{ \"system\": { \"memory.min\": \"1Mi\" } }", "\nMemoryMin=436207616\n" },
		{ "{ \"system\": { \"memory.min\": null } }", "\nMemoryMin=436207616\n" },
		{ "{ \"system\": { \"memory.min\": \"max\" } }", "\nMemoryMin=infinity\n" },
		{ "{ \"protect\": { \"sshd.memory.min\": \"max\" } }", "\nMemoryMin=infinity\n" },
		/* percent alone stay percent, whatever the machine is resized to */
		{ "{ \"system\": { \"memory.min\": null }, \"protect\": { "
		  "\"containerd.memory.min\": \"2%\", \"kubelet.memory.min\": \"2%\", "
		  "\"sshd.memory.min\": \"1.5%\" } }",
		  "\nMemoryMin=5.5%\n" },
		/* 10% of 8 GiB and two times bytes */
		{ "{ \"protect\": { \"containerd.memory.min\": \"10%\" } }",
		  "\nMemoryMin=1093874483\n" },
	};
	struct host_facts facts = azure_node();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan plan = plan_of(&facts, cases[i].json);
		const char *text = value(&plan, STEP_FILE, UNITS "system.slice.d/40-azl.conf");

		CHECK(says(text, cases[i].line));
		if (!says(text, cases[i].line))
			printf("# %s: %s\n", cases[i].json, text);
		plan_done(&plan);
	}
}

TEST(a_tree_gets_files_alone)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	facts.is_live = false;
	facts.memory_bytes = 0;
	facts.controllers[0] = '\0';
	plan = plan_of(&facts, "{ \"protect\": { \"containerd.memory.min\": \"10%\" } }");
	CHECK(count(&plan, STEP_FILE) == 9);
	CHECK(count(&plan, STEP_FILE) + count(&plan, STEP_ADVICE) == plan.count);
	CHECK(advises(&plan, "cannot be added up"));
	plan_done(&plan);
}

TEST(without_systemd_there_are_groups_in_bytes)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	facts.has_systemd = false;
	facts.pid[FACTS_KUBELET] = 0;
	plan = plan_of(&facts, "{}");
	CHECK(count(&plan, STEP_RELOAD) == 0);
	CHECK(count(&plan, STEP_GROUP) == 4);
	CHECK(find(&plan, STEP_GROUP, "azl-system/kubelet") == NULL);
	CHECK_TEXT(value(&plan, STEP_VALUE, "azl-system/sshd/memory.min"), "33554432");
	CHECK_TEXT(value(&plan, STEP_VALUE, "azl/memory.max"), "8160436224");
	CHECK_TEXT(value(&plan, STEP_VALUE, "azl/pids.max"), "80000");
	CHECK_TEXT(value(&plan, STEP_MOVE, "containerd"), "azl-system/containerd");
	plan_done(&plan);
}

TEST(without_systemd_a_daemon_that_runs_gets_its_score)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	facts.has_systemd = false;
	facts.pid[FACTS_KUBELET] = 0;
	facts.controllers[0] = '\0'; /* it takes no cgroups */
	plan = plan_of(&facts, "{ \"protect\": { \"sshd.oom_score_adj\": 7 } }");
	CHECK(count(&plan, STEP_SCORE) == 2);
	CHECK_TEXT(value(&plan, STEP_SCORE, "containerd/101"), "-999");
	CHECK_TEXT(value(&plan, STEP_SCORE, "sshd/103"), "7");
	plan_done(&plan);
	plan = plan_of(&facts, "{ \"apply\": { \"slices\": false } }");
	CHECK(count(&plan, STEP_SCORE) == 0);
	plan_done(&plan);
	facts.has_systemd = true;
	plan = plan_of(&facts, "{}");
	CHECK(count(&plan, STEP_SCORE) == 0);
	plan_done(&plan);
}

/* ---- NICs ---- */

#define RULES "etc/udev/rules.d/90-azl-nic.rules"

static struct host_facts node_with_nics(void)
{
	struct host_facts facts = azure_node();

	facts.nics[0] = (struct facts_nic){ .name = "eth0" };
	facts.nics[1] = (struct facts_nic){ .name = "enP1s1", .is_vf = true };
	facts.n_nics = 2;
	return facts;
}

TEST(a_function_has_a_default_and_the_nic_in_front_of_it_has_none)
{
	struct host_facts facts = node_with_nics();
	struct plan plan = plan_of(&facts, "{}");
	const struct step *step = find(&plan, STEP_NIC, "enP1s1/rings");

	CHECK(count(&plan, STEP_NIC) == 1 && step && step->optional);
	CHECK_TEXT(value(&plan, STEP_NIC, "enP1s1/rings"), "rx>=1024");
	CHECK(says(value(&plan, STEP_FILE, RULES), "DRIVERS==\"hv_netvsc|"));
	CHECK(says(value(&plan, STEP_FILE, RULES), "azl-nic@$name.service"));
	plan_done(&plan);
}

TEST(rings_of_one_nic_are_one_step_and_channels_another)
{
	struct host_facts facts = node_with_nics();
	struct plan plan = plan_of(&facts, "{ \"nic\": { \"rx\": 8192, \"tx\": \"max\", "
					   "\"channels\": 4, \"vf.tx\": 512 } }");
	const struct step *step = find(&plan, STEP_NIC, "eth0/rings");

	CHECK(count(&plan, STEP_NIC) == 3 && step && !step->optional);
	CHECK_TEXT(value(&plan, STEP_NIC, "eth0/rings"), "rx=8192 tx=max");
	CHECK_TEXT(value(&plan, STEP_NIC, "eth0/channels"), "channels=4");
	CHECK_TEXT(value(&plan, STEP_NIC, "enP1s1/rings"), "rx>=1024 tx=512");
	plan_done(&plan);
}

TEST(nics_are_left_alone_where_host_json_says_so)
{
	struct host_facts facts = node_with_nics();
	struct plan plan = plan_of(&facts, "{ \"nic\": { \"vf.rx\": null } }");

	CHECK(count(&plan, STEP_NIC) == 0 && !find(&plan, STEP_FILE, RULES));
	plan_done(&plan);
	plan = plan_of(&facts, "{ \"apply\": { \"network\": false }, \"nic\": { \"rx\": 64 } }");
	CHECK(count(&plan, STEP_NIC) == 0 && !find(&plan, STEP_FILE, RULES));
	plan_done(&plan);
	/* Without systemd nobody would start azlctl for udev. */
	facts.has_systemd = false;
	plan = plan_of(&facts, "{}");
	CHECK(count(&plan, STEP_NIC) == 1 && !find(&plan, STEP_FILE, RULES));
	plan_done(&plan);
}

/* ---- the node's network ---- */

#define LIST "etc/cni/net.d/10-azl.conflist"

TEST(a_list_is_written_where_host_json_names_one)
{
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(&facts, "{}");

	CHECK(!find(&plan, STEP_FILE, LIST));
	plan_done(&plan);
	plan = plan_of(&facts, "{ \"cni\": { \"conflist\": \"aks\" } }");
	CHECK(says(value(&plan, STEP_FILE, LIST), "\"type\": \"cns\""));
	plan_done(&plan);
	plan = plan_of(&facts, "{ \"cni\": { \"conflist\": \"vm\" } }");
	CHECK(says(value(&plan, STEP_FILE, LIST), "\"type\": \"imds\""));
	plan_done(&plan);
	plan = plan_of(&facts, "{ \"cni\": { \"conflist\": \"local\" } }");
	CHECK(says(value(&plan, STEP_FILE, LIST), "\"type\": \"ranges\""));
	CHECK(!advises(&plan, "stands in front"));
	plan_done(&plan);
	memcpy(facts.conf_in_front, "05-cilium.conflist", sizeof("05-cilium.conflist"));
	plan = plan_of(&facts, "{ \"cni\": { \"conflist\": \"local\" } }");
	CHECK(find(&plan, STEP_FILE, LIST) && advises(&plan, "05-cilium.conflist stands in front"));
	plan_done(&plan);
}

TEST(what_the_kernel_lacks_is_one_line)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	memcpy(facts.controllers, "cpu memory pids", sizeof("cpu memory pids"));
	plan = plan_of(&facts, "{}");
	CHECK(advises(&plan, "no cgroup controller io here"));
	CHECK(!advises(&plan, "no cgroup controller cpu"));
	CHECK(find(&plan, STEP_FILE, UNITS "system.slice.d/40-azl.conf") != NULL);
	plan_done(&plan);
	facts.controllers[0] = '\0';
	plan = plan_of(&facts, "{}");
	CHECK(advises(&plan, "not a whole cgroup v2 hierarchy"));
	CHECK(find(&plan, STEP_FILE, UNITS "system.slice.d/40-azl.conf") == NULL);
	plan_done(&plan);
}

TEST(limits_are_raised_and_switches_are_set)
{
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(&facts, "{ \"sysctl\": { \"kernel.pid_max\": 70000 } }");
	const struct step *step = find(&plan, STEP_SYSCTL, "fs.inotify.max_user_instances");

	CHECK(step && step->at_least && !step->optional);
	CHECK(step && says(step->why, "128 instances for each user"));
	step = find(&plan, STEP_SYSCTL, "net.ipv4.ip_forward");
	CHECK(step && !step->at_least);
	step = find(&plan, STEP_SYSCTL, "net.ipv6.neigh.default.gc_thresh3");
	CHECK(step && step->optional && step->at_least);
	/* the owner's own number is meant as it is */
	step = find(&plan, STEP_SYSCTL, "kernel.pid_max");
	CHECK(step && !step->at_least && strcmp(step->value, "70000") == 0);
	plan_done(&plan);
}

/* As AKS has it: kubelet and containerd beside system.slice. */
TEST(slices_above_the_services_get_what_is_protected_below)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	facts_unit_slice(&facts, FACTS_CONTAINERD, "kubereserved.slice\n");
	facts_unit_slice(&facts, FACTS_KUBELET, "kubereserved-agents.slice\n");
	facts_find_slices(&facts);
	CHECK(facts.n_slices == 2);
	plan = plan_of(&facts, "{ \"system\": { \"memory.min\": null } }");
	CHECK(says(value(&plan, STEP_FILE, UNITS "kubereserved.slice.d/40-azl.conf"),
		   "\nMemoryMin=402653184\n"));
	CHECK(settings(value(&plan, STEP_FILE, UNITS "kubereserved.slice.d/40-azl.conf")) == 1);
	CHECK(says(value(&plan, STEP_FILE, UNITS "kubereserved-agents.slice.d/40-azl.conf"),
		   "\nMemoryMin=201326592\n"));
	CHECK(says(value(&plan, STEP_FILE, UNITS "system.slice.d/40-azl.conf"),
		   "\nMemoryMin=33554432\n"));
	CHECK(says(value(&plan, STEP_FILE, UNITS "kubelet.service.d/40-azl.conf"),
		   "\nMemoryMin=201326592\n"));
	plan_done(&plan);

	/* What the owner's slice says, and nothing to protect. */
	facts.slices[0].has_min = true;
	plan = plan_of(&facts, "{ \"protect\": { \"kubelet.memory.min\": null } }");
	CHECK(find(&plan, STEP_FILE, UNITS "kubereserved.slice.d/40-azl.conf") == NULL);
	CHECK(advises(&plan, "kubereserved.slice has a MemoryMin of its own"));
	CHECK(find(&plan, STEP_FILE, UNITS "kubereserved-agents.slice.d/40-azl.conf") == NULL);
	plan_done(&plan);
}

TEST(slices_are_those_of_services_that_are_there_and_no_other_names)
{
	static const char *const odd[] = {
		"", "\n", ".slice", "x.service\n", "../../etc/x.slice", "a/b.slice", "system.slicer"
	};
	struct host_facts facts = azure_node();

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		facts_unit_slice(&facts, FACTS_KUBELET, odd[i]);
		CHECK_TEXT(facts.slice[FACTS_KUBELET], "system.slice");
	}
	facts_unit_slice(&facts, FACTS_KUBELET, "-.slice\n");
	facts_unit_slice(&facts, FACTS_CONTAINERD, "azl.slice");
	facts_find_slices(&facts);
	CHECK(facts.n_slices == 0);
	facts_unit_slice(&facts, FACTS_SSHD, "a-b.b-c-d-e-f-g-h-i-j.slice");
	facts.unit[FACTS_SSHD] = NULL;
	facts_find_slices(&facts);
	CHECK(facts.n_slices == 0);
	facts.unit[FACTS_SSHD] = "ssh.service";
	facts_find_slices(&facts);
	CHECK(facts.n_slices == FACTS_SLICES_MAX);
	CHECK_TEXT(facts.slices[0].name, "a.slice");
	CHECK_TEXT(facts.slices[1].name, "a-b.b.slice");
	CHECK(facts_slice_holds("a.slice", "a.slice") && facts_slice_holds("a.slice", "a-b.slice"));
	CHECK(!facts_slice_holds("a.slice", "ab.slice") &&
	      !facts_slice_holds("a-b.slice", "a.slice"));
	CHECK(!facts_slice_holds("-.slice", "-.slice") && !facts_slice_holds("a.slice", ""));
}

TEST(apply_in_host_json_leaves_out_whole_parts)
{
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(
		&facts, "{ \"apply\": { \"slices\": false, \"sysctl\": false, \"modules\": false, "
			"\"containerd\": false, \"network\": false } }");

	CHECK(plan.count == 1 && plan.steps[0].kind == STEP_RELOAD);
	plan_done(&plan);
	plan = plan_of(&facts, "{ \"apply\": { \"network\": false } }");
	CHECK(find(&plan, STEP_SYSCTL, "net.ipv4.ip_forward") == NULL);
	CHECK(find(&plan, STEP_SYSCTL, "kernel.pid_max") != NULL);
	CHECK(!says(value(&plan, STEP_FILE, SYSCTLS), "net."));
	plan_done(&plan);
	/* Our file hides the package's, so it has what that sets. */
	facts.has_packed_sysctls = true;
	plan = plan_of(&facts, "{ \"apply\": { \"network\": false } }");
	CHECK(find(&plan, STEP_SYSCTL, "net.ipv4.ip_forward") == NULL);
	CHECK(says(value(&plan, STEP_FILE, SYSCTLS), "\nnet.ipv4.ip_forward = 1\n"));
	plan_done(&plan);
}

#define CONF_D "etc/containerd/conf.d/azl.toml"

TEST(containerd_gets_a_file_only_where_it_merges)
{
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(&facts, "{}");

	CHECK(says(value(&plan, STEP_FILE, CONF_D), "version = 3\n"));
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "io.containerd.cri.v1.runtime"));
	CHECK(!says(value(&plan, STEP_FILE, CONF_D), "snapshotter"));
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "SystemdCgroup = true\n"));
	plan_done(&plan);

	facts.has_systemd = false;
	plan = plan_of(&facts, "{}");
	CHECK(says(value(&plan, STEP_FILE, CONF_D), ".options]\n  SystemdCgroup = false\n"));
	CHECK(!says(value(&plan, STEP_FILE, CONF_D), "true") &&
	      says(value(&plan, STEP_FILE, CONF_D), "containerd-shim-azl-v2"));
	plan_done(&plan);
	facts.has_systemd = true;

	facts.imports_conf_d = false;
	plan = plan_of(&facts, "{}");
	CHECK(!find(&plan, STEP_FILE, CONF_D) && advises(&plan, "let it have imports = "));
	plan_done(&plan);

	facts.imports_conf_d = true;
	facts.containerd_config = 2;
	facts.containerd_major = 1;
	plan = plan_of(&facts, "{}");
	CHECK(!find(&plan, STEP_FILE, CONF_D) && advises(&plan, "would take the place of all"));
	plan_done(&plan);

	/* containerd 2.2 without any configuration */
	facts.has_containerd_config = false;
	facts.containerd_config = 0;
	facts.containerd_major = 2;
	facts.containerd_minor = 2;
	plan = plan_of(&facts, "{}");
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "version = 3\n"));
	plan_done(&plan);

	facts.has_azl_handler = true;
	plan = plan_of(&facts, "{}");
	CHECK(!find(&plan, STEP_FILE, CONF_D) && count(&plan, STEP_ADVICE) == 0);
	plan_done(&plan);
}

/* ---- facts ---- */

TEST(versions_of_containerd_are_read_as_distributions_print_them)
{
	static const struct {
		const char *text;
		unsigned int major, minor;
	} cases[] = {
		{ "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6+b5\n", 1,
		  7 },
		{ "containerd github.com/containerd/containerd/v2 2.1.6 fb6f6bd\n", 2, 1 },
		{ "containerd github.com/containerd/containerd/v2 v2.0.0-rc.3 27de5fe\n", 2, 0 },
		{ "containerd github.com/containerd/containerd  \n", 0, 0 },
		{ "", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_facts facts = { 0 };

		facts_containerd_version(&facts, cases[i].text);
		CHECK(facts.containerd_major == cases[i].major &&
		      facts.containerd_minor == cases[i].minor);
	}
}

TEST(a_configuration_of_containerd_is_read_as_far_as_needed)
{
	struct host_facts facts = { 0 };

	facts_containerd_config(&facts, "# version = 3\nversion = 2\nimports = [ # a list\n"
					"  \"/a/b.toml\",\n  '/etc/containerd/conf.d/*.toml']\n");
	CHECK(facts.has_containerd_config && facts.containerd_config == 2);
	CHECK(facts.imports_conf_d && !facts.has_azl_handler);
	facts = (struct host_facts){ 0 };
	facts_containerd_config(
		&facts, "#imports = [\"/etc/containerd/conf.d/*.toml\"]\nimports = []\n"
			"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.azl]\n");
	CHECK(facts.containerd_config == 1 && !facts.imports_conf_d && facts.has_azl_handler);
	facts = (struct host_facts){ 0 };
	facts_containerd_config(&facts, "version=3\nimports = [ # \"/etc/containerd/conf.d/\"");
	CHECK(facts.containerd_config == 3 && !facts.imports_conf_d);
}

TEST(a_table_of_the_handler_counts_a_comment_does_not)
{
	CHECK(facts_names_handler("version = 3\n\t[plugins.\"x\".containerd.runtimes.azl]"));
	CHECK(!facts_names_handler("# [plugins.\"x\".containerd.runtimes.azl]\n[a]\n"));
	CHECK(!facts_names_handler("[plugins.\"x\".containerd.runtimes.azl2]\n"));
	CHECK(!facts_names_handler(""));
}

TEST(conf_d_is_read_where_containerd_is_told_or_by_itself_without_a_configuration)
{
	struct host_facts facts = { .containerd_major = 2, .containerd_minor = 2 };

	CHECK(facts_reads_conf_d(&facts));
	facts.has_containerd_config = true;
	CHECK(!facts_reads_conf_d(&facts));
	facts.imports_conf_d = true;
	CHECK(facts_reads_conf_d(&facts));
	facts = (struct host_facts){ .containerd_major = 1, .containerd_minor = 7 };
	CHECK(!facts_reads_conf_d(&facts));
}
