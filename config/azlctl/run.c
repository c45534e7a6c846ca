/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/report.h"
#include "config/base/err.h"

static void look_at_all(struct world *world)
{
	/* systemd's reload hangs on what is found of the files. */
	for (size_t i = 0; i < world->plan->count; i++)
		if (world->plan->steps[i].kind != STEP_RELOAD)
			act_look(world, &world->plan->steps[i]);
	for (size_t i = 0; i < world->plan->count; i++)
		if (world->plan->steps[i].kind == STEP_RELOAD)
			act_look(world, &world->plan->steps[i]);
}

/* A file of ours that the journal does not know belongs into it, too. Returns 1 when there is
 * something to write, 0, or negative. */
static int note_all(struct world *world, struct err *err)
{
	int any = 0, rc;

	for (size_t i = 0; i < world->plan->count; i++) {
		const struct step *step = &world->plan->steps[i];
		bool is_lost = step->kind == STEP_FILE && step->state == STEP_IN_FORCE &&
			       !journal_find(world->journal, CHANGE_FILE, step->name);

		if (step->state != STEP_TODO && !is_lost)
			continue;
		rc = act_note(world, step);
		if (rc < 0)
			return err_set(err, rc, "what is there of %s: %s",
				       *step->name ? step->name : "it", err_reason(-rc));
		any = 1;
	}
	return any;
}

static void take_kind(struct world *world, bool is_reload)
{
	for (size_t i = 0; i < world->plan->count; i++) {
		struct step *step = &world->plan->steps[i];

		if ((step->kind == STEP_RELOAD) != is_reload)
			continue;
		if (step->state == STEP_TODO)
			act_take(world, step);
		if (!world->ctl->json)
			report_step(world->ctl, step);
	}
}

/* A folder that still holds something of ours is needed again when that goes. */
static bool holds_ours(const struct journal *journal, const struct change *folder)
{
	size_t len = strlen(folder->name);

	for (size_t i = 0; i < journal->count; i++) {
		const char *name = journal->changes[i].name;

		if (strncmp(name, folder->name, len) == 0 && name[len] == '/')
			return true;
	}
	return false;
}

/* Nothing was to undo, and no step of this run has done it again: a pid is used by many. */
static bool is_undone(struct world *world, const struct step *step, const struct change *change)
{
	struct err ignored;

	return step->state == STEP_DONE || (step->state == STEP_IN_FORCE &&
					    change_look(world, change, &ignored) == UNDO_NOTHING);
}

/* Forget what is undone. Returns true when there was any. */
static bool forget(struct world *world)
{
	bool any = false;

	for (size_t i = 0; i < world->plan->count; i++) {
		const struct step *step = &world->plan->steps[i];
		struct change *change;

		if (step->kind != STEP_UNDO)
			continue;
		change = journal_find(world->journal, (enum change_kind)step->change, step->name);
		if (change && is_undone(world, step, change) &&
		    (change->kind != CHANGE_FOLDER || !holds_ours(world->journal, change))) {
			journal_drop(world->journal, change);
			any = true;
		}
	}
	return any;
}

/* The status of a failure that is not a step's own: AZLCTL_FAILED is for a host that is as it was.
 */
static int status_failed(const struct world *world)
{
	struct report report = report_count(world->plan);

	return report.done + report.failed > 0 ? AZLCTL_PARTIAL : AZLCTL_FAILED;
}

static int finish(struct world *world, const char *command, const char *none)
{
	struct report report = report_count(world->plan);

	if (world->ctl->json)
		report_json(world->ctl, world->plan, command);
	else
		report_end(world->ctl, world->plan, none);
	if (world->plan->no_memory) {
		(void)azlctl_fail(command, "no memory");
		return status_failed(world);
	}
	if (!azlctl_answered(world->ctl->out, command))
		return status_failed(world);
	if (world->ctl->dry_run && report.failed == 0)
		return report.todo > 0 ? AZLCTL_WARNED : AZLCTL_OK;
	if (report.failed > 0)
		return AZLCTL_PARTIAL;
	return report.skipped > 0 ? AZLCTL_LEFT : AZLCTL_OK;
}

static void show_plan(struct world *world)
{
	for (size_t i = 0; i < world->plan->count && !world->ctl->json; i++)
		report_step(world->ctl, &world->plan->steps[i]);
}

int run_plan(const struct azlctl *ctl, const char *command, const struct host_facts *facts,
	     struct journal *journal, struct plan *plan, const char *none)
{
	struct world world = { .ctl = ctl, .facts = facts, .journal = journal, .plan = plan };
	struct err err;
	int rc;

	look_at_all(&world);
	if (plan->no_memory)
		return azlctl_fail(command, "no memory");
	if (ctl->dry_run) {
		show_plan(&world);
		return finish(&world, command, none);
	}
	(void)signal(SIGPIPE, SIG_IGN); /* who reads the lines may go, the steps are taken */
	rc = note_all(&world, &err);
	if (rc >= 0 && journal_clean(ctl, &err) < 0)
		rc = err.code;
	if (rc > 0)
		rc = journal_write(ctl, journal, &err);
	if (rc < 0)
		return azlctl_fail(command, "nothing was changed: %s", err.msg);
	take_kind(&world, false);
	take_kind(&world, true);
	if (forget(&world) && journal_write(ctl, journal, &err) < 0) {
		(void)azlctl_fail(command, "%s", err.msg);
		return status_failed(&world);
	}
	return finish(&world, command, none);
}
