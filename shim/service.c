/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/added.h"
#include "shim/announce.h"
#include "shim/container.h"
#include "shim/create.h"
#include "shim/figures.h"
#include "shim/lifecycle.h"
#include "shim/message.h"
#include "shim/proto/task.pb-c.h"
#include "shim/server.h"
#include "shim/shim.h"
#include "shim/status.h"

/* A handler consumes the call; the request is borrowed. */
typedef void handler_fn(struct shim *shim, struct call *call, void *request);

static void handle_state(struct shim *shim, struct call *call, void *request)
{
	const Pb__ProcessRequest *state = request;
	struct err err;
	struct process *process = shim_process(shim, state->id, state->exec_id, &err);
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__StateResponse response = PB__STATE_RESPONSE__INIT;
	enum task_state init;

	if (!process) {
		call_fail(call, &err);
		return;
	}
	init = process->container->init.state;
	announce_exited_at(process, &exited_at);
	response.id = process->id;
	response.bundle = process->container->bundle;
	response.pid = (uint32_t)process->pid;
	response.status =
		task_status(init == TASK_PAUSED || init == TASK_PAUSING ? init : process->state);
	response.stdin = process->stdio.uri[STDIO_IN];
	response.stdout = process->stdio.uri[STDIO_OUT];
	response.stderr = process->stdio.uri[STDIO_ERR];
	response.terminal = process->stdio.terminal;
	response.exit_status = process->exit_status;
	response.exited_at = &exited_at;
	call_reply(call, &response.base);
}

static void handle_create(struct shim *shim, struct call *call, void *request)
{
	create_task_take(shim, call, request);
}

static void handle_start(struct shim *shim, struct call *call, void *request)
{
	const Pb__ProcessRequest *start = request;
	struct err err;
	struct container *container = container_find(shim, start->id, &err);
	struct process *process = NULL;

	/* The reference looks at init first, and then for the process. */
	if (container && *start->exec_id && added_may(container, &err) == 0)
		process = container_process(container, start->exec_id, &err);
	else if (container && !*start->exec_id)
		process = container_process(container, "", &err);
	if (!process)
		call_fail(call, &err);
	else if (process->kind == TASK_INIT)
		lifecycle_start(process->container, call);
	else
		added_start(process, call);
}

static void handle_delete(struct shim *shim, struct call *call, void *request)
{
	const Pb__ProcessRequest *delete = request;
	struct err err;
	struct container *container = container_find(shim, delete->id, &err);
	struct process *process;

	if (container && container->creating) { /* whoever asked for it has given up */
		create_cancel(container);
		container = NULL;
		(void)err_set(&err, STATUS_E_NOT_FOUND, "container not created");
	}
	process = container ? container_process(container, delete->exec_id, &err) : NULL;
	if (!process)
		call_fail(call, &err);
	else if (process->kind == TASK_INIT)
		lifecycle_delete(container, call);
	else
		added_delete(process, call);
}

static void handle_exec(struct shim *shim, struct call *call, void *request)
{
	const Pb__ExecProcessRequest *exec = request;
	struct err err;
	struct container *container = container_find(shim, exec->id, &err);

	if (!container)
		call_fail(call, &err);
	else
		added_exec(container, call, exec);
}

static void handle_kill(struct shim *shim, struct call *call, void *request)
{
	const Pb__KillRequest *kill = request;
	struct err err;
	struct process *process = shim_process(shim, kill->id, kill->exec_id, &err);

	if (!process)
		call_fail(call, &err);
	else if (process->kind == TASK_INIT)
		lifecycle_kill(process->container, call, kill);
	else
		added_kill(process, call, kill);
}

/* The calls that concern init alone. NULL: the call was answered. */
static struct container *created(struct shim *shim, struct call *call, const char *id)
{
	struct err err;
	struct process *init = shim_process(shim, id, "", &err);

	if (!init)
		call_fail(call, &err);
	return init ? init->container : NULL;
}

static void handle_pause(struct shim *shim, struct call *call, void *request)
{
	struct container *container = created(shim, call, ((Pb__ProcessRequest *)request)->id);

	if (container)
		lifecycle_pause(container, call);
}

static void handle_resume(struct shim *shim, struct call *call, void *request)
{
	struct container *container = created(shim, call, ((Pb__ProcessRequest *)request)->id);

	if (container)
		lifecycle_resume(container, call);
}

static void handle_update(struct shim *shim, struct call *call, void *request)
{
	struct container *container = created(shim, call, ((Pb__UpdateTaskRequest *)request)->id);

	if (container)
		lifecycle_update(container, call, request);
}

static void handle_checkpoint(struct shim *shim, struct call *call, void *request)
{
	struct container *container =
		created(shim, call, ((Pb__CheckpointTaskRequest *)request)->id);

	if (container)
		lifecycle_checkpoint(container, call, request);
}

static void handle_wait(struct shim *shim, struct call *call, void *request)
{
	const Pb__ProcessRequest *wait = request;
	struct err err;
	struct process *process = shim_process(shim, wait->id, wait->exec_id, &err);

	if (!process) {
		call_fail(call, &err);
		return;
	}
	list_add_before(&process->waiters, &call->wait);
	call->on_gone = call_drop;
	if (process->exited || process->start_failed)
		process_release_waiters(process);
}

static void handle_resize(struct shim *shim, struct call *call, void *request)
{
	const Pb__ResizePtyRequest *resize = request;
	struct err err;
	struct process *process = shim_process(shim, resize->id, resize->exec_id, &err);
	int code;

	if (!process || task_may(process->kind, process->state, TASK_RESIZE, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	code = stdio_resize(&process->stdio, (uint16_t)resize->width, (uint16_t)resize->height);
	if (code < 0) {
		(void)err_set(&err, code, "resize the terminal: %s", err_reason(-code));
		call_fail(call, &err);
		return;
	}
	call_reply(call, NULL);
}

static void handle_close_io(struct shim *shim, struct call *call, void *request)
{
	const Pb__CloseIORequest *close_io = request;
	struct err err;
	struct container *container = created(shim, call, close_io->id);
	struct process *process;

	if (!container)
		return;
	process = container_process(container, close_io->exec_id, &err);
	if (!process) {
		/* without a class, as from containerd's own shim: service.go, CloseIO */
		(void)err_set(&err, -ENOENT, "process does not exist %.128s: not found",
			      close_io->exec_id);
		call_fail(call, &err);
		return;
	}
	stdio_close_stdin(&process->stdio);
	call_reply(call, NULL);
}

static void handle_pids(struct shim *shim, struct call *call, void *request)
{
	struct container *container = created(shim, call, ((Pb__ProcessRequest *)request)->id);

	if (container)
		figures_pids(container, call);
}

static void handle_stats(struct shim *shim, struct call *call, void *request)
{
	struct container *container = created(shim, call, ((Pb__ProcessRequest *)request)->id);

	if (container)
		figures_stats(container, call);
}

/* Never fails: containerd uses it to learn whether the shim lives. */
static void handle_connect(struct shim *shim, struct call *call, void *request)
{
	struct err ignored;
	const struct container *container =
		container_find(shim, ((Pb__ProcessRequest *)request)->id, &ignored);
	Pb__ConnectResponse response = PB__CONNECT_RESPONSE__INIT;

	response.shim_pid = (uint32_t)getpid();
	response.task_pid = container ? (uint32_t)container->init.pid : 0;
	call_reply(call, &response.base);
}

static void handle_shutdown(struct shim *shim, struct call *call, void *request)
{
	(void)request;
	/* The socket goes before the answer: what follows it must not be taken for a newcomer. */
	if (list_empty(&shim->containers))
		shim_end(shim);
	else /* perhaps nobody asks again when the last one goes */
		shim->shutdown_wanted = true;
	call_reply(call, NULL);
}

/* One entry per method; consumes: the handler keeps the request. */
static const struct method {
	const char *name;
	handler_fn *handle;
	const ProtobufCMessageDescriptor *request;
	bool consumes;
} methods[] = {
	{ "State", handle_state, &pb__process_request__descriptor, false },
	{ "Create", handle_create, &pb__create_task_request__descriptor, true },
	{ "Start", handle_start, &pb__process_request__descriptor, false },
	{ "Delete", handle_delete, &pb__process_request__descriptor, false },
	{ "Pids", handle_pids, &pb__process_request__descriptor, false },
	{ "Pause", handle_pause, &pb__process_request__descriptor, false },
	{ "Resume", handle_resume, &pb__process_request__descriptor, false },
	{ "Checkpoint", handle_checkpoint, &pb__checkpoint_task_request__descriptor, false },
	{ "Kill", handle_kill, &pb__kill_request__descriptor, false },
	{ "Exec", handle_exec, &pb__exec_process_request__descriptor, false },
	{ "ResizePty", handle_resize, &pb__resize_pty_request__descriptor, false },
	{ "CloseIO", handle_close_io, &pb__close_iorequest__descriptor, false },
	{ "Update", handle_update, &pb__update_task_request__descriptor, false },
	{ "Wait", handle_wait, &pb__process_request__descriptor, false },
	{ "Stats", handle_stats, &pb__process_request__descriptor, false },
	{ "Connect", handle_connect, &pb__process_request__descriptor, false },
	{ "Shutdown", handle_shutdown, &pb__shutdown_request__descriptor, false },
};

static const struct method *find_method(const char *service, const char *name, struct err *err)
{
	if (strcmp(service, "containerd.task.v2.Task") != 0 &&
	    strcmp(service, "containerd.task.v3.Task") != 0) {
		(void)err_set(err, STATUS_E_UNIMPLEMENTED, "service %.200s", service);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	(void)err_set(err, STATUS_E_UNIMPLEMENTED, "method %.200s", name);
	return NULL;
}

void service_handle(void *owner, struct call *call, const char *service, const char *name,
		    const uint8_t *payload, size_t payload_bytes)
{
	struct err err;
	const struct method *method = find_method(service, name, &err);
	void *request;

	if (!method) {
		call_fail(call, &err);
		return;
	}
	log_debug(NULL, "%s", name);
	request = message_unpack(method->request, payload, payload_bytes, &err);
	if (!request) {
		err.code = err.code == -ENOMEM ? STATUS_E_EXHAUSTED : STATUS_E_INTERNAL;
		call_fail(call, &err);
		return;
	}
	method->handle(owner, call, request);
	if (!method->consumes)
		message_free(request);
}
