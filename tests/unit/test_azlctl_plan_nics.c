/* SPDX-License-Identifier: Apache-2.0 */
/* Rings and channels of NICs. */
#include "tests/unit/plan_world.h"

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
