/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier runs of apply did and host.json asks for no more. */
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"

static bool has_step(const struct plan *plan, enum step_kind kind, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == kind && strcmp(plan->steps[i].name, name) == 0)
			return true;
	return false;
}

/* What goes along with a sysctl goes back with it. */
static bool has_switch(const struct plan *plan, const struct change *change)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == STEP_SYSCTL && along_is_of(plan->steps[i].name, change))
			return true;
	return false;
}

/* A folder is needed by every file in it. */
static bool needs_folder(const struct plan *plan, const char *folder)
{
	size_t len = strlen(folder);

	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == STEP_FILE &&
		    strncmp(plan->steps[i].name, folder, len) == 0 &&
		    plan->steps[i].name[len] == '/')
			return true;
	return false;
}

/* A NIC that is not here, or cannot be told at the moment, comes back. */
static bool has_nic_of(const struct host_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_nics; i++) {
		size_t len = strlen(facts->nics[i].name);

		if (strncmp(name, facts->nics[i].name, len) == 0 && name[len] == '/')
			return true;
	}
	return false;
}

static bool is_wanted(const struct azlctl *ctl, const struct host_facts *facts,
		      const struct plan *plan, const struct change *change)
{
	bool is_kernels = change->kind != CHANGE_FILE && change->kind != CHANGE_FOLDER;

	if (is_kernels && !ctl->is_live)
		return true;
	switch (change->kind) {
	case CHANGE_FILE:
		return has_step(plan, STEP_FILE, change->name);
	case CHANGE_FOLDER:
		return needs_folder(plan, change->name);
	case CHANGE_MODULE:
		return has_step(plan, STEP_MODULE, change->name);
	case CHANGE_SYSCTL:
		return has_step(plan, STEP_SYSCTL, change->name);
	case CHANGE_ALONG:
		return has_switch(plan, change);
	case CHANGE_GROUP:
		return has_step(plan, STEP_GROUP, change->name);
	case CHANGE_VALUE:
		return has_step(plan, STEP_VALUE, change->name);
	case CHANGE_MOVE:
		return move_holds(ctl, change) && has_step(plan, STEP_GROUP, change->ours);
	case CHANGE_SCORE:
		return has_step(plan, STEP_SCORE, change->name);
	case CHANGE_NIC:
		return has_step(plan, STEP_NIC, change->name) || !has_nic_of(facts, change->name);
	case CHANGE_KINDS:
		break;
	}
	return true;
}

/* In the reverse order of making. */
void plan_undoes(struct plan *plan, const struct azlctl *ctl, const struct host_facts *facts,
		 const struct journal *journal, bool only_nics)
{
	for (size_t i = journal->count; i > 0; i--) {
		const struct change *change = &journal->changes[i - 1];
		struct step *step;

		if ((only_nics && change->kind != CHANGE_NIC) ||
		    is_wanted(ctl, facts, plan, change))
			continue;
		step = plan_add(plan, STEP_UNDO, change->name, NULL,
				change->kind == CHANGE_MOVE || change->kind == CHANGE_SCORE
					? "that process is gone, or host.json asks for it no more"
					: "host.json asks for it no more");
		step->change = (int)change->kind;
	}
}
