/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a process as a table: which act is allowed in which state, and what it leads to.
 * Pure. */
#pragma once

enum task_state {
	TASK_CREATING, /* Create is under way: the process does not exist yet */
	TASK_CREATED,
	TASK_RESTORABLE, /* created from a checkpoint: the first start restores it */
	TASK_RUNNING,
	TASK_PAUSING,
	TASK_PAUSED,
	TASK_STOPPED,
	TASK_DELETED,
	TASK_STATE_MAX,
};

enum task_act {
	TASK_START,
	TASK_PAUSE,
	TASK_RESUME,
	TASK_UPDATE,
	TASK_CHECKPOINT,
	TASK_EXEC, /* add a process */
	TASK_KILL,
	TASK_RESIZE,
	TASK_DELETE,
	TASK_ACT_MAX,
};

enum task_kind { TASK_INIT, TASK_ADDED, TASK_KIND_MAX };

struct err;

/*
 * May this act be done in this state?
 *
 * Returns 0, or STATUS_E_* / -EPERM with err saying why in the words of containerd's own shim,
 * which clients match (containerd pkg/process/init_state.go, exec_state.go).
 */
int task_may(enum task_kind kind, enum task_state state, enum task_act act, struct err *err);

/* containerd.types.Status of a state. */
unsigned int task_status(enum task_state state);

/* "created", "running", ...: for texts. */
const char *task_state_name(enum task_state state);
