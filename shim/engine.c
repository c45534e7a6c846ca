/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/engine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/kill.h"
#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/cleanup.h"
#include "shim/container.h"
#include "shim/fast.h"
#include "shim/runtime.h"
#include "shim/runtime_learn.h"
#include "shim/runtime_store.h"
#include "shim/sealed.h"
#include "shim/shim.h"
#include "shim/spawn.h"
#include "shim/warm.h"

int engine_init(struct container *container, struct err *err)
{
	const struct options *options = &container->options;
	struct runc *runc = &container->runc;

	runc->name = strdup(options->binary_name ? options->binary_name : "runc");
	runc->root = cleanup_runc_root(options->root, container->shim->ns);
	runc->systemd_cgroup = options->systemd_cgroup ||
			       (container->spec_known && container->spec.systemd_cgroup);
	if (!runc->name || !runc->root)
		return err_set(err, -ENOMEM, "no memory for container %s", container->id);
	fast_init(container);
	return 0;
}

void engine_prepare(struct container *container)
{
	if (!(container->fast.off & 1U << FAST_CREATE))
		warm_cgroup_attach(&container->shim->warm, &container->shim->reaper);
}

/*
 * What is not known yet of the runtime on this host is learned aside: which one it is, and when it
 * is one that copies itself each time, a sealed copy. The holder of the copy stays in our cgroup,
 * so not where that was made for one pod.
 */
static void learn(struct container *container)
{
	bool seal = !(container->fast.off & 1U << FAST_CREATE) && !container->options.shim_cgroup;
	char program[PATH_MAX];
	char copy[SEALED_PATH_ROOM];
	own_fd int fd = -1;
	struct err err;

	if (spawn_find_program(container->runc.name, program, sizeof(program), &err) < 0 ||
	    (!fast_must_ask(container) &&
	     (!seal || !container->runc.sealed ||
	      sealed_open(RUNTIME_STORE_PATH, program, &fd, copy, &err) != SEALED_MISSING)))
		return;
	if (runtime_learn_start(RUNTIME_STORE_PATH, program, seal, &err) < 0)
		log_debug(container->id, "%s", err.msg);
}

/* In a child: systemd and the runtime enable only the controllers that the spec asks for. */
static int enable_controllers(void *owner, struct err *err)
{
	const struct container *container = owner;
	own_fd int root = -1;

	if (cg_root_open(&root, err) < 0 ||
	    cg_enable_controllers(root, container->cgroup_path, err) < 0)
		log_debug(container->id, "enable controllers: %s", err->msg);
	return 0;
}

/* Something that nobody waits for, in a child, which the reaper meets unawares. */
static void aside(struct container *container, int (*work)(void *owner, struct err *err))
{
	struct spawn spawn = spawn_blank();
	struct err err;

	spawn.prepare = work;
	spawn.owner = container;
	if (spawn_start(&spawn, &err) < 0)
		log_debug(container->id, "%s", err.msg);
}

/* Nothing depends on it: what went wrong, the first exec says. */
static void on_prepared(struct operation *operation, const struct err *failed)
{
	if (failed)
		log_debug(operation->container->id, "prepare for execs: %s", failed->msg);
	operation_next(operation);
}

static void prepare_exec(struct operation *operation)
{
	operation->done = on_prepared;
	runtime_aside(operation, fast_exec_prepare);
}

void engine_created(struct container *container)
{
	struct operation *operation;
	own_fd int root = -1;
	struct err ignored;

	if (container->cgroup_path && cg_root_open(&root, &ignored) == 0 &&
	    cg_lacks_controllers(root, container->cgroup_path))
		aside(container, enable_controllers);
	if (!container->spec_known || !container->spec.has_seccomp || container->checkpoint ||
	    container->fast.off & 1U << FAST_EXEC)
		return;
	/* A start waits for it: what init is asked, it must not notice. */
	operation = operation_new(container, &container->init, NULL, &ignored);
	if (operation) {
		operation->timeout_ms = RUNC_BACKGROUND_MS;
		operation_queue(operation, prepare_exec);
	}
}

void engine_create(struct operation *operation, const int stdio[3], engine_fn *done)
{
	struct container *container = operation->container;
	struct err why;

	operation->done = done;
	container_hold(container);
	container->runc.sealed = fast_may(container, FAST_CREATE, &why) == 0 &&
				 sealed_is_wanted(&container->fast.version);
	runtime_create(operation, stdio);
	if (!container->retired)
		learn(container);
	container_release(container);
}

void engine_mount(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	runtime_mount(operation);
}

void engine_unmount(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	runtime_unmount(operation);
}

void engine_sweep(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	runtime_sweep(operation);
}

void engine_start(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	if (!fast_try(operation, FAST_START, fast_start))
		runtime_start(operation);
}

void engine_restore(struct operation *operation, const int stdio[3], engine_fn *done)
{
	operation->done = done;
	runtime_restore(operation, stdio);
}

void engine_exec(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	if (!fast_try(operation, FAST_EXEC, fast_exec))
		runtime_exec(operation);
}

void engine_kill(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	if (!fast_try(operation, FAST_KILL, fast_kill))
		runtime_kill(operation);
}

void engine_delete(struct operation *operation, engine_fn *done)
{
	struct err ignored;

	operation->done = done;
	/*
	 * To runc a frozen cgroup is a paused container, dead or not, and stays. Not thawed
	 * earlier: a runc that finds cgroup.freeze set waits 10 s for what a thaw meanwhile takes
	 * back.
	 */
	if (operation->container->cgroup_fd >= 0)
		(void)cg_freeze(operation->container->cgroup_fd, false, &ignored);
	if (!fast_try(operation, FAST_DELETE, fast_delete))
		runtime_delete(operation);
}

void engine_pause(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	if (!fast_try(operation, FAST_PAUSE, fast_pause))
		runtime_pause(operation);
}

void engine_resume(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	if (!fast_try(operation, FAST_PAUSE, fast_resume))
		runtime_resume(operation);
}

void engine_update(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	runtime_update(operation);
}

void engine_checkpoint(struct operation *operation, engine_fn *done)
{
	operation->done = done;
	runtime_checkpoint(operation);
}

void engine_cancel(struct operation *operation)
{
	fast_exec_cancel(operation);
	runc_cancel(&operation->runc);
}

void engine_limit(struct operation *operation, int limit_ms)
{
	fast_exec_limit(operation, limit_ms);
	runc_limit(&operation->runc, limit_ms);
}
