/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/host_json.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "config/host.h"

static void check_config(struct checks *checks)
{
	struct host_config config = { 0 };
	struct err err = { 0 };
	int code = host_json_read(checks->ctl, &config, &err);

	if (code < 0) {
		check_say(checks, CHECK_FAIL, "host.config", "%.240s", err.msg);
		check_fix(checks, HOST_JSON_HELP "; until then no default of " HOST_CONFIG_PATH
						 " is in force");
	} else if (code == 0) {
		check_say(checks, CHECK_NOTE, "host.config",
			  "there is no " HOST_CONFIG_PATH ": containers get no defaults");
		check_fix(checks, "copy /usr/share/azl/host.json there");
	} else {
		check_say(checks, CHECK_OK, "host.config", HOST_CONFIG_PATH " is right");
	}
	host_config_done(&config);
}

/* How much of what apply did is somebody else's by now. */
static size_t count_foreign(const struct checks *checks, struct journal *journal)
{
	struct host_facts facts = { .is_live = checks->ctl->is_live };
	struct plan plan = { 0 };
	struct world world = {
		.ctl = checks->ctl,
		.facts = &facts,
		.journal = journal,
		.plan = &plan,
	};
	size_t n = 0;

	for (size_t i = 0; i < journal->count; i++) {
		struct err ignored;

		n += change_look(&world, &journal->changes[i], &ignored) == UNDO_LEFT;
	}
	plan_done(&plan);
	return n;
}

static void check_applied(struct checks *checks)
{
	struct journal journal = { 0 };
	struct err err = { 0 };
	int code = journal_read(checks->ctl, &journal, &err);
	size_t foreign = code > 0 ? count_foreign(checks, &journal) : 0;

	if (code == -EACCES || code == -EPERM) {
		check_say(checks, CHECK_NOTE, "host.applied", "%.240s", err.msg);
		check_fix(checks, "run it as root");
	} else if (code < 0) {
		check_say(checks, CHECK_FAIL, "host.applied", "%.240s", err.msg);
		check_fix(checks,
			  "neither apply nor revert will work: move the file away, then azlctl "
			  "apply; values of the kernel from before it are lost");
	} else if (code == 0) {
		check_say(checks, CHECK_NOTE, "host.applied", "azlctl apply was never run");
		check_fix(checks, "azlctl apply --dry-run");
	} else if (foreign > 0) {
		check_say(checks, CHECK_WARN, "host.applied",
			  "of what azlctl apply set, somebody changed %zu of %zu since", foreign,
			  journal.count);
		check_fix(checks, "azlctl apply --dry-run and azlctl revert --dry-run say which");
	} else {
		check_say(checks, CHECK_OK, "host.applied", "azlctl apply has been here");
	}
	journal_done(&journal);
}

void check_host(struct checks *checks)
{
	check_config(checks);
	check_applied(checks);
}
