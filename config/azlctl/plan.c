/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/shipped.h"
#include "config/base/clean.h"
#include "config/host.h"

static void step_done(struct step *step)
{
	free(step->name);
	free(step->value);
	free(step->why);
	free(step->before);
	free(step->reason);
	free(step->block);
}

void plan_done(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		step_done(&plan->steps[i]);
	free(plan->steps);
	*plan = (struct plan){ .no_memory = plan->no_memory };
}

static bool plan_grow(struct plan *plan)
{
	size_t room = plan->room ? plan->room * 2 : 32;
	struct step *steps;

	if (plan->count < plan->room)
		return true;
	steps = reallocarray(plan->steps, room, sizeof(*steps));
	if (!steps)
		return false;
	plan->steps = steps;
	plan->room = room;
	return true;
}

struct step *plan_add(struct plan *plan, enum step_kind kind, const char *name, const char *value,
		      const char *why)
{
	static struct step nobody;
	struct step step = { .kind = kind, .name = strdup(name), .why = strdup(why) };

	if (value)
		step.value = strdup(value);
	if (!step.name || !step.why || (value && !step.value) || !plan_grow(plan)) {
		step_done(&step);
		plan->no_memory = true;
		nobody = (struct step){ .kind = kind };
		return &nobody;
	}
	plan->steps[plan->count] = step;
	return &plan->steps[plan->count++];
}

void plan_text(struct plan *plan, char **text, const char *fmt, ...)
{
	va_list args;
	char *formatted = NULL;

	va_start(args, fmt);
	if (vasprintf(&formatted, fmt, args) < 0) {
		formatted = NULL;
		plan->no_memory = true;
	}
	va_end(args);
	free(*text);
	*text = formatted;
}

bool plan_wants(const struct host_config *config, const char *name)
{
	const struct host_value *value = host_config_get(config, "apply", name);

	return !value->is_set || value->number != 0;
}

/* ---- kernel modules ---- */

/* The word of a line of modules-load.d(5); 0: there is none. */
static size_t module_of(const char *line, char *name, size_t room)
{
	size_t len = strcspn(line, " \t\n");

	if (*line == '#' || *line == ';' || len == 0 || len >= room)
		return 0;
	memcpy(name, line, len);
	name[len] = '\0';
	return len;
}

void plan_modules(struct plan *plan, const struct host_facts *facts,
		  const struct host_config *config)
{
	static const char why[] = "so that the first container need not wait, and that it works "
				  "where later loading is forbidden";
	char name[64];
	own_mem char *list = NULL;

	if (!plan_wants(config, "modules"))
		return;
	plan_text(plan, &list, "%s", "# Loaded at boot.\n");
	for (const char *line = shipped_modules; list && *line; line += *line == '\n') {
		if (module_of(line, name, sizeof(name)) > 0) {
			char *longer = NULL;

			plan_text(plan, &longer, "%s%s\n", list, name);
			free(list);
			list = longer;
		}
		line += strcspn(line, "\n");
	}
	if (!list)
		return;
	plan_add(plan, STEP_FILE, "etc/modules-load.d/azl.conf", list, why);
	for (const char *line = shipped_modules; facts->is_live && *line; line += *line == '\n') {
		if (module_of(line, name, sizeof(name)) > 0)
			plan_add(plan, STEP_MODULE, name, NULL, why);
		line += strcspn(line, "\n");
	}
}

/* ---- slices ---- */

/* What the kernel does not have cannot be limited: one line for each controller. */
static void tell_missing(struct plan *plan, const struct host_facts *facts)
{
	static const char *const needed[] = { "cpu", "memory", "io", "pids" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		struct step *step;

		if (facts_has_controller(facts, needed[i]))
			continue;
		step = plan_add(plan, STEP_ADVICE, "", NULL, "");
		plan_text(plan, &step->why,
			  "the kernel has no cgroup controller %s here: its values have no effect "
			  "(cgroup_disable= on the kernel's command line?)",
			  needed[i]);
	}
}

static void plan_slices(struct plan *plan, const struct host_facts *facts,
			const struct host_config *config)
{
	if (facts->is_live && !*facts->controllers) {
		plan_add(plan, STEP_ADVICE, "", NULL,
			 "/sys/fs/cgroup is not a whole cgroup v2 hierarchy: slices are left out "
			 "(boot with systemd.unified_cgroup_hierarchy=1)");
		return;
	}
	if (facts->is_live)
		tell_missing(plan, facts);
	if (facts->has_systemd)
		plan_units(plan, facts, config);
	else
		plan_groups(plan, facts, config);
}

/* ---- all of it ---- */

int plan_make(struct plan *plan, const struct host_facts *facts, const struct host_config *config)
{
	plan_modules(plan, facts, config);
	plan_sysctls(plan, facts, config);
	if (plan_wants(config, "slices"))
		plan_slices(plan, facts, config);
	if (plan_wants(config, "slices") && !facts->has_systemd)
		plan_scores(plan, facts, config);
	plan_nics(plan, facts, config);
	plan_conflist(plan, facts, config);
	if (plan_wants(config, "containerd"))
		plan_containerd(plan, facts, config);
	/* Also for what is to be undone. */
	if (facts->has_systemd && facts->is_live)
		plan_add(plan, STEP_RELOAD, "", NULL,
			 "running services and slices get the values, none is restarted");
	return plan->no_memory ? -ENOMEM : 0;
}
