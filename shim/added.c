/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/added.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/adopt.h"
#include "shim/announce.h"
#include "shim/args.h"
#include "shim/container.h"
#include "shim/engine.h"
#include "shim/exit.h"
#include "shim/process_spec.h"
#include "shim/proto/task.pb-c.h"
#include "shim/server.h"
#include "shim/shim.h"
#include "shim/status.h"

/* ---- exec: remember what is to be started ---- */

static bool is_known(const struct container *container, const char *id)
{
	struct list *at;

	list_for_each (at, &container->execs)
		if (strcmp(owner_of(at, struct process, link)->id, id) == 0)
			return true;
	return false;
}

static int fill(struct process *process, const Pb__ExecProcessRequest *request, struct err *err)
{
	const ProtobufCBinaryData *value = request->spec ? &request->spec->value : NULL;

	if (stdio_init(&process->stdio, &process->container->shim->loop, request->stdin,
		       request->stdout, request->stderr, request->terminal) < 0)
		return err_set(err, -ENOMEM, "no memory for the streams");
	if (!value || value->len == 0)
		return err_set(err, -EINVAL, "process spec: unexpected end of JSON input");
	if (process_spec_write((const char *)value->data, value->len, request->terminal,
			       &process->spec, err) < 0)
		return err_wrap(err, "process spec");
	return 0;
}

static int check(struct container *container, const Pb__ExecProcessRequest *request,
		 struct err *err)
{
	if (!container_process(container, "", err))
		return err->code;
	if (args_check_id("exec id", request->exec_id, err) < 0) {
		err->code = STATUS_E_INVALID;
		return err->code;
	}
	if (is_known(container, request->exec_id))
		return err_set(err, STATUS_E_EXISTS, "id %s", request->exec_id);
	return task_may(TASK_INIT, container->init.state, TASK_EXEC, err);
}

void added_exec(struct container *container, struct call *call,
		const Pb__ExecProcessRequest *request)
{
	struct process *process = NULL;
	struct err err;

	if (check(container, request, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	process = calloc(1, sizeof(*process));
	if (!process || process_init(process, container, TASK_ADDED, request->exec_id) < 0) {
		free(process);
		(void)err_set(&err, STATUS_E_EXHAUSTED, "no memory for process %s",
			      request->exec_id);
		call_fail(call, &err);
		return;
	}
	if (fill(process, request, &err) < 0) {
		process_free(process);
		call_fail(call, &err);
		return;
	}
	list_add_before(&container->execs, &process->link);
	announce_exec_added(process);
	call_reply(call, NULL);
}

/* ---- start ---- */

/* The process is not there; it stays in the list until Delete, and may be started again. */
static void start_failed(struct operation *operation, const struct err *err)
{
	struct process *process = operation->process;

	reaper_release(&process->container->shim->reaper, &operation->hold);
	process->start_failed = true;
	stdio_close(&process->stdio);
	process->starting_now = NULL;
	operation_answer(operation, err);
	operation_free(operation);
	process_release_waiters(process);
	exit_release(process);
	exit_uncount(process);
}

static void started(struct operation *operation)
{
	struct process *process = operation->process;
	struct call *call = operation->call;
	Pb__PidResponse response = PB__PID_RESPONSE__INIT;

	reaper_release(&process->container->shim->reaper, &operation->hold);
	buf_done(&process->spec);
	process->starting_now = NULL;
	process->state = TASK_RUNNING;
	announce_start(process);
	response.pid = (uint32_t)process->pid;
	operation->call = NULL;
	operation_free(operation);
	if (call)
		call_reply(call, &response.base);
	exit_release(process);
}

static void on_execed(struct operation *operation, const struct err *failed)
{
	struct err err;

	if (!failed && adopt_process(operation, &err) < 0)
		failed = &err;
	if (failed)
		start_failed(operation, failed);
	else
		started(operation);
}

static void on_streams(struct stdio *stdio, const struct err *failed)
{
	struct process *process = owner_of(stdio, struct process, stdio);
	struct operation *operation = process->starting_now;

	if (failed)
		start_failed(operation, failed);
	else
		engine_exec(operation, on_execed);
}

int added_may(const struct container *container, struct err *err)
{
	if (!container->init_gone)
		return 0;
	return err_set(err, STATUS_E_PRECONDITION, "container %s init process is not running",
		       container->id);
}

static int may_start(const struct process *process, struct err *err)
{
	if (added_may(process->container, err) < 0)
		return err->code;
	if (process->starting_now)
		return err_set(err, -EPERM, "cannot start a running process");
	return task_may(TASK_ADDED, process->state, TASK_START, err);
}

void added_start(struct process *process, struct call *call)
{
	struct container *container = process->container;
	struct stdio_context context = {
		.loop = &container->shim->loop,
		.reaper = &container->shim->reaper,
		.id = process->id,
		.ns = container->shim->ns,
		.uid = container->options.io_uid,
		.gid = container->options.io_gid,
		.direct = false, /* what it leaves running could keep the client's FIFO open after
				    Delete */
		.piped = container->spec.labelled,
	};
	struct operation *operation = NULL;
	struct err err;

	if (may_start(process, &err) == 0)
		operation = operation_new(container, process, call, &err);
	if (!operation) {
		call_fail(call, &err);
		return;
	}
	process->starting_now = operation;
	process->start_failed = false;
	exit_count(process);
	exit_hold(process);
	reaper_hold(&container->shim->reaper, &operation->hold);
	stdio_open(&process->stdio, &context, on_streams);
}

/* ---- kill ---- */

void added_kill(struct process *process, struct call *call, const Pb__KillRequest *request)
{
	struct err err = { 0 };

	if (process->exited || process->exit_held)
		(void)err_set(&err, STATUS_E_NOT_FOUND, "process already finished");
	else if (process->pid == 0 || process->child.pid == 0)
		(void)err_set(&err, STATUS_E_PRECONDITION, "process not created");
	else if (kill(process->child.pid, (int)request->signal) <
		 0) /* not reaped: the pid is its own */
		(void)err_set(&err, errno == ESRCH ? STATUS_E_NOT_FOUND : -errno,
			      errno == ESRCH ? "exec kill error: process already finished"
					     : "exec kill error: unknown error after kill: %s",
			      errno == EINVAL ? "invalid argument" : err_reason(errno));
	if (err.code)
		call_fail(call, &err);
	else
		call_reply(call, NULL);
}

/* ---- delete ---- */

static void on_drained(struct stdio *stdio, const struct err *unused)
{
	struct process *process = owner_of(stdio, struct process, stdio);
	struct operation *operation = process->deleting;
	struct call *call = operation->call;
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__DeleteResponse response = PB__DELETE_RESPONSE__INIT;
	char name[300];

	(void)unused;
	(void)snprintf(name, sizeof(name), "%s.pid", process->id);
	(void)unlinkat(process->container->bundle_fd, name, 0);
	announce_exited_at(process, &exited_at);
	response.pid = (uint32_t)process->pid;
	response.exit_status = process->exit_status;
	response.exited_at = &exited_at;
	operation->call = NULL;
	operation_free(operation);
	process->state = TASK_DELETED;
	if (call)
		call_reply(call, &response.base);
	process_free(process);
}

void added_delete(struct process *process, struct call *call)
{
	struct operation *operation = NULL;
	struct err err;

	if (process->deleting)
		(void)err_set(&err, STATUS_E_NOT_FOUND, "cannot delete a deleted process");
	else if (process->starting_now)
		(void)err_set(&err, -EPERM, "cannot delete a running process");
	else if (task_may(TASK_ADDED, process->state, TASK_DELETE, &err) == 0)
		operation = operation_new(process->container, process, call, &err);
	if (!operation) {
		call_fail(call, &err);
		return;
	}
	process->deleting = operation;
	if (process->exited)
		stdio_drain(&process->stdio, on_drained);
	else
		on_drained(&process->stdio, NULL);
}
