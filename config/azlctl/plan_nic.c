/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings and channels of the host's NICs. The running ones are set; for one that comes later, and a
 * virtual function that comes back, udev has azlctl look again ("apply nic").
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/nic.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/shipped.h"
#include "config/host.h"

#define RULES_FILE "etc/udev/rules.d/90-azl-nic.rules"

struct wishes {
	char text[NIC_TEXT_ROOM];
	bool is_given; /* at least one by host.json */
};

/* Defaults are raised to and never lowered to; what host.json says is meant as it is. */
static void add_wish(struct wishes *wishes, const struct host_config *config, bool is_vf,
		     const char *name)
{
	char key[NIC_TEXT_ROOM];
	const struct host_value *value;
	size_t used = strlen(wishes->text);

	(void)snprintf(key, sizeof(key), "%s%s", is_vf ? "vf." : "", name);
	value = host_config_get(config, "nic", key);
	if (!value->is_set)
		return;
	wishes->is_given |= value->is_given;
	used += (size_t)snprintf(wishes->text + used, NIC_TEXT_ROOM - used, "%s%s%s",
				 used ? " " : "", name, value->is_given ? "=" : ">=");
	if (value->number == UINT64_MAX)
		(void)snprintf(wishes->text + used, NIC_TEXT_ROOM - used, "max");
	else
		(void)snprintf(wishes->text + used, NIC_TEXT_ROOM - used, "%" PRIu64,
			       value->number);
}

static void add_step(struct plan *plan, const struct facts_nic *nic, const char *part,
		     const struct wishes *wishes, const char *why)
{
	char name[NIC_TEXT_ROOM];

	if (!*wishes->text)
		return;
	(void)snprintf(name, sizeof(name), "%s/%s", nic->name, part);
	plan_add(plan, STEP_NIC, name, wishes->text, why)->optional = !wishes->is_given;
}

static void plan_nic(struct plan *plan, const struct facts_nic *nic,
		     const struct host_config *config)
{
	struct wishes rings = { .text = "" }, channels = { .text = "" };

	add_wish(&rings, config, nic->is_vf, "rx");
	add_wish(&rings, config, nic->is_vf, "tx");
	add_wish(&channels, config, nic->is_vf, "channels");
	add_step(plan, nic, "rings", &rings, "packets that wait while the processor is busy");
	add_step(plan, nic, "channels", &channels, "processors that serve the NIC");
}

/* Returns whether host.json, or a default, has anything to say of a NIC. */
static bool any_wish(const struct host_config *config)
{
	for (size_t i = 0; i < host_keys_count; i++)
		if (strcmp(host_keys[i].section, "nic") == 0 && config->values[i].is_set)
			return true;
	return false;
}

void plan_running_nics(struct plan *plan, const struct host_facts *facts,
		       const struct host_config *config)
{
	for (size_t i = 0; plan_wants(config, "network") && i < facts->n_nics; i++)
		plan_nic(plan, &facts->nics[i], config);
}

void plan_nics(struct plan *plan, const struct host_facts *facts, const struct host_config *config)
{
	if (!plan_wants(config, "network") || !any_wish(config))
		return;
	if (facts->has_systemd)
		plan_add(plan, STEP_FILE, RULES_FILE, shipped_nic_rules,
			 "the same for a NIC that comes later, and a virtual function that comes "
			 "back");
	plan_running_nics(plan, facts, config);
}
