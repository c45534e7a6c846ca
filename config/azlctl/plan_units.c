/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices and services of a host with systemd: drop-ins, which systemd itself turns into cgroup
 * values. memory.min counts only as far as every level above has it, too: each slice above a
 * service gets at least the sum of what its services get.
 *
 * Source: systemd.resource-control(5); kernel cgroup-v2.rst, "Memory Interface Files", memory.min.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/base/clean.h"
#include "config/host.h"

enum { VALUE_ROOM = 32 };

/*
 * Of all folders the drop-in whose name comes last counts. "systemctl set-property", and kubelet
 * through systemd's D-Bus, write 50-PROPERTY.conf: what is set so is its owner's.
 *
 * Source: systemd.unit(5); systemd src/core/unit.c, unit_write_setting.
 */
#define DROP_IN "40-azl.conf"

/* What systemd calls a file of a cgroup. */
static const struct {
	const char *file;
	const char *property;
	const char *endless; /* for "max"; NULL: has none */
	bool service_only;
} properties[] = {
	{ "memory.min", "MemoryMin", "infinity", false },
	{ "memory.low", "MemoryLow", "infinity", false },
	{ "memory.high", "MemoryHigh", "infinity", false },
	{ "memory.max", "MemoryMax", "infinity", false },
	{ "memory.swap.max", "MemorySwapMax", "infinity", false },
	{ "memory.zswap.max", "MemoryZSwapMax", "infinity", false },
	{ "cpu.weight", "CPUWeight", NULL, false },
	{ "io.weight", "IOWeight", NULL, false },
	{ "pids.max", "TasksMax", "infinity", false },
	{ "oom_score_adj", "OOMScoreAdjust", NULL, true },
};

enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

static const char *const programs[FACTS_UNITS] = {
	[FACTS_CONTAINERD] = "containerd.",
	[FACTS_KUBELET] = "kubelet.",
	[FACTS_SSHD] = "sshd.",
};

/* "536870912", "95%", "infinity", "-999". */
static void put_value(char text[VALUE_ROOM], const struct host_key *key,
		      const struct host_value *value, const char *endless)
{
	if (key->type == HOST_SCORE)
		(void)snprintf(text, VALUE_ROOM, "%" PRId64, (int64_t)value->number);
	else if (value->number == UINT64_MAX && endless)
		(void)snprintf(text, VALUE_ROOM, "%s", endless);
	else if (value->is_percent && value->number % 10 == 0)
		(void)snprintf(text, VALUE_ROOM, "%" PRIu64 "%%", value->number / 10);
	else if (value->is_percent)
		(void)snprintf(text, VALUE_ROOM, "%" PRIu64 ".%" PRIu64 "%%", value->number / 10,
			       value->number % 10);
	else
		(void)snprintf(text, VALUE_ROOM, "%" PRIu64, value->number);
}

static void put_line(FILE *out, const struct host_key *key, const char *file,
		     const struct host_value *value)
{
	char text[VALUE_ROOM];

	for (int i = 0; i < PROPERTIES; i++) {
		if (strcmp(properties[i].file, file) != 0)
			continue;
		put_value(text, key, value, properties[i].endless);
		(void)fprintf(out, "# %s\n%s=%s\n", key->reason, properties[i].property, text);
	}
}

/* The lines of a section of host.json whose keys begin with `prefix`. Returns how many. */
static unsigned int put_lines(FILE *out, const struct host_config *config, const char *section,
			      const char *prefix, const char *but)
{
	unsigned int lines = 0;

	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_key *key = &host_keys[i];
		size_t len = strlen(prefix);

		if (strcmp(key->section, section) != 0 || strncmp(key->name, prefix, len) != 0 ||
		    !config->values[i].is_set || strcmp(key->name + len, but) == 0)
			continue;
		put_line(out, key, key->name + len, &config->values[i]);
		lines++;
	}
	return lines;
}

/* A drop-in; nothing where host.json leaves every value alone. */
static void add_drop_in(struct plan *plan, const char *unit, const char *kind,
			const struct host_config *config, const char *section, const char *prefix,
			const char *why)
{
	own_mem char *text = NULL;
	char path[256];
	size_t len = 0;
	unsigned int lines;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		plan->no_memory = true;
		return;
	}
	(void)fprintf(out, "[%s]\n", kind);
	lines = put_lines(out, config, section, prefix, "");
	if (fclose(out) != 0 || !text)
		plan->no_memory = true;
	else if (lines > 0) {
		(void)snprintf(path, sizeof(path), "etc/systemd/system/%s.d/" DROP_IN, unit);
		plan_add(plan, STEP_FILE, path, text, why);
	}
}

/* ---- slices above the services ---- */

static void add_to_sum(const struct host_facts *facts, const struct host_value *value,
		       struct host_value *sum)
{
	if (!sum->is_set)
		*sum = (struct host_value){ .is_set = true, .is_percent = value->is_percent };
	if (sum->is_percent != value->is_percent) {
		sum->number = host_value_number(sum, facts->memory_bytes);
		sum->is_percent = false;
	}
	if (value->number == UINT64_MAX || sum->number == UINT64_MAX)
		sum->number = UINT64_MAX;
	else
		sum->number += value->is_percent == sum->is_percent
				       ? value->number
				       : host_value_number(value, facts->memory_bytes);
}

/* Add up what services below a slice get. Returns false where parts of the memory and bytes cannot
 * be added. */
static bool sum_protected(const struct host_facts *facts, const struct host_config *config,
			  const char *slice, struct host_value *sum)
{
	*sum = (struct host_value){ .is_set = false };
	for (int i = 0; i < FACTS_UNITS; i++) {
		char name[64];
		const struct host_value *value;

		(void)snprintf(name, sizeof(name), "%smemory.min", programs[i]);
		value = host_config_get(config, "protect", name);
		if (!facts->unit[i] || !facts_slice_holds(slice, facts->slice[i]) ||
		    !value->is_set || value->number == 0)
			continue;
		if (sum->is_set && sum->is_percent != value->is_percent && facts->memory_bytes == 0)
			return false;
		add_to_sum(facts, value, sum);
	}
	return true;
}

/* The larger of what the owner gave a slice and what its services need. Returns false where a part
 * of the memory and bytes cannot be compared. */
static bool raise_sum(const struct host_facts *facts, const struct host_value *own,
		      struct host_value *sum)
{
	bool is_endless = own->number == UINT64_MAX || sum->number == UINT64_MAX;
	bool is_same = own->is_percent == sum->is_percent;

	if (!own->is_set)
		return true;
	if (sum->is_set && !is_same && !is_endless && facts->memory_bytes == 0)
		return false;
	if (!sum->is_set || (is_same ? own->number >= sum->number
				     : host_value_number(own, facts->memory_bytes) >=
					       host_value_number(sum, facts->memory_bytes)))
		*sum = *own;
	return true;
}

static const struct host_key *key_of(const char *section, const char *name)
{
	for (size_t i = 0; i < host_keys_count; i++)
		if (strcmp(host_keys[i].section, section) == 0 &&
		    strcmp(host_keys[i].name, name) == 0)
			return &host_keys[i];
	return NULL;
}

/* A slice's drop-in: what its services get, and `own` of host.json for system.slice alone. */
static void add_slice(struct plan *plan, const struct host_facts *facts,
		      const struct host_config *config, const char *slice, bool is_system)
{
	const struct host_value *own = host_config_get(config, "system", "memory.min");
	own_mem char *text = NULL;
	char path[256];
	size_t len = 0;
	struct host_value sum;
	unsigned int lines = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		plan->no_memory = true;
		return;
	}
	(void)fputs("[Slice]\n", out);
	if (!sum_protected(facts, config, slice, &sum) ||
	    (is_system && !raise_sum(facts, own, &sum)))
		plan_text(plan, &plan_add(plan, STEP_ADVICE, "", NULL, "")->why,
			  "memory.min of host.json has bytes and percent: without the host's "
			  "memory they cannot be added up for %s; give all of them as one or the "
			  "other",
			  slice);
	if (is_system)
		lines = put_lines(out, config, "system", "", "memory.min");
	if (sum.is_set) {
		put_line(out, key_of("system", "memory.min"), "memory.min", &sum);
		lines++;
	}
	(void)snprintf(path, sizeof(path), "etc/systemd/system/%s.d/" DROP_IN, slice);
	if (fclose(out) != 0 || !text)
		plan->no_memory = true;
	else if (lines > 0)
		plan_add(plan, STEP_FILE, path, text,
			 is_system
				 ? "the host's own services: memory that containers cannot take, "
				   "and weight"
				 : "what is protected below it is protected as far as it is here");
}

/* Slices beside system.slice that services are in (AKS: kubereserved.slice). */
static void add_slices(struct plan *plan, const struct host_facts *facts,
		       const struct host_config *config)
{
	for (size_t i = 0; i < facts->n_slices; i++) {
		const struct facts_slice *slice = &facts->slices[i];

		if (slice->has_min)
			plan_text(plan, &plan_add(plan, STEP_ADVICE, "", NULL, "")->why,
				  "%s has a MemoryMin of its own: what is protected below it is "
				  "protected as far as that goes",
				  slice->name);
		else
			add_slice(plan, facts, config, slice->name, false);
	}
}

/* ---- all of them ---- */

void plan_units(struct plan *plan, const struct host_facts *facts, const struct host_config *config)
{
	add_slice(plan, facts, config, "system.slice", true);
	add_slices(plan, facts, config);
	for (int i = 0; i < FACTS_UNITS; i++)
		if (facts->unit[i])
			add_drop_in(plan, facts->unit[i], "Service", config, "protect", programs[i],
				    "protected memory and weight of this service");
	if (facts->has_own_slice)
		plan_add(
			plan, STEP_ADVICE, "", NULL,
			"/etc/systemd/system/azl.slice is not azlctl's: it stays as it is, and the "
			"limits of host.json's \"workload\" are yours to set in it");
	else
		add_drop_in(plan, "azl.slice", "Slice", config, "workload", "",
			    "what all containers together may take");
}
