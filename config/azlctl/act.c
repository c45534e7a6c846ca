/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/act.h"

#include <errno.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"

/* ---- steps ---- */

static struct change *change_of(const struct world *world, const struct step *step)
{
	return journal_find(world->journal, (enum change_kind)step->change, step->name);
}

static void undo_look(struct world *world, struct step *step)
{
	const struct change *change = change_of(world, step);
	struct err err;

	err.msg[0] = '\0';
	plan_text(world->plan, &step->before, "%s", change && change->before ? change->before : "");
	switch (change ? change_look(world, change, &err) : UNDO_NOTHING) {
	case UNDO_NOTHING:
		step->state = STEP_IN_FORCE;
		break;
	case UNDO_TODO:
		step->state = STEP_TODO;
		break;
	case UNDO_LEFT:
		step->state = STEP_SKIPPED;
		plan_text(world->plan, &step->reason, "%s", err.msg);
		break;
	}
}

static int undo_take(struct world *world, struct step *step, struct err *err)
{
	struct change *change = change_of(world, step);
	int rc = change ? change_undo(world, change, err) : 0;

	if (rc > 0)
		plan_text(world->plan, &step->reason, "%s", err->msg);
	return rc;
}

static void advice_look(struct world *world, struct step *step)
{
	(void)world;
	step->state = STEP_IN_FORCE;
}

static const struct {
	void (*look)(struct world *world, struct step *step);
	int (*note)(struct world *world, const struct step *step); /* NULL: nothing to undo */
	int (*take)(struct world *world, struct step *step, struct err *err);
	const char *verb; /* in front of the name */
} kinds[] = {
	[STEP_FILE] = { file_look, file_note, file_take, "write /" },
	[STEP_MODULE] = { module_look, module_note, module_take, "load module " },
	[STEP_SYSCTL] = { sysctl_look, sysctl_note, sysctl_take, "set " },
	[STEP_GROUP] = { group_look, group_note, group_take, "make cgroup " },
	[STEP_VALUE] = { value_look, value_note, value_take, "set " },
	[STEP_MOVE] = { move_look, move_note, move_take, "move " },
	[STEP_SCORE] = { score_look, score_note, score_take, "set oom_score_adj of " },
	[STEP_NIC] = { nic_look, nic_note, nic_take, "set " },
	[STEP_RELOAD] = { reload_look, NULL, reload_take, "have systemd read its units again" },
	[STEP_UNDO] = { undo_look, NULL, undo_take, "" },
	[STEP_ADVICE] = { advice_look, NULL, NULL, "" },
};

void act_look(struct world *world, struct step *step)
{
	kinds[step->kind].look(world, step);
}

int act_note(struct world *world, const struct step *step)
{
	return kinds[step->kind].note ? kinds[step->kind].note(world, step) : 0;
}

void act_take(struct world *world, struct step *step)
{
	struct err err;

	if (kinds[step->kind].take(world, step, &err) >= 0) {
		if (step->state == STEP_TODO)
			step->state = STEP_DONE;
		return;
	}
	step->state = STEP_FAILED;
	plan_text(world->plan, &step->reason, "%s", err.msg);
}

static void change_title(FILE *out, enum change_kind kind, const char *name, const char *before)
{
	static const struct {
		const char *verb;
		const char *to; /* in front of what was there before; NULL: nothing was */
	} titles[CHANGE_KINDS] = {
		[CHANGE_FOLDER] = { "remove folder /", NULL },
		[CHANGE_FILE] = { "remove /", NULL },
		[CHANGE_MODULE] = { "unload module ", NULL },
		[CHANGE_SYSCTL] = { "set back ", " = " },
		[CHANGE_GROUP] = { "remove cgroup /", NULL },
		[CHANGE_VALUE] = { "set back /", " = " },
		[CHANGE_MOVE] = { "move back process ", " to cgroup " },
		[CHANGE_SCORE] = { "set back oom_score_adj of ", " = " },
		[CHANGE_NIC] = { "set back ", " = " },
		[CHANGE_ALONG] = { "set back ", " = " },
	};

	(void)fprintf(out, "%s%s", titles[kind].verb, name);
	if (titles[kind].to)
		(void)fprintf(out, "%s%s", titles[kind].to, before);
}

void act_title(FILE *out, const struct step *step)
{
	bool sets = step->kind == STEP_SYSCTL || step->kind == STEP_VALUE ||
		    step->kind == STEP_SCORE || step->kind == STEP_NIC;

	if (step->kind == STEP_UNDO) {
		change_title(out, (enum change_kind)step->change, step->name, step->before);
		return;
	}
	(void)fprintf(out, "%s%s", kinds[step->kind].verb, step->name);
	if (sets)
		(void)fprintf(out, " = %s", step->value);
	if (step->kind == STEP_MOVE)
		(void)fprintf(out, " to cgroup %s", step->value);
	if (sets && step->before)
		(void)fprintf(out, " (was %s)", step->before);
}

/* ---- changes ---- */

static const struct {
	enum undo (*look)(struct world *world, const struct change *change, struct err *err);
	int (*undo)(struct world *world, const struct change *change, struct err *err);
} undoes[CHANGE_KINDS] = {
	[CHANGE_FOLDER] = { folder_undo_look, folder_undo },
	[CHANGE_FILE] = { file_undo_look, file_undo },
	[CHANGE_MODULE] = { module_undo_look, module_undo },
	[CHANGE_SYSCTL] = { sysctl_undo_look, sysctl_undo },
	[CHANGE_GROUP] = { group_undo_look, group_undo },
	[CHANGE_VALUE] = { value_undo_look, value_undo },
	[CHANGE_MOVE] = { move_undo_look, move_undo },
	[CHANGE_SCORE] = { score_undo_look, score_undo },
	[CHANGE_NIC] = { nic_undo_look, nic_undo },
	[CHANGE_ALONG] = { along_undo_look, along_undo },
};

enum undo change_look(struct world *world, const struct change *change, struct err *err)
{
	return undoes[change->kind].look(world, change, err);
}

int change_undo(struct world *world, const struct change *change, struct err *err)
{
	return undoes[change->kind].undo(world, change, err);
}
