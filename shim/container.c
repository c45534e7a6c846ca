/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/announce.h"
#include "shim/exit.h"
#include "shim/message.h"
#include "shim/proto/task.pb-c.h"
#include "shim/server.h"
#include "shim/shim.h"
#include "shim/status.h"

struct container *container_find(struct shim *shim, const char *id, struct err *err)
{
	struct list *at;

	list_for_each (at, &shim->containers) {
		struct container *container = owner_of(at, struct container, link);

		if (strcmp(container->id, id) == 0)
			return container;
	}
	(void)err_set(err, STATUS_E_NOT_FOUND, "container not created");
	return NULL;
}

struct process *container_process(struct container *container, const char *exec_id, struct err *err)
{
	struct list *at;

	if (container->init.state == TASK_CREATING) {
		(void)err_set(err, STATUS_E_PRECONDITION, "container must be created");
		return NULL;
	}
	if (*exec_id == '\0')
		return &container->init;
	list_for_each (at, &container->execs) {
		struct process *process = owner_of(at, struct process, link);

		if (strcmp(process->id, exec_id) == 0)
			return process;
	}
	(void)err_set(err, STATUS_E_NOT_FOUND, "process does not exist %.128s", exec_id);
	return NULL;
}

struct process *shim_process(struct shim *shim, const char *id, const char *exec_id,
			     struct err *err)
{
	struct container *container = container_find(shim, id, err);

	return container ? container_process(container, exec_id, err) : NULL;
}

int process_init(struct process *process, struct container *container, enum task_kind kind,
		 const char *id)
{
	*process = (struct process){ .container = container, .kind = kind };
	process->state = kind == TASK_INIT ? TASK_CREATING : TASK_CREATED;
	child_init(&process->child, exit_on_child);
	list_init(&process->waiters);
	list_init(&process->link);
	process->id = strdup(id);
	return process->id ? 0 : -ENOMEM;
}

void process_release_waiters(struct process *process)
{
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__WaitResponse response = PB__WAIT_RESPONSE__INIT;

	announce_exited_at(process, &exited_at);
	response.exit_status = process->exit_status;
	response.exited_at = &exited_at;
	while (!list_empty(&process->waiters)) {
		struct call *call = owner_of(process->waiters.next, struct call, wait);

		list_remove(&call->wait);
		call_reply(call, &response.base);
	}
}

static void process_done(struct process *process)
{
	process_release_waiters(process);
	reaper_forget(&process->child);
	stdio_done(&process->stdio);
	buf_done(&process->spec);
	free(process->id);
}

void process_free(struct process *process)
{
	list_remove(&process->link);
	process_done(process);
	free(process);
}

/* "BUNDLE/name", owned by the caller; NULL without memory. */
static char *below(const char *bundle, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", bundle, name) < 0 ? NULL : path;
}

struct container *container_new(struct shim *shim, const char *id, const char *bundle,
				struct err *err)
{
	struct container *container = calloc(1, sizeof(*container));

	if (!container) {
		(void)err_set(err, -ENOMEM, "no memory for container %s", id);
		return NULL;
	}
	container->shim = shim;
	container->cgroup_fd = -1;
	list_init(&container->execs);
	list_init(&container->queue);
	list_init(&container->link);
	oom_watch_init(&container->oom, exit_on_oom);
	loop_timer_init(&container->oom_timer, exit_on_oom_timer);
	container->bundle_fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	container->id = strdup(id);
	container->bundle = strdup(bundle);
	container->rootfs = below(bundle, "rootfs");
	container->runc.log_path = below(bundle, "log.json");
	container->runc.bundle_fd = container->bundle_fd;
	if (process_init(&container->init, container, TASK_INIT, id) < 0 || !container->id ||
	    !container->bundle || !container->rootfs || !container->runc.log_path)
		(void)err_set(err, -ENOMEM, "no memory for container %s", id);
	else if (container->bundle_fd < 0)
		(void)err_set(err, errno == ENOENT ? STATUS_E_NOT_FOUND : -errno,
			      "open bundle %s: %s", bundle,
			      errno == ENOENT ? "no such file or directory" : err_reason(errno));
	else if (stdio_init(&container->init.stdio, &shim->loop, NULL, NULL, NULL, false) < 0)
		(void)err_set(err, -ENOMEM, "no memory for container %s", id);
	else
		return container;
	container_free(container);
	return NULL;
}

/* The memory goes with the last operation that points to it. */
static void free_memory(struct container *container)
{
	free(container->runc.name);
	free(container->runc.root);
	free(container->runc.log_path);
	free(container->checkpoint);
	free(container->cgroup_path);
	free(container->rootfs);
	free(container->bundle);
	free(container->id);
	free(container);
}

void container_free(struct container *container)
{
	struct shim *shim = container->shim;
	bool listed = !list_empty(&container->link);

	list_remove(&container->link);
	while (!list_empty(&container->queue)) {
		struct operation *late = owner_of(container->queue.next, struct operation, link);
		struct err err;

		(void)err_set(&err, STATUS_E_NOT_FOUND, "container not created");
		operation_answer(late, &err);
		operation_free(late);
	}
	while (!list_empty(&container->execs)) {
		struct process *process = owner_of(container->execs.next, struct process, link);

		if (process->deleting) /* waits for its output: that ends here, and is answered */
			process->stdio.on_drained(&process->stdio, NULL);
		else
			process_free(process);
	}
	oom_watch_stop(&container->oom);
	loop_timer_stop(&container->oom_timer);
	if (container->init.stdio.loop)
		process_done(&container->init);
	else
		free(container->init.id);
	container->cgroup_fd = fd_close(container->cgroup_fd);
	container->bundle_fd = fd_close(container->bundle_fd);
	fast_exec_forget(container);
	options_done(&container->options);
	if (container->spec_known)
		spec_done(&container->spec);
	container->retired = true;
	if (container->holders == 0)
		free_memory(container);
	if (listed && shim->shutdown_wanted && list_empty(&shim->containers))
		shim_end(shim);
}

void container_hold(struct container *container)
{
	container->holders++;
}

void container_release(struct container *container)
{
	if (--container->holders == 0 && container->retired)
		free_memory(container);
}

struct operation *operation_new(struct container *container, struct process *process,
				struct call *call, struct err *err)
{
	struct operation *operation = calloc(1, sizeof(*operation));

	if (!operation) {
		(void)err_set(err, STATUS_E_EXHAUSTED, "no memory for the operation");
		return NULL;
	}
	operation->container = container;
	container_hold(container);
	operation->process = process;
	operation->call = call;
	operation->timeout_ms = call ? call->timeout_ms : 0;
	operation->console.listen_fd = -1;
	operation->master_fd = -1;
	fast_wait_init(&operation->fast);
	list_init(&operation->link);
	return operation;
}

void operation_free(struct operation *operation)
{
	struct container *container = operation->container;

	list_remove(&operation->link);
	reaper_release(&container->shim->reaper, &operation->hold);
	console_done(&operation->console);
	fast_wait_end(&operation->fast);
	(void)fd_close(operation->master_fd);
	checkpoint_options_done(&operation->checkpoint);
	message_free(operation->create);
	buf_done(&operation->resources);
	free(operation->path);
	free(operation->work);
	free(operation);
	container_release(container);
}

void operation_queue(struct operation *operation, operation_fn *run)
{
	struct container *container = operation->container;
	bool idle = list_empty(&container->queue);

	operation->run = run;
	list_add_before(&container->queue, &operation->link);
	if (idle)
		run(operation);
}

void operation_next(struct operation *operation)
{
	struct container *container = operation->container;
	bool queued = !list_empty(&operation->link);

	operation_free(operation);
	if (queued && !list_empty(&container->queue)) {
		struct operation *next = owner_of(container->queue.next, struct operation, link);

		next->run(next);
	}
}

void operation_ended(struct operation *operation, const struct err *failed)
{
	operation_ended_fn *done = operation->done;

	operation->done = NULL;
	done(operation, failed);
}

void operation_answer(struct operation *operation, const struct err *err)
{
	struct call *call = operation->call;

	operation->call = NULL;
	if (!call)
		return;
	if (err)
		call_fail(call, err);
	else
		call_reply(call, NULL);
}
