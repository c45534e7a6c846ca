/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oom_score_adj of a process that runs, where no systemd gives it to a service. Lowering it takes
 * CAP_SYS_RESOURCE: without, the process keeps its own.
 *
 * Source: proc_pid_oom_score_adj(5); kernel fs/proc/base.c, __set_oom_adj.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/proc.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { SCORE_ROOM = 16, NAME_ROOM = 64 };

/* The process of "PROGRAM/PID"; 0 when it is gone, or another program has its number. */
static pid_t process_of(const struct world *world, const char *name)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;
	pid_t pid = slash ? (pid_t)strtol(slash + 1, NULL, 10) : 0;
	char program[NAME_ROOM];

	(void)snprintf(program, sizeof(program), "%.*s", (int)len, name);
	return pid > 0 && proc_is_daemon(world->ctl->root, pid, program) ? pid : 0;
}

static void score_path(pid_t pid, char path[NAME_ROOM])
{
	(void)snprintf(path, NAME_ROOM, "proc/%d/oom_score_adj", (int)pid);
}

static int read_score(const struct world *world, const char *name, char score[SCORE_ROOM])
{
	pid_t pid = process_of(world, name);
	char path[NAME_ROOM];

	if (pid == 0)
		return -ESRCH;
	score_path(pid, path);
	return fd_read_text(world->ctl->root, path, score, SCORE_ROOM) < 0 ? -ESRCH : 0;
}

/* Returns 0 or negative; a process that ended meanwhile needs nothing. */
static int write_score(const struct world *world, const char *name, const char *score,
		       struct err *err)
{
	pid_t pid = process_of(world, name);
	own_fd int fd = -1;
	char path[NAME_ROOM];

	if (pid == 0)
		return 0;
	score_path(pid, path);
	fd = openat(world->ctl->root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd >= 0 && write(fd, score, strlen(score)) >= 0)
		return 0;
	return errno == ENOENT || errno == ESRCH ? 0 : err_errno(err, "oom_score_adj of %s", name);
}

void score_look(struct world *world, struct step *step)
{
	char now[SCORE_ROOM];

	step->state = STEP_IN_FORCE;
	if (read_score(world, step->name, now) < 0)
		return;
	plan_text(world->plan, &step->before, "%s", now);
	if (strcmp(now, step->value) != 0)
		step->state = STEP_TODO;
}

int score_note(struct world *world, const struct step *step)
{
	return journal_note(world->journal, CHANGE_SCORE, step->name, step->before, step->value);
}

int score_take(struct world *world, struct step *step, struct err *err)
{
	int rc = write_score(world, step->name, step->value, err);

	if (rc != -EACCES && rc != -EPERM)
		return rc;
	step->state = STEP_SKIPPED;
	plan_text(world->plan, &step->reason,
		  "the kernel does not let this process lower it (CAP_SYS_RESOURCE): start the "
		  "daemon with that score");
	return 0;
}

enum undo score_undo_look(struct world *world, const struct change *change, struct err *err)
{
	char now[SCORE_ROOM];

	if (!world->ctl->is_live || !change->before || !change->ours ||
	    read_score(world, change->name, now) < 0 || strcmp(now, change->before) == 0)
		return UNDO_NOTHING;
	if (strcmp(now, change->ours) == 0 ||
	    (change->earlier && strcmp(now, change->earlier) == 0))
		return UNDO_TODO;
	(void)err_set(err, -EEXIST, "somebody set it to %s since: it stays", now);
	return UNDO_LEFT;
}

int score_undo(struct world *world, const struct change *change, struct err *err)
{
	return write_score(world, change->name, change->before, err);
}
