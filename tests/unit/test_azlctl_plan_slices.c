/* SPDX-License-Identifier: Apache-2.0 */
/* Slices and services, with systemd and without. */
#include "config/azlctl/act.h"
#include "tests/unit/plan_world.h"

/* Lines that begin with a letter. */
static size_t settings(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += text[0] == '\n' && text[1] >= 'A' && text[1] <= 'Z';
	return n;
}

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
		/* the owner's is more, and the other way to say it: 10% of 8 GiB */
		{ "{ \"system\": { \"memory.min\": \"10%\" } }", "\nMemoryMin=10%\n" },
		{ "{ \"system\": { \"memory.min\": \"5%\" } }", "\nMemoryMin=436207616\n" },
		{ "{ \"protect\": { \"containerd.memory.min\": \"2%\", \"kubelet.memory.min\": "
		  "\"2%\", \"sshd.memory.min\": \"1.5%\" } }",
		  "\nMemoryMin=536870912\n" },
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

/* The kernel keeps whole pages: what it gives back is what is asked for again. */
TEST(values_are_whole_pages_of_the_host)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	facts.has_systemd = false;
	facts.page_bytes = 65536;
	facts.memory_bytes = (UINT64_C(8) << 30) - 3 * 4096;
	plan = plan_of(&facts, "{ \"protect\": { \"sshd.memory.min\": \"0.7%\" }, "
			       "\"workload\": { \"memory.max\": 9223372036854775000 } }");
	CHECK_TEXT(value(&plan, STEP_VALUE, "azl-system/sshd/memory.min"), "60096512");
	CHECK_TEXT(value(&plan, STEP_VALUE, "azl/memory.max"), "max");
	plan_done(&plan);
	CHECK(facts_kept_bytes(&facts, 65535) == 0);
	CHECK(facts_kept_bytes(&facts, 65536) == 65536);
	CHECK(facts_kept_bytes(&facts, UINT64_MAX) == UINT64_MAX);
	CHECK(facts_kept_bytes(&facts, INT64_MAX) == UINT64_MAX);
	facts.page_bytes = 0; /* a tree has no kernel */
	CHECK(facts_kept_bytes(&facts, 4097) == 4097);
}

TEST(systemd_and_the_kernel_are_compared_in_pages_of_the_host)
{
	struct host_facts facts = azure_node();

	/* 0.7% of 8 GiB, as somebody wrote it in bytes, and as a kernel keeps it */
	CHECK(!reload_lags(&facts, "60129542\nControlGroup=/a", "60129280", false));
	CHECK(reload_lags(&facts, "60129542", "60096512", false));
	facts.page_bytes = 65536;
	CHECK(!reload_lags(&facts, "60129542\n", "60096512", false));
	CHECK(reload_lags(&facts, "60129542\n", "60030976", false));
	CHECK(!reload_lags(&facts, "infinity", "max", false));
	CHECK(reload_lags(&facts, "infinity", "0", false));
	CHECK(reload_lags(&facts, "0", "65536", false) && !reload_lags(&facts, "0", "65536", true));
	CHECK(!reload_lags(&facts, "[not set]", "65536", false));
}

TEST(without_systemd_the_group_above_gets_what_is_protected_below)
{
	static const struct {
		const char *json;
		const char *value;
	} cases[] = {
		{ "{}", "536870912" },
		/* 192 and 32 MiB */
		{ "{ \"system\": { \"memory.min\": \"1Mi\" } }", "234881024" },
		{ "{ \"system\": { \"memory.min\": null } }", "234881024" },
		{ "{ \"protect\": { \"containerd.memory.min\": \"2Gi\" } }", "2181038080" },
		{ "{ \"protect\": { \"sshd.memory.min\": \"max\" } }", "max" },
		/* that does not run */
		{ "{ \"protect\": { \"kubelet.memory.min\": \"2Gi\" } }", "536870912" },
		{ "{ \"system\": { \"memory.min\": null }, \"protect\": { "
		  "\"containerd.memory.min\": null, \"sshd.memory.min\": null } }",
		  "(no such step)" },
	};
	struct host_facts facts = azure_node();
	struct plan plan;

	facts.has_systemd = false;
	facts.pid[FACTS_KUBELET] = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plan = plan_of(&facts, cases[i].json);
		CHECK_TEXT(value(&plan, STEP_VALUE, "azl-system/memory.min"), cases[i].value);
		plan_done(&plan);
	}
	memcpy(facts.controllers, "cpu pids", sizeof("cpu pids"));
	plan = plan_of(&facts, "{}");
	CHECK_TEXT(value(&plan, STEP_VALUE, "azl-system/memory.min"), "(no such step)");
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
