/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each act has the same shape: queue it, look at the state when its turn has come, let the engine
 * do it, change the state, tell, answer, let the next one run.
 */
#include "shim/lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/adopt.h"
#include "shim/announce.h"
#include "shim/container.h"
#include "shim/create.h"
#include "shim/defaults.h"
#include "shim/engine.h"
#include "shim/exit.h"
#include "shim/mounts.h"
#include "shim/proto/task.pb-c.h"
#include "shim/server.h"
#include "shim/shim.h"
#include "shim/status.h"

/* Answer and let the next operation run. */
static void end(struct operation *operation, const struct err *err)
{
	operation_answer(operation, err);
	operation_next(operation);
}

static void begin(struct container *container, struct call *call, operation_fn *run)
{
	struct err err;
	struct operation *operation = operation_new(container, &container->init, call, &err);

	if (!operation)
		call_fail(call, &err);
	else
		operation_queue(operation, run);
}

static int may(const struct operation *operation, enum task_act act, struct err *err)
{
	return task_may(TASK_INIT, operation->container->init.state, act, err);
}

/* ---- start and restore ---- */

static void answer_pid(struct operation *operation)
{
	Pb__PidResponse response = PB__PID_RESPONSE__INIT;
	struct call *call = operation->call;

	response.pid = (uint32_t)operation->process->pid;
	operation->call = NULL;
	if (call)
		call_reply(call, &response.base);
}

static void start_failed(struct operation *operation, const struct err *err)
{
	struct process *init = operation->process;

	reaper_release(&operation->container->shim->reaper, &operation->hold);
	operation_answer(operation, err);
	exit_release(init);
	operation_next(operation);
}

static void started(struct operation *operation)
{
	struct container *container = operation->container;

	reaper_release(&container->shim->reaper, &operation->hold);
	container->init.state = TASK_RUNNING;
	create_open_cgroup(container);
	announce_start(&container->init);
	answer_pid(operation);
	exit_release(&container->init);
	operation_next(operation);
}

static void on_started(struct operation *operation, const struct err *failed)
{
	if (failed)
		start_failed(operation, failed);
	else
		started(operation);
}

static void on_restored(struct operation *operation, const struct err *failed)
{
	struct err err;

	if (!failed && adopt_process(operation, &err) < 0)
		failed = &err;
	on_started(operation, failed);
}

static void run_start(struct operation *operation)
{
	struct container *container = operation->container;
	struct err err;

	if (may(operation, TASK_START, &err) < 0) {
		end(operation, &err);
		return;
	}
	reaper_hold(&container->shim->reaper, &operation->hold);
	exit_hold(&container->init);
	if (container->init.state == TASK_RESTORABLE)
		engine_restore(operation, container->init.stdio.child, on_restored);
	else
		engine_start(operation, on_started);
}

void lifecycle_start(struct container *container, struct call *call)
{
	begin(container, call, run_start);
}

/* ---- delete ---- */

static void delete_failed(struct operation *operation, const struct err *err)
{
	operation->process->deleting = NULL;
	end(operation, err);
}

static void deleted(struct operation *operation)
{
	struct container *container = operation->container;
	struct process *init = &container->init;
	struct call *call = operation->call;
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__DeleteResponse response = PB__DELETE_RESPONSE__INIT;

	init->deleting = NULL;
	init->state = TASK_DELETED;
	announce_exited_at(init, &exited_at);
	response.pid = (uint32_t)init->pid;
	response.exit_status = init->exit_status;
	response.exited_at = &exited_at;
	announce_delete(init);
	operation->call = NULL;
	operation_free(operation);
	if (call)
		call_reply(call, &response.base);
	container_free(container);
}

static void on_unmounted(struct operation *operation, const struct err *failed)
{
	struct err err;

	if (!failed) {
		deleted(operation);
		return;
	}
	(void)err_set(&err, -EBUSY, "failed rootfs umount: %.900s", failed->msg);
	delete_failed(operation, &err);
}

void lifecycle_delete_exited(struct operation *operation)
{
	struct container *container = operation->container;

	if (operation->done) /* it is the runtime that killed it */
		return;
	if (!container->has_rootfs || !mounts_is_mounted(container->rootfs))
		deleted(operation);
	else
		engine_unmount(operation, on_unmounted);
}

static void on_deleted(struct operation *operation, const struct err *failed)
{
	struct process *init = operation->process;

	if (failed) {
		delete_failed(operation, failed);
		return;
	}
	if (init->exited || init->pid == 0) {
		lifecycle_delete_exited(operation);
		return;
	}
	if (init->child.pid >
	    1) /* it waited for Start; its exit comes now, and is told before the deletion */
		(void)kill(init->child.pid, SIGKILL);
}

static void on_drained(struct stdio *stdio, const struct err *unused)
{
	struct process *init = owner_of(stdio, struct process, stdio);
	struct operation *operation = init->deleting;

	(void)unused;
	engine_delete(operation, on_deleted);
}

static void run_delete(struct operation *operation)
{
	struct process *init = operation->process;
	struct err err;

	if (may(operation, TASK_DELETE, &err) < 0) {
		end(operation, &err);
		return;
	}
	init->deleting = operation;
	if (init->exited)
		stdio_drain(&init->stdio, on_drained);
	else
		on_drained(&init->stdio, NULL);
}

void lifecycle_delete(struct container *container, struct call *call)
{
	begin(container, call, run_delete);
}

/* ---- pause and resume ---- */

static void on_paused(struct operation *operation, const struct err *failed)
{
	struct container *container = operation->container;

	if (container->init.state == TASK_PAUSING)
		container->init.state = failed ? TASK_RUNNING : TASK_PAUSED;
	if (!failed)
		announce_paused(container);
	end(operation, failed);
}

static void run_pause(struct operation *operation)
{
	struct container *container = operation->container;
	struct err err;

	if (may(operation, TASK_PAUSE, &err) < 0) {
		end(operation, &err);
		return;
	}
	container->init.state = TASK_PAUSING;
	engine_pause(operation, on_paused);
}

void lifecycle_pause(struct container *container, struct call *call)
{
	begin(container, call, run_pause);
}

static void on_resumed(struct operation *operation, const struct err *failed)
{
	struct container *container = operation->container;

	if (!failed && container->init.state == TASK_PAUSED)
		container->init.state = TASK_RUNNING;
	if (!failed)
		announce_resumed(container);
	end(operation, failed);
}

static void run_resume(struct operation *operation)
{
	struct err err;

	if (may(operation, TASK_RESUME, &err) < 0)
		end(operation, &err);
	else
		engine_resume(operation, on_resumed);
}

void lifecycle_resume(struct container *container, struct call *call)
{
	begin(container, call, run_resume);
}

/* ---- kill: waits for nobody, since what it waits for may be stuck ---- */

static void on_killed(struct operation *operation, const struct err *failed)
{
	operation_answer(operation, failed);
	operation_free(operation);
}

void lifecycle_kill(struct container *container, struct call *call, const Pb__KillRequest *request)
{
	struct err err;
	struct operation *operation;

	if (task_may(TASK_INIT, container->init.state, TASK_KILL, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	operation = operation_new(container, &container->init, call, &err);
	if (!operation) {
		call_fail(call, &err);
		return;
	}
	operation->signal = request->signal;
	operation->all = request->all;
	engine_kill(operation, on_killed);
}

/* ---- update ---- */

/* The defaults that are in force go with it. */
static void merge_defaults(struct operation *operation)
{
	struct buf *resources = &operation->resources;
	struct buf merged = { 0 };

	if (defaults_update(&operation->container->defaults, (const char *)resources->data,
			    resources->len, &merged) > 0) {
		buf_done(resources);
		*resources = merged;
	} else {
		buf_done(&merged);
	}
}

static void run_update(struct operation *operation)
{
	struct err err;

	if (may(operation, TASK_UPDATE, &err) < 0) {
		end(operation, &err);
		return;
	}
	merge_defaults(operation);
	engine_update(operation, end);
}

void lifecycle_update(struct container *container, struct call *call,
		      const Pb__UpdateTaskRequest *request)
{
	struct err err;
	struct operation *operation = operation_new(container, &container->init, call, &err);
	const ProtobufCBinaryData *value = request->resources ? &request->resources->value : NULL;

	if (!operation) {
		call_fail(call, &err);
		return;
	}
	if (value && buf_add(&operation->resources, value->data, value->len, value->len) < 0) {
		(void)err_set(&err, STATUS_E_EXHAUSTED, "no memory for the resources");
		operation_answer(operation, &err);
		operation_free(operation);
		return;
	}
	operation_queue(operation, run_update);
}
