/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/plan_world.h"

#define SYSCTLS "etc/sysctl.d/90-azl.conf"

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

TEST(names_with_slashes_are_the_same_names)
{
	struct host_facts facts = azure_node();
	struct plan plan;

	CHECK(facts_sysctl_lines(&facts, "net/core/netdev_max_backlog = 7\n", "etc/x.conf") == 0);
	plan = plan_of(&facts, "{ \"sysctl\": { \"net/ipv4/ip_forward\": 0, "
			       "\"kernel/pid_max\": null } }");
	CHECK_TEXT(value(&plan, STEP_SYSCTL, "net.ipv4.ip_forward"), "0");
	CHECK(!find(&plan, STEP_SYSCTL, "net/ipv4/ip_forward"));
	CHECK(!find(&plan, STEP_SYSCTL, "kernel.pid_max"));
	CHECK(!find(&plan, STEP_SYSCTL, "net.core.netdev_max_backlog"));
	CHECK_TEXT(facts.sysctls[0].name, "net.core.netdev_max_backlog");
	plan_done(&plan);
	facts_done(&facts);
}

/* The other way round the kernel takes the NIC's IPv6 route away: net/ipv6/route.c,
 * rt6_addrconf_purge. */
TEST(links_accept_advertisements_before_they_forward)
{
	static const char *const early[] = { "net.ipv6.conf.eth0.accept_ra",
					     "net.ipv6.conf.enp1s0.accept_ra" };
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(&facts, "{ \"sysctl\": { \"net.ipv6.conf.enp1s0.accept_ra\": 2, "
					   "\"net.ipv4.conf.all.accept_redirects\": 1 } }");
	const char *text = value(&plan, STEP_FILE, SYSCTLS);
	const char *line = strstr(text, "\n-net.ipv6.conf.all.forwarding = 1\n");
	const struct step *forwarding = find(&plan, STEP_SYSCTL, "net.ipv6.conf.all.forwarding");

	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
		const struct step *step = find(&plan, STEP_SYSCTL, early[i]);

		CHECK(step && forwarding && step < forwarding);
		CHECK(line && strstr(text, early[i]) && strstr(text, early[i]) < line);
	}
	/* this one the kernel sets with forwarding */
	CHECK(find(&plan, STEP_SYSCTL, "net.ipv4.conf.all.accept_redirects") > forwarding);
	plan_done(&plan);
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
	CHECK(find(&plan, STEP_FILE, SYSCTLS) == NULL);
	CHECK(!says(value(&plan, STEP_FILE, "etc/sysctl.d/91-azl.conf"), "net."));
	plan_done(&plan);
	/* Our file hides the package's, so it has what that sets. */
	facts.has_packed_sysctls = true;
	plan = plan_of(&facts, "{ \"apply\": { \"network\": false } }");
	CHECK(find(&plan, STEP_SYSCTL, "net.ipv4.ip_forward") == NULL);
	CHECK(says(value(&plan, STEP_FILE, SYSCTLS), "\nnet.ipv4.ip_forward = 1\n"));
	plan_done(&plan);
}
