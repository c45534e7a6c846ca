/* SPDX-License-Identifier: Apache-2.0 */
/* Steps on cgroups of a host without systemd: groups, values, and the processes that go there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/file.h"
#include "cgroups/make.h"
#include "cgroups/procs.h"
#include "cgroups/root.h"
#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/proc.h"
#include "config/azlctl/slices.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { VALUE_ROOM = 256, GROUP_ROOM = 512 };

/* ---- groups ---- */

static bool has_group(const char *group)
{
	struct err err;
	own_fd int root = -1, dir = -1;

	return cg_root_open(&root, &err) == 0 && cg_open_below(root, group, &dir, &err) == 0;
}

void group_look(struct world *world, struct step *step)
{
	(void)world;
	step->state = has_group(step->name) ? STEP_IN_FORCE : STEP_TODO;
}

int group_note(struct world *world, const struct step *step)
{
	return journal_note(world->journal, CHANGE_GROUP, step->name, NULL, NULL);
}

int group_take(struct world *world, struct step *step, struct err *err)
{
	return slices_make(step->name, world->facts->controllers, err);
}

enum undo group_undo_look(struct world *world, const struct change *change, struct err *err)
{
	(void)err;
	return world->ctl->is_live && has_group(change->name) ? UNDO_TODO : UNDO_NOTHING;
}

/* The group that a daemon was moved out of; "": nobody knows, or it is gone. */
static const char *home_of(const struct world *world, const char *group)
{
	for (size_t i = 0; i < world->journal->count; i++) {
		const struct change *change = &world->journal->changes[i];

		if (change->kind == CHANGE_MOVE && change->before && change->ours &&
		    strcmp(change->ours, group) == 0 && has_group(change->before))
			return change->before;
	}
	return "";
}

/* What a daemon has started since it was moved (shims, somebody's session) is in its group, too.
 * One that cannot be moved is told by who removes the group. */
static void move_rest(const struct world *world, const char *group)
{
	const char *home = home_of(world, group);
	struct cg_procs procs = { 0 };
	own_fd int root = -1, dir = -1;
	struct err unheard;

	if (cg_root_open(&root, &unheard) == 0 && cg_open_below(root, group, &dir, &unheard) == 0 &&
	    cg_procs_read(dir, &procs, &unheard) == 0)
		for (size_t i = 0; i < procs.count; i++)
			(void)cg_attach(root, home, procs.pids[i], &unheard);
	cg_procs_done(&procs);
}

int group_undo(struct world *world, const struct change *change, struct err *err)
{
	own_fd int root = -1;
	int rc = cg_root_open(&root, err);

	if (rc < 0)
		return rc;
	/* containers are in the group for them: they stay there */
	if (strncmp(change->name, SLICES_SYSTEM "/", strlen(SLICES_SYSTEM "/")) == 0)
		move_rest(world, change->name);
	return cg_unmake(root, change->name, err);
}

/* ---- values: "azl-system/memory.min" ---- */

static int open_group_of(const char *name, const char **file, int *dir)
{
	own_mem char *group = strdup(name);
	own_fd int root = -1;
	char *slash = group ? strrchr(group, '/') : NULL;
	struct err err;
	int rc;

	if (!slash)
		return group ? -EINVAL : -ENOMEM;
	*slash = '\0';
	*file = strrchr(name, '/') + 1;
	rc = cg_root_open(&root, &err);
	return rc < 0 ? rc : cg_open_below(root, group, dir, &err);
}

static int read_value(const char *name, char value[VALUE_ROOM])
{
	own_fd int dir = -1;
	const char *file;
	int rc = open_group_of(name, &file, &dir);

	if (rc == 0 && fd_read_text(dir, file, value, VALUE_ROOM) < 0)
		rc = -ENOENT;
	/* "default 100": what io.weight says of all devices */
	if (rc == 0 && strncmp(value, "default ", 8) == 0)
		memmove(value, value + 8, strlen(value + 8) + 1);
	return rc;
}

void value_look(struct world *world, struct step *step)
{
	char now[VALUE_ROOM];

	step->state = STEP_TODO;
	if (read_value(step->name, now) < 0)
		return;
	plan_text(world->plan, &step->before, "%s", now);
	if (strcmp(now, step->value) == 0)
		step->state = STEP_IN_FORCE;
}

int value_note(struct world *world, const struct step *step)
{
	return journal_note(world->journal, CHANGE_VALUE, step->name, step->before, step->value);
}

static int set_value(const char *name, const char *value, struct err *err)
{
	own_mem char *group = strdup(name);
	char *slash = group ? strrchr(group, '/') : NULL;

	if (!slash)
		return err_set(err, group ? -EINVAL : -ENOMEM, "set /%s", name);
	*slash = '\0';
	return slices_set(group, slash + 1, value, err);
}

int value_take(struct world *world, struct step *step, struct err *err)
{
	(void)world;
	return set_value(step->name, step->value, err);
}

enum undo value_undo_look(struct world *world, const struct change *change, struct err *err)
{
	bool is_own = world->ctl->is_live && change->before && change->ours;
	char now[VALUE_ROOM];
	int rc = is_own ? read_value(change->name, now) : -ENOENT;

	/* A group that apply made goes with its values. */
	if (rc == -ENOENT || rc == -ENODEV || (rc == 0 && strcmp(now, change->before) == 0))
		return UNDO_NOTHING;
	if (rc < 0) {
		(void)err_set(err, rc, "/%s: %s: it stays", change->name, err_reason(-rc));
		return UNDO_LEFT;
	}
	if (strcmp(now, change->ours) == 0 ||
	    (change->earlier && strcmp(now, change->earlier) == 0))
		return UNDO_TODO;
	(void)err_set(err, -EEXIST, "somebody set it to %s since: it stays", now);
	return UNDO_LEFT;
}

int value_undo(struct world *world, const struct change *change, struct err *err)
{
	(void)world;
	return set_value(change->name, change->before, err);
}

/* ---- processes ---- */

/* The program's process, if it runs and is in another group than the step's. */
static pid_t stray(const struct world *world, const struct step *step, char group[GROUP_ROOM])
{
	pid_t pid = proc_find_daemon(world->ctl->root, step->name);

	if (pid <= 0 || proc_cgroup(world->ctl->root, pid, group, GROUP_ROOM) < 0 ||
	    strcmp(group + (group[0] == '/'), step->value) == 0)
		return 0;
	return pid;
}

void move_look(struct world *world, struct step *step)
{
	char group[GROUP_ROOM];

	step->state = STEP_IN_FORCE;
	if (stray(world, step, group) > 0) {
		plan_text(world->plan, &step->before, "%s", group);
		step->state = STEP_TODO;
	}
}

int move_note(struct world *world, const struct step *step)
{
	char group[GROUP_ROOM], name[32];
	pid_t pid = stray(world, step, group);
	struct change *known;

	if (pid <= 0)
		return 0;
	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	known = journal_find(world->journal, CHANGE_MOVE, name);
	/* Another program has the pid of one that we moved and that is gone. */
	if (known && (!known->ours || strcmp(known->ours, step->value) != 0))
		journal_drop(world->journal, known);
	return journal_note(world->journal, CHANGE_MOVE, name, group, step->value);
}

static int move(const char *group, pid_t pid, struct err *err)
{
	own_fd int root = -1;
	int rc = cg_root_open(&root, err);

	return rc < 0 ? rc : cg_attach(root, group, pid, err);
}

int move_take(struct world *world, struct step *step, struct err *err)
{
	char group[GROUP_ROOM];
	pid_t pid = stray(world, step, group);

	return pid > 0 ? move(step->value, pid, err) : 0;
}

/* A pid that is used again may be anybody's: what is not the program of the group stays. */
bool move_holds(const struct azlctl *ctl, const struct change *change)
{
	char group[GROUP_ROOM];
	pid_t pid = (pid_t)strtol(change->name, NULL, 10);
	const char *program = change->ours ? strrchr(change->ours, '/') : NULL;

	return program && pid > 0 && proc_is_daemon(ctl->root, pid, program + 1) &&
	       proc_cgroup(ctl->root, pid, group, sizeof(group)) == 0 &&
	       strcmp(group + (group[0] == '/'), change->ours) == 0;
}

enum undo move_undo_look(struct world *world, const struct change *change, struct err *err)
{
	(void)err;
	return world->ctl->is_live && change->before && move_holds(world->ctl, change)
		       ? UNDO_TODO
		       : UNDO_NOTHING;
}

int move_undo(struct world *world, const struct change *change, struct err *err)
{
	pid_t pid = (pid_t)strtol(change->name, NULL, 10);
	const char *group = change->before + (change->before[0] == '/');

	(void)world;
	return move(has_group(group) ? group : "", pid, err);
}
