/* SPDX-License-Identifier: Apache-2.0 */
/* azlctl apply: the plan for this host, and what earlier plans asked for beside it. */
#include <errno.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/host_json.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/lock.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/run.h"
#include "config/base/err.h"
#include "config/host.h"

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
	plan_undoes(plan, ctl, facts, journal, only_nics);
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
