/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/announce.h"

#include "shim/container.h"
#include "shim/proto/events.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/publisher.h"
#include "shim/shim.h"

#define ANNOUNCE_GO_ZERO_SECONDS (-62135596800LL) /* 0001-01-01T00:00:00Z, Go's time.Time{} */

void announce_exited_at(const struct process *process, Pb__Timestamp *timestamp)
{
	timestamp->seconds = process->exited ? process->exited_at.tv_sec : ANNOUNCE_GO_ZERO_SECONDS;
	timestamp->nanos = process->exited ? (int32_t)process->exited_at.tv_nsec : 0;
}

static void send(struct container *container, const char *topic, const char *type_url,
		 const ProtobufCMessage *message)
{
	publisher_send(&container->shim->publisher, topic, type_url, message, false);
}

void announce_create(struct container *container, const Pb__CreateTaskRequest *request)
{
	Pb__TaskIO io = PB__TASK_IO__INIT;
	Pb__TaskCreate event = PB__TASK_CREATE__INIT;

	io.stdin = request->stdin;
	io.stdout = request->stdout;
	io.stderr = request->stderr;
	io.terminal = request->terminal;
	event.container_id = container->id;
	event.bundle = container->bundle;
	event.rootfs = request->rootfs;
	event.n_rootfs = request->n_rootfs;
	event.io = &io;
	event.checkpoint = request->checkpoint;
	event.pid = (uint32_t)container->init.pid;
	send(container, "/tasks/create", "containerd.events.TaskCreate", &event.base);
}

void announce_start(struct process *process)
{
	struct container *container = process->container;

	if (process->kind == TASK_INIT) {
		Pb__TaskStart event = PB__TASK_START__INIT;

		event.container_id = container->id;
		event.pid = (uint32_t)process->pid;
		send(container, "/tasks/start", "containerd.events.TaskStart", &event.base);
	} else {
		Pb__TaskExecStarted event = PB__TASK_EXEC_STARTED__INIT;

		event.container_id = container->id;
		event.exec_id = process->id;
		event.pid = (uint32_t)process->pid;
		send(container, "/tasks/exec-started", "containerd.events.TaskExecStarted",
		     &event.base);
	}
}

void announce_exec_added(struct process *process)
{
	Pb__TaskExecAdded event = PB__TASK_EXEC_ADDED__INIT;

	event.container_id = process->container->id;
	event.exec_id = process->id;
	send(process->container, "/tasks/exec-added", "containerd.events.TaskExecAdded",
	     &event.base);
}

void announce_exit(struct process *process)
{
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__TaskExit event = PB__TASK_EXIT__INIT;

	announce_exited_at(process, &exited_at);
	event.container_id = process->container->id;
	event.id = process->id;
	event.pid = (uint32_t)process->pid;
	event.exit_status = process->exit_status;
	event.exited_at = &exited_at;
	publisher_send(&process->container->shim->publisher, "/tasks/exit",
		       "containerd.events.TaskExit", &event.base, true);
}

void announce_delete(struct process *process)
{
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__TaskDelete event = PB__TASK_DELETE__INIT;

	announce_exited_at(process, &exited_at);
	event.container_id = process->container->id;
	event.pid = (uint32_t)process->pid;
	event.exit_status = process->exit_status;
	event.exited_at = &exited_at;
	publisher_send(&process->container->shim->publisher, "/tasks/delete",
		       "containerd.events.TaskDelete", &event.base, true);
}

static void notice(struct container *container, const char *topic, const char *type_url)
{
	Pb__TaskNotice event = PB__TASK_NOTICE__INIT;

	event.container_id = container->id;
	send(container, topic, type_url, &event.base);
}

void announce_oom(struct container *container)
{
	notice(container, "/tasks/oom", "containerd.events.TaskOOM");
}

void announce_paused(struct container *container)
{
	notice(container, "/tasks/paused", "containerd.events.TaskPaused");
}

void announce_resumed(struct container *container)
{
	notice(container, "/tasks/resumed", "containerd.events.TaskResumed");
}
