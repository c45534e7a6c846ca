/* SPDX-License-Identifier: Apache-2.0 */
/* azlctl apply: the plan for this host, and what earlier plans asked for beside it. */
#include <errno.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/host_json.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/lock.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/run.h"
#include "config/base/err.h"
#include "config/host.h"

/* ---- what earlier runs did and host.json asks for no more ---- */

static bool has_step(const struct plan *plan, enum step_kind kind, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == kind && strcmp(plan->steps[i].name, name) == 0)
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
		return has_step(plan, STEP_SYSCTL, sysctl_cause(change->name));
	case CHANGE_GROUP:
		return has_step(plan, STEP_GROUP, change->name);
	case CHANGE_VALUE:
		return has_step(plan, STEP_VALUE, change->name);
	case CHANGE_MOVE:
		return change->ours && has_step(plan, STEP_GROUP, change->ours);
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
static void add_undoes(const struct azlctl *ctl, const struct host_facts *facts, struct plan *plan,
		       const struct journal *journal, bool only_nics)
{
	for (size_t i = journal->count; i > 0; i--) {
		const struct change *change = &journal->changes[i - 1];
		struct step *step;

		if ((only_nics && change->kind != CHANGE_NIC) ||
		    is_wanted(ctl, facts, plan, change))
			continue;
		step = plan_add(plan, STEP_UNDO, change->name, NULL,
				"host.json asks for it no more");
		step->change = (int)change->kind;
	}
}

/* ---- the command ---- */

static int apply(const struct azlctl *ctl, struct host_config *config, bool only_nics,
		 struct host_facts *facts, struct journal *journal, struct plan *plan)
{
	own_lock lock = LOCK_NONE;
	struct err err;

	if (!ctl->dry_run && lock_take(ctl, &lock, &err) < 0)
		return azlctl_fail("apply", "%s", err.msg);
	if (facts_read(ctl, facts, &err) < 0 || journal_read(ctl, journal, &err) < 0)
		return azlctl_fail("apply", "%s", err.msg);
	host_config_fit(config, facts->memory_bytes);
	if (only_nics)
		plan_running_nics(plan, facts, config);
	else
		(void)plan_make(plan, facts, config);
	if (plan->no_memory)
		return azlctl_fail("apply", "no memory for the plan");
	add_undoes(ctl, facts, plan, journal, only_nics);
	return run_plan(ctl, "apply", facts, journal, plan,
			"Nothing to do: the host is as host.json asks for.");
}

int cmd_apply(const struct azlctl *ctl, int argc, char **argv)
{
	struct host_config config = { 0 };
	struct host_facts facts = { 0 };
	struct journal journal = { 0 };
	struct plan plan = { 0 };
	struct err err;
	int code = AZLCTL_USAGE;

	bool only_nics = argc == 1 && strcmp(argv[0], "nic") == 0;

	if (argc > 0 && !only_nics)
		(void)azlctl_fail("apply", "takes \"nic\", --dry-run and --json, nothing else");
	else if (host_json_read(ctl, &config, &err) < 0)
		(void)azlctl_fail("apply", "%s%s", err.msg,
				  err.code == -EINVAL || err.code == -EBADMSG ? "; " HOST_JSON_HELP
									      : "");
	else
		code = apply(ctl, &config, only_nics, &facts, &journal, &plan);
	plan_done(&plan);
	journal_done(&journal);
	facts_done(&facts);
	host_config_done(&config);
	return code;
}
