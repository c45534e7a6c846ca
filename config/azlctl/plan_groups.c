/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same limits where no systemd makes cgroups: azl-system with one group for each protected
 * program, and azl for containers. Nothing of it outlives a reboot: apply has to run at boot.
 */
#include <inttypes.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/slices.h"
#include "config/host.h"

enum { TEXT_ROOM = 128 };

#define SYSTEM_GROUP   SLICES_SYSTEM
#define WORKLOAD_GROUP "azl"

static void add_value(struct plan *plan, const struct host_facts *facts, const struct host_key *key,
		      const char *group, const char *file, uint64_t number)
{
	char name[TEXT_ROOM], text[TEXT_ROOM];

	if (!facts_has_controller(facts, file))
		return;
	(void)snprintf(name, sizeof(name), "%s/%s", group, file);
	if (key->type == HOST_BYTES || key->type == HOST_LIMIT)
		number = facts_kept_bytes(facts, number);
	if (number == UINT64_MAX)
		(void)snprintf(text, sizeof(text), "max");
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	plan_add(plan, STEP_VALUE, name, text, key->reason);
}

/* The values of a section of host.json whose keys begin with `prefix`, for one group, which is sure
 * of at least so much memory. */
static void add_values(struct plan *plan, const struct host_facts *facts,
		       const struct host_config *config, const char *section, const char *prefix,
		       const char *group, uint64_t least)
{
	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_key *key = &host_keys[i];
		const struct host_value *value = &config->values[i];
		size_t len = strlen(prefix);
		const char *file = key->name + len;
		uint64_t number = 0;

		if (strcmp(key->section, section) != 0 || strncmp(key->name, prefix, len) != 0 ||
		    key->type == HOST_SCORE)
			continue;
		if (value->is_set)
			number = host_value_number(value, key->type == HOST_TASKS
								  ? facts->tasks_max
								  : facts->memory_bytes);
		if (strcmp(file, "memory.min") == 0 && number < least)
			number = least;
		else if (!value->is_set)
			continue;
		add_value(plan, facts, key, group, file, number);
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

/* What is protected of a program is protected as far as it is in the group above. */
static uint64_t sum_protected(const struct host_facts *facts, const struct host_config *config)
{
	uint64_t sum = 0;

	for (int i = 0; i < FACTS_UNITS; i++) {
		const struct host_value *value;
		char name[TEXT_ROOM];
		uint64_t number;

		(void)snprintf(name, sizeof(name), "%smemory.min", programs[i].prefix);
		value = host_config_get(config, "protect", name);
		if (facts->pid[i] == 0 || !value->is_set)
			continue;
		number = host_value_number(value, facts->memory_bytes);
		sum = number > UINT64_MAX - sum ? UINT64_MAX : sum + number;
	}
	return sum;
}

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
	add_values(plan, facts, config, "system", "", SYSTEM_GROUP, sum_protected(facts, config));
	for (int i = 0; i < FACTS_UNITS; i++) {
		char group[TEXT_ROOM];

		if (facts->pid[i] == 0)
			continue;
		(void)snprintf(group, sizeof(group), SYSTEM_GROUP "/%s", programs[i].program);
		plan_add(plan, STEP_GROUP, group, NULL, "protected memory and weight");
		add_values(plan, facts, config, "protect", programs[i].prefix, group, 0);
		plan_add(plan, STEP_MOVE, programs[i].program, group,
			 "the running process, and all that it starts from now on");
	}
	plan_add(plan, STEP_GROUP, WORKLOAD_GROUP, NULL, "what all containers together may take");
	add_values(plan, facts, config, "workload", "", WORKLOAD_GROUP, 0);
}
