/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path:
 *   create_task_take   a container in state creating; options, spec, files of the bundle
 *   on_streams         the client's streams are open: mount, runc create
 *   on_created         pid, terminal, cgroup; the event, the answer
 * Any failure goes to fail(): what there is of the container is swept away, then Create is
 * answered.
 */
#include "shim/create.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/adopt.h"
#include "shim/announce.h"
#include "shim/args.h"
#include "shim/container.h"
#include "shim/defaults.h"
#include "shim/engine.h"
#include "shim/exit.h"
#include "shim/message.h"
#include "shim/proto/task.pb-c.h"
#include "shim/server.h"
#include "shim/shim.h"
#include "shim/status.h"

void create_open_cgroup(struct container *container)
{
	char path[PATH_MAX];
	struct err err;
	/* not init.pid: once it is reaped, the number may be anybody's */
	pid_t pid = container->init.child.pid;

	if (container->cgroup_fd < 0) {
		if (pid == 0)
			return;
		if (cg_open_of_pid(pid, &container->cgroup_fd, path, sizeof(path), &err) < 0) {
			log_debug(container->id, "cgroup of pid %d: %s", (int)pid, err.msg);
			return;
		}
		container->cgroup_path = strdup(path);
	}
	(void)oom_watch_start(&container->shim->oom, &container->oom, container->cgroup_fd);
}

/* Everything is undone: answer, and forget the container. */
static void failed(struct operation *operation, const struct err *err)
{
	struct container *container = operation->container;

	container->creating = NULL;
	log_debug(container->id, "create: %s", err->msg);
	operation_answer(operation, err);
	operation_free(operation);
	container_free(container);
}

static void on_swept(struct operation *operation, const struct err *sweep_failed)
{
	struct err err;

	if (sweep_failed)
		log_warn(operation->container->id, "after a failed create: %s", sweep_failed->msg);
	(void)err_set(&err, operation->failure_code, "%s", operation->path);
	failed(operation, &err);
}

/* Undo what was done. touched: a child has run, so there may be something to undo. */
static void fail(struct operation *operation, const struct err *err, bool touched)
{
	if (!touched) {
		failed(operation, err);
		return;
	}
	free(operation->path);
	operation->path = strdup(err->msg);
	operation->failure_code = err->code;
	if (operation->path) {
		engine_sweep(operation, on_swept);
		return;
	}
	log_error(operation->container->id, "cannot clean up after a failed create: no memory");
	failed(operation, err);
}

static void succeed(struct operation *operation)
{
	struct container *container = operation->container;
	struct call *call = operation->call;
	Pb__PidResponse response = PB__PID_RESPONSE__INIT;

	create_open_cgroup(container);
	container->creating = NULL;
	container->init.state = container->checkpoint ? TASK_RESTORABLE : TASK_CREATED;
	announce_create(container, operation->create);
	response.pid = (uint32_t)container->init.pid;
	operation->call = NULL;
	if (call)
		call_reply(call, &response.base);
	operation_free(operation);
	engine_created(container);
	exit_release(&container->init);
}

static void on_mounted(struct operation *operation, const struct err *mount_failed)
{
	if (mount_failed)
		fail(operation, mount_failed, true);
	else
		succeed(operation);
}

static void on_created(struct operation *operation, const struct err *create_failed)
{
	struct err err;

	if (!create_failed && adopt_process(operation, &err) < 0)
		create_failed = &err;
	reaper_release(&operation->container->shim->reaper, &operation->hold);
	if (create_failed)
		fail(operation, create_failed, true);
	else
		succeed(operation);
}

/* The client's streams are open, or not. */
static void on_streams(struct stdio *stdio, const struct err *streams_failed)
{
	struct container *container = owner_of(stdio, struct container, init.stdio);
	struct operation *operation = container->creating;

	if (streams_failed) {
		fail(operation, streams_failed, false);
		return;
	}
	if (container->checkpoint) {
		if (!container->has_rootfs)
			succeed(operation);
		else
			engine_mount(operation, on_mounted);
		return;
	}
	reaper_hold(&container->shim->reaper, &operation->hold);
	engine_create(operation, stdio->child, on_created);
}

/* Take over what the request and the bundle say. Returns 0 or negative, err filled. */
static int read_request(struct container *container, const Pb__CreateTaskRequest *request,
			struct err *err)
{
	struct err spec_err;
	int code = options_parse(request->options, &container->options, err);

	if (code > 0)
		return err_set(err, -EINVAL, "type with url %.200s: not found",
			       request->options->type_url);
	if (code < 0)
		return code;
	container->has_rootfs = request->n_rootfs > 0;
	if (container->has_rootfs && mkdir(container->rootfs, 0711) < 0 && errno != EEXIST)
		return err_errno(err, "mkdir %s", container->rootfs);
	if (options_write(container->bundle_fd, &container->options, err) < 0)
		return err->code;
	/* A spec that is missing or broken is the runtime's to refuse, in its words. */
	container->spec_known = spec_read(container->bundle_fd, &container->spec, &spec_err) == 0;
	if (!container->spec_known)
		log_debug(container->id, "%s", spec_err.msg);
	if (*request->checkpoint) {
		container->checkpoint = strdup(request->checkpoint);
		if (!container->checkpoint)
			return err_set(err, -ENOMEM, "no memory for a path");
	}
	return engine_init(container, err);
}

/* A spec that cannot be read is the runtime's to refuse, as it is. */
static void merge_defaults(struct container *container)
{
	struct defaults_target target = {
		.id = container->id,
		.bundle_dir = container->bundle_fd,
		.cgroups_path = container->spec.cgroups_path,
		.systemd_cgroup = container->runc.systemd_cgroup,
	};

	if (container->spec_known)
		defaults_apply(DEFAULTS_HOST_CONFIG, &target, &container->defaults);
}

/* Everything that must exist before the runtime starts. */
static int prepare(struct container *container, struct operation *operation, struct err *err)
{
	const Pb__CreateTaskRequest *request = operation->create;
	struct stdio *stdio = &container->init.stdio;

	if (read_request(container, request, err) < 0)
		return err->code;
	stdio_done(stdio);
	if (stdio_init(stdio, &container->shim->loop, request->stdin, request->stdout,
		       request->stderr, request->terminal) < 0)
		return err_set(err, -ENOMEM, "no memory for the streams");
	return 0;
}

void create_cancel(struct container *container)
{
	struct operation *operation = container->creating;
	struct err err;

	if (!operation || operation->failure_code) /* it is being undone already */
		return;
	if (operation->done) {
		engine_cancel(operation);
		return;
	}
	(void)err_set(&err, STATUS_E_CANCELLED, "create was cancelled");
	fail(operation, &err, false);
}

static void on_gone(struct call *call)
{
	struct operation *operation = call->owner;

	log_info(operation->container->id, "the client went away during create: undoing it");
	create_cancel(operation->container);
}

static struct operation *begin(struct shim *shim, struct call *call,
			       const Pb__CreateTaskRequest *request, struct err *err)
{
	struct container *container;
	struct operation *operation;

	if (args_check_id("id", request->id, err) < 0) {
		err->code = STATUS_E_INVALID;
		return NULL;
	}
	if (container_find(shim, request->id, err)) {
		(void)err_set(err, STATUS_E_EXISTS, "container %s", request->id);
		return NULL;
	}
	container = container_new(shim, request->id, request->bundle, err);
	if (!container)
		return NULL;
	operation = operation_new(container, &container->init, call, err);
	if (!operation)
		container_free(container);
	return operation;
}

void create_task_take(struct shim *shim, struct call *call, Pb__CreateTaskRequest *request)
{
	struct err err;
	struct operation *operation = begin(shim, call, request, &err);
	struct container *container;
	struct stdio_context context;

	if (!operation) {
		call_fail(call, &err);
		message_free(request);
		return;
	}
	container = operation->container;
	operation->create = request;
	container->creating = operation;
	exit_hold(&container->init); /* an exit is told after the creation, and only if that
					succeeds */
	list_add_before(&shim->containers, &container->link);
	if (prepare(container, operation, &err) < 0) {
		fail(operation, &err, false);
		return;
	}
	if (!container->checkpoint) {
		engine_prepare(container);
		merge_defaults(container);
	}
	call->owner = operation;
	call->on_gone = on_gone;
	context = (struct stdio_context){
		.loop = &shim->loop,
		.reaper = &shim->reaper,
		.id = container->id,
		.ns = shim->ns,
		.uid = container->options.io_uid,
		.gid = container->options.io_gid,
		.direct = container->spec_known && container->spec.pid_namespace_private &&
			  !container->spec.user_namespace && !container->spec.labelled &&
			  container->options.io_uid == 0 && container->options.io_gid == 0,
		.piped = container->spec.labelled,
	};
	stdio_open(&container->init.stdio, &context, on_streams);
}
