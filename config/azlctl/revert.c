/* SPDX-License-Identifier: Apache-2.0 */
/* azlctl revert: undo what the journal knows, the last change first. */
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/lock.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/run.h"
#include "config/base/err.h"

static void make_plan(struct plan *plan, const struct host_facts *facts,
		      const struct journal *journal)
{
	for (size_t i = journal->count; i > 0; i--) {
		const struct change *change = &journal->changes[i - 1];
		struct step *step = plan_add(plan, STEP_UNDO, change->name, NULL, "");

		step->change = (int)change->kind;
	}
	if (facts->has_systemd && facts->is_live && journal->count > 0)
		plan_add(plan, STEP_RELOAD, "", NULL,
			 "running services and slices get their former values, none is restarted");
}

static int revert(const struct azlctl *ctl, struct host_facts *facts, struct journal *journal,
		  struct plan *plan)
{
	own_lock lock = LOCK_NONE;
	struct err err;

	if (!ctl->dry_run && lock_take(ctl, &lock, &err) < 0)
		return azlctl_fail("revert", "%s", err.msg);
	if (facts_read(ctl, facts, &err) < 0 || journal_read(ctl, journal, &err) < 0)
		return azlctl_fail("revert", "%s", err.msg);
	make_plan(plan, facts, journal);
	return run_plan(ctl, "revert", facts, journal, plan,
			"Nothing to undo: azlctl has changed nothing on this host.");
}

int cmd_revert(const struct azlctl *ctl, int argc, char **argv)
{
	struct host_facts facts = { 0 };
	struct journal journal = { 0 };
	struct plan plan = { 0 };
	int code = AZLCTL_USAGE;

	(void)argv;
	if (argc > 0)
		(void)azlctl_fail("revert", "takes no argument beside --dry-run and --json");
	else
		code = revert(ctl, &facts, &journal, &plan);
	plan_done(&plan);
	journal_done(&journal);
	facts_done(&facts);
	return code;
}
