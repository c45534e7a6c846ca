/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exit.h"

#include <signal.h>
#include <sys/types.h>

#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/announce.h"
#include "shim/container.h"
#include "shim/engine.h"
#include "shim/lifecycle.h"
#include "shim/shim.h"

enum {
	EXIT_OOM_TOLD_MS = 300, /* an exit waits that long for the event of its OOM kill */
	EXIT_OOM_LOOK_MS = 1,
};

void exit_on_oom(struct oom_watch *watch)
{
	announce_oom(owner_of(watch, struct container, oom));
}

/* Record an exit and tell everyone. */
static void publish(struct process *process, const struct child_exit *ended)
{
	process->exited = true;
	process->exit_status = ended->status;
	process->exited_at = ended->at;
	process->state = TASK_STOPPED;
	stdio_exited(&process->stdio);
	announce_exit(process);
	process_release_waiters(process);
	if (process->kind == TASK_INIT && process->deleting)
		lifecycle_delete_exited(process->deleting);
}

/*
 * A client of the CRI learns of the end by Wait and of its reason by the event: Wait is not
 * answered before containerd has acknowledged the event, or it would read "Error" for a moment.
 * True: later.
 *
 * Source: containerd pkg/cri/sbserver/events.go, handleEvent, startContainerExitMonitor.
 */
static bool waits_for_oom(struct container *container)
{
	struct shim *shim = container->shim;
	int64_t now = loop_now_ms();

	if (container->oom.kills == 0 || publisher_is_empty(&shim->publisher))
		return false;
	if (container->oom_until_ms == 0)
		container->oom_until_ms = now + EXIT_OOM_TOLD_MS;
	if (now >= container->oom_until_ms)
		return false;
	loop_timer_start(&shim->loop, &container->oom_timer, EXIT_OOM_LOOK_MS);
	return true;
}

/* Init's exit may be published once nothing else of the container is left to be published. */
static void finish_if_last(struct container *container)
{
	if (!container->init_gone || container->init.exited || container->ending ||
	    container->busy_execs)
		return;
	oom_watch_check_last(&container->oom, container->init.pid, container->cgroup_path);
	if (!waits_for_oom(container))
		publish(&container->init, &container->init.held);
}

void exit_on_oom_timer(struct loop_timer *timer)
{
	struct container *container = owner_of(timer, struct container, oom_timer);

	container_hold(container);
	if (!container->retired)
		finish_if_last(container);
	container_release(container);
}

/* ---- between init's exit and its publication ---- */

static void ending_done(struct operation *operation)
{
	struct container *container = operation->container;

	container->ending = NULL;
	container_hold(container);
	operation_next(operation);
	if (!container->retired)
		finish_if_last(container);
	container_release(container);
}

static void on_killed(struct operation *operation, const struct err *failed)
{
	if (failed)
		log_debug(operation->container->id, "kill what init left behind: %s", failed->msg);
	ending_done(operation);
}

/* True when the kernel has not killed the container's processes together with init. */
static bool has_survivors(const struct container *container)
{
	return !container->spec_known || !container->spec.pid_namespace_private;
}

/* True when something had to be done first: what it is finishes the exit, and perhaps has. */
static bool begin_ending(struct container *container)
{
	struct err err;
	struct operation *operation;

	if (!has_survivors(container))
		return false;
	operation = operation_new(container, &container->init, NULL, &err);
	if (!operation) {
		log_error(container->id, "%s", err.msg);
		return false;
	}
	operation->timeout_ms = RUNC_BACKGROUND_MS;
	container->ending = operation;
	operation->signal = SIGKILL;
	operation->all = true;
	engine_kill(operation, on_killed);
	return true;
}

/*
 * Added processes die with init. One that slipped out of its PID namespace, or a start at which the
 * runtime is stuck, must not hold back the exit for ever.
 */
static void kill_execs(struct container *container)
{
	struct list *at;

	list_for_each (at, &container->execs) {
		struct process *process = owner_of(at, struct process, link);

		if (process->child.pid > 1)
			(void)kill(process->child.pid, SIGKILL);
		if (process->starting_now)
			engine_limit(process->starting_now, RUNC_BACKGROUND_MS);
	}
}

static void handle(struct process *process, const struct child_exit *ended)
{
	struct container *container = process->container;

	if (process->kind == TASK_ADDED) {
		if (ended->status ==
		    128 + SIGKILL) /* perhaps for want of memory: that is told first */
			oom_watch_check(&container->oom);
		publish(process, ended);
		exit_uncount(process);
		return;
	}
	container->init_gone = true;
	process->held = *ended;
	kill_execs(container);
	if (!begin_ending(container))
		finish_if_last(container);
}

void exit_on_child(struct child *child, const struct child_exit *ended)
{
	struct process *process = owner_of(child, struct process, child);

	if (process->starting) {
		process->exit_held = true;
		process->held = *ended;
		return;
	}
	handle(process, ended);
}

void exit_watch(struct process *process, int pid)
{
	struct child_exit ended;

	process->pid = pid;
	if (reaper_watch(&process->container->shim->reaper, &process->child, pid, &ended) > 0) {
		process->exit_held = true;
		process->held = ended;
	}
}

void exit_hold(struct process *process)
{
	process->starting = true;
}

void exit_release(struct process *process)
{
	struct child_exit ended = process->held;

	process->starting = false;
	if (!process->exit_held)
		return;
	process->exit_held = false;
	handle(process, &ended);
}

void exit_count(struct process *process)
{
	process->counted = true;
	process->container->busy_execs++;
}

void exit_uncount(struct process *process)
{
	if (!process->counted)
		return;
	process->counted = false;
	process->container->busy_execs--;
	finish_if_last(process->container);
}
