/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same limits where no systemd makes cgroups: azl-system with one group for each protected
 * program, and azl for containers. Nothing of it outlives a reboot: apply has to run at boot.
 */
#include <inttypes.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/host.h"

enum { TEXT_ROOM = 128 };

#define SYSTEM_GROUP   "azl-system"
#define WORKLOAD_GROUP "azl"

/* The values of a section of host.json whose keys begin with `prefix`, for one group. */
static void add_values(struct plan *plan, const struct host_facts *facts,
		       const struct host_config *config, const char *section, const char *prefix,
		       const char *group)
{
	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_key *key = &host_keys[i];
		const struct host_value *value = &config->values[i];
		size_t len = strlen(prefix);
		char name[TEXT_ROOM], text[TEXT_ROOM];
		uint64_t number;

		if (strcmp(key->section, section) != 0 || strncmp(key->name, prefix, len) != 0 ||
		    !value->is_set || key->type == HOST_SCORE ||
		    !facts_has_controller(facts, key->name + len))
			continue;
		number = host_value_number(value, key->type == HOST_TASKS ? facts->tasks_max
									  : facts->memory_bytes);
		(void)snprintf(name, sizeof(name), "%s/%s", group, key->name + len);
		if (number == UINT64_MAX)
			(void)snprintf(text, sizeof(text), "max");
		else
			(void)snprintf(text, sizeof(text), "%" PRIu64,
				       key->type == HOST_BYTES ? number & ~UINT64_C(4095) : number);
		plan_add(plan, STEP_VALUE, name, text, key->reason);
	}
}

static const struct {
	const char *program;
	const char *prefix;
} programs[FACTS_UNITS] = {
	[FACTS_CONTAINERD] = { "containerd", "containerd." },
	[FACTS_KUBELET] = { "kubelet", "kubelet." },
	[FACTS_SSHD] = { "sshd", "sshd." },
};

void plan_scores(struct plan *plan, const struct host_facts *facts,
		 const struct host_config *config)
{
	for (int i = 0; i < FACTS_UNITS; i++) {
		const struct host_value *score;
		char name[TEXT_ROOM], text[TEXT_ROOM];

		(void)snprintf(name, sizeof(name), "%soom_score_adj", programs[i].prefix);
		score = host_config_get(config, "protect", name);
		if (facts->pid[i] == 0 || !score->is_set)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%d", programs[i].program,
			       (int)facts->pid[i]);
		(void)snprintf(text, sizeof(text), "%" PRId64, (int64_t)score->number);
		plan_add(plan, STEP_SCORE, name, text,
			 "the running process, and all that it starts from now on");
	}
}

void plan_groups(struct plan *plan, const struct host_facts *facts,
		 const struct host_config *config)
{
	if (!facts->is_live)
		return;
	plan_add(plan, STEP_GROUP, SYSTEM_GROUP, NULL, "the host's own services");
	add_values(plan, facts, config, "system", "", SYSTEM_GROUP);
	for (int i = 0; i < FACTS_UNITS; i++) {
		char group[TEXT_ROOM];

		if (facts->pid[i] == 0)
			continue;
		(void)snprintf(group, sizeof(group), SYSTEM_GROUP "/%s", programs[i].program);
		plan_add(plan, STEP_GROUP, group, NULL, "protected memory and weight");
		add_values(plan, facts, config, "protect", programs[i].prefix, group);
		plan_add(plan, STEP_MOVE, programs[i].program, group,
			 "the running process, and all that it starts from now on");
	}
	plan_add(plan, STEP_GROUP, WORKLOAD_GROUP, NULL, "what all containers together may take");
	add_values(plan, facts, config, "workload", "", WORKLOAD_GROUP);
}
