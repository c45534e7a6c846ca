/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/task.h"

#include <errno.h>
#include <stdbool.h>

#include "config/base/err.h"
#include "shim/status.h"

/* clang-format off */
static const bool allowed[TASK_KIND_MAX][TASK_STATE_MAX][TASK_ACT_MAX] = {
	[TASK_INIT] = {
		[TASK_CREATED]    = { [TASK_START] = true, [TASK_UPDATE] = true, [TASK_EXEC] = true,
				      [TASK_KILL] = true, [TASK_RESIZE] = true, [TASK_DELETE] = true },
		[TASK_RESTORABLE] = { [TASK_START] = true, [TASK_UPDATE] = true,
				      [TASK_KILL] = true, [TASK_RESIZE] = true, [TASK_DELETE] = true },
		[TASK_RUNNING]    = { [TASK_PAUSE] = true, [TASK_UPDATE] = true, [TASK_CHECKPOINT] = true,
				      [TASK_EXEC] = true, [TASK_KILL] = true, [TASK_RESIZE] = true },
		[TASK_PAUSING]    = { [TASK_UPDATE] = true, [TASK_CHECKPOINT] = true,
				      [TASK_EXEC] = true, [TASK_KILL] = true, [TASK_RESIZE] = true },
		[TASK_PAUSED]     = { [TASK_RESUME] = true, [TASK_UPDATE] = true, [TASK_CHECKPOINT] = true,
				      [TASK_KILL] = true, [TASK_RESIZE] = true },
		[TASK_STOPPED]    = { [TASK_KILL] = true, [TASK_RESIZE] = true, [TASK_DELETE] = true },
	},
	[TASK_ADDED] = {
		[TASK_CREATED]    = { [TASK_START] = true, [TASK_KILL] = true, [TASK_RESIZE] = true,
				      [TASK_DELETE] = true },
		[TASK_RUNNING]    = { [TASK_KILL] = true, [TASK_RESIZE] = true },
		[TASK_STOPPED]    = { [TASK_KILL] = true, [TASK_DELETE] = true },
	},
};
/* clang-format on */

const char *task_state_name(enum task_state state)
{
	static const char *const names[TASK_STATE_MAX] = {
		[TASK_CREATING] = "creating",  [TASK_CREATED] = "created",
		[TASK_RESTORABLE] = "created", [TASK_RUNNING] = "running",
		[TASK_PAUSING] = "running",    [TASK_PAUSED] = "paused",
		[TASK_STOPPED] = "stopped",    [TASK_DELETED] = "deleted",
	};

	return names[state];
}

unsigned int task_status(enum task_state state)
{
	static const unsigned int statuses[TASK_STATE_MAX] = {
		[TASK_CREATING] = 1, [TASK_CREATED] = 1, [TASK_RESTORABLE] = 1, [TASK_RUNNING] = 2,
		[TASK_PAUSING] = 5,  [TASK_PAUSED] = 4,	 [TASK_STOPPED] = 3,	[TASK_DELETED] = 3,
	};

	return statuses[state];
}

/* Why an act on the container's own process is refused. */
static int refuse_init(enum task_state state, enum task_act act, struct err *err)
{
	const char *name = task_state_name(state);

	if (state == TASK_RUNNING && act == TASK_RESUME)
		return err_set(err, -EPERM, "cannot resume a running process");
	if (state == TASK_PAUSED && act == TASK_PAUSE)
		return err_set(err, -EPERM, "cannot pause a paused container");
	switch (act) {
	case TASK_START:
		return err_set(err, -EPERM, "cannot start a %s process", name);
	case TASK_DELETE:
		return err_set(err, -EPERM, "cannot delete a %s process", name);
	case TASK_PAUSE:
		return err_set(err, -EPERM,
			       state == TASK_STOPPED ? "cannot pause a %s container"
						     : "cannot pause task in %s state",
			       name);
	case TASK_RESUME:
		return err_set(err, -EPERM,
			       state == TASK_STOPPED ? "cannot resume a %s container"
						     : "cannot resume task in %s state",
			       name);
	case TASK_UPDATE:
		return err_set(err, -EPERM, "cannot update a %s container", name);
	case TASK_CHECKPOINT:
		return err_set(err, -EPERM,
			       state == TASK_STOPPED ? "cannot checkpoint a %s container"
						     : "cannot checkpoint a task in %s state",
			       name);
	case TASK_EXEC:
		return err_set(err, -EPERM, "cannot exec in a %s state", name);
	case TASK_KILL:
	case TASK_RESIZE:
	case TASK_ACT_MAX:
		break;
	}
	return err_set(err, -EPERM, "cannot do that with a %s process", name);
}

int task_may(enum task_kind kind, enum task_state state, enum task_act act, struct err *err)
{
	const char *name = task_state_name(state);

	if (allowed[kind][state][act])
		return 0;
	if (state == TASK_CREATING)
		return err_set(err, STATUS_E_PRECONDITION, "container must be created");
	if (state == TASK_DELETED)
		return err_set(err, STATUS_E_NOT_FOUND, "process already deleted");
	if (kind == TASK_INIT)
		return refuse_init(state, act, err);
	if (act == TASK_RESIZE)
		return err_set(err, -EPERM, "cannot resize a %s container", name);
	if (act == TASK_DELETE)
		return err_set(err, -EPERM, "cannot delete a %s process", name);
	return err_set(err, -EPERM, "cannot start a %s process", name);
}
