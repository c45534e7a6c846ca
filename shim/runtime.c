/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "shim/cleanup.h"
#include "shim/container.h"
#include "shim/mounts.h"
#include "shim/proto/task.pb-c.h"
#include "shim/runc.h"
#include "shim/shim.h"
#include "shim/status.h"

enum { RUNTIME_NAME_MAX = 300 };

/* ---- how an act ends ---- */

/* What clients are told: the runtime's own last words behind the prefix. */
static void on_told(struct runc_call *call, const struct err *failed)
{
	struct operation *operation = owner_of(call, struct operation, runc);
	struct err err;

	if (failed)
		(void)runc_error(call, operation->prefix, failed, &err);
	operation_ended(operation, failed ? &err : NULL);
}

/* The failure as it is. */
static void on_done(struct runc_call *call, const struct err *failed)
{
	operation_ended(owner_of(call, struct operation, runc), failed);
}

/* The runtime has made a process: take its terminal and its pid. */
static int take_process(struct operation *operation, const char *name, const char *what,
			struct err *err)
{
	char file[RUNTIME_NAME_MAX];

	if (operation->console.listen_fd >= 0) {
		operation->master_fd = console_take_master(&operation->console, err);
		if (operation->master_fd < 0)
			return err->code;
		console_done(&operation->console);
	}
	(void)snprintf(file, sizeof(file), "%s.pid", name);
	if (runc_read_pid(operation->container->bundle_fd, file, &operation->pid, err) < 0)
		return err_wrap(err, "failed to retrieve OCI runtime %s pid", what);
	return 0;
}

static void on_made(struct runc_call *call, const struct err *failed)
{
	struct operation *operation = owner_of(call, struct operation, runc);
	bool is_init = operation->process->kind == TASK_INIT;
	struct err err;

	if (failed && (call->timed_out || call->cancelled))
		(void)err_set(&err, -ETIMEDOUT, "%s: %.900s", operation->prefix, failed->msg);
	else if (failed)
		(void)runc_error(call, operation->prefix, failed, &err);
	else if (take_process(operation, is_init ? "init" : operation->process->id,
			      is_init ? "container" : "exec", &err) < 0)
		failed = &err;
	operation_ended(operation, failed ? &err : NULL);
}

static void on_killed(struct runc_call *call, const struct err *failed)
{
	struct operation *operation = owner_of(call, struct operation, runc);
	struct err err;

	if (failed)
		(void)runtime_kill_error(failed, &err);
	operation_ended(operation, failed ? &err : NULL);
}

/* The runtime forgets a container after a checkpoint; ours is still to be cleaned up. */
static void on_deleted(struct runc_call *call, const struct err *failed)
{
	if (failed && strstr(failed->msg, "does not exist"))
		failed = NULL;
	on_told(call, failed);
}

/* prefix: of a failure's text; NULL: it is told as it is */
static void start(struct operation *operation, struct runc_request *request, const char *prefix,
		  runc_fn *done)
{
	struct container *container = operation->container;
	struct err err;

	operation->prefix = prefix;
	request->timeout_ms = operation->timeout_ms;
	if (runc_start(&operation->runc, container->shim, &container->runc, request, done, &err) ==
	    0)
		return;
	if (operation->process->kind == TASK_INIT && operation->create)
		(void)err_wrap(
			&err,
			"unable to retrieve OCI runtime error (open %s: no such file or directory)",
			container->runc.log_path);
	if (prefix)
		(void)err_wrap(&err, "%s", prefix);
	operation_ended(operation, &err);
}

/* Where the runtime is to send the terminal, if there is one. Negative: the operation has ended. */
static int listen_console(struct operation *operation)
{
	struct err err;

	if (!operation->process->stdio.terminal ||
	    console_listen(&operation->console, operation->container->bundle_fd, &err) == 0)
		return 0;
	operation_ended(operation, &err);
	return err.code;
}

void runtime_aside(struct operation *operation, int (*work)(void *operation, struct err *err))
{
	struct runc_request request = runc_request_blank();

	request.prepare = work;
	request.owner = operation;
	start(operation, &request, NULL, on_done);
}

/* "BUNDLE/NAME.pid"; the runtime's temporary name for it is removed as well. */
static void pid_file(const struct container *container, const char *name, char *path, size_t room)
{
	char file[RUNTIME_NAME_MAX];

	(void)snprintf(file, sizeof(file), ".%s.pid", name);
	(void)unlinkat(container->bundle_fd, file, 0);
	(void)unlinkat(container->bundle_fd, file + 1, 0);
	(void)snprintf(path, room, "%s/%s", container->bundle, file + 1);
}

/* Bytes as a file that the runtime can read: -1 with err filled on failure. */
static int memory_file(const char *name, const struct buf *bytes, struct err *err)
{
	own_fd int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "memfd_create");
	if (fd_write_all(fd, bytes->data, bytes->len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, "write a memory file");
	return fd_take(&fd);
}

/* In the child: the rootfs is in place before the runtime looks at it. */
static int prepare_mounts(void *owner, struct err *err)
{
	struct operation *operation = owner;
	const Pb__CreateTaskRequest *create = operation->create;

	if (mounts_apply(create->rootfs, create->n_rootfs, operation->container->rootfs, err) < 0)
		return err_wrap(err, "failed to mount rootfs component");
	return 0;
}

static void add_create_args(struct operation *operation, struct runc_request *request)
{
	const struct options *options = &operation->container->options;

	if (operation->console.listen_fd >= 0) {
		runc_arg(request, "--console-socket");
		runc_arg(request, operation->console.name);
	}
	if (options->no_pivot_root)
		runc_arg(request, "--no-pivot");
}

void runtime_create(struct operation *operation, const int stdio[3])
{
	struct container *container = operation->container;
	struct runc_request request = runc_request_blank();
	char path[4096];

	if (listen_console(operation) < 0)
		return;
	pid_file(container, "init", path, sizeof(path));
	runc_arg(&request, "create");
	runc_arg(&request, "--bundle");
	runc_arg(&request, container->bundle);
	runc_arg(&request, "--pid-file");
	runc_arg(&request, path);
	add_create_args(operation, &request);
	if (container->options.no_new_keyring)
		runc_arg(&request, "--no-new-keyring");
	runc_arg(&request, container->id);
	request.stdio = operation->console.listen_fd >= 0 ? NULL : stdio;
	if (container->has_rootfs)
		request.prepare = prepare_mounts;
	request.owner = operation;
	start(operation, &request, "OCI runtime create failed", on_made);
}

void runtime_mount(struct operation *operation)
{
	runtime_aside(operation, prepare_mounts);
}

static int prepare_unmount(void *owner, struct err *err)
{
	struct operation *operation = owner;

	return mounts_remove(operation->container->rootfs, err);
}

void runtime_unmount(struct operation *operation)
{
	runtime_aside(operation, prepare_unmount);
}

static int prepare_sweep(void *owner, struct err *err)
{
	struct operation *operation = owner;
	struct container *container = operation->container;
	struct cleanup cleanup = {
		.id = container->id,
		.bundle = container->bundle,
		.bundle_fd = container->bundle_fd,
		.runc_name = container->runc.name,
		.runc_root = container->runc.root,
		.systemd_cgroup = container->runc.systemd_cgroup,
		.cgroups_path = container->spec_known ? container->spec.cgroups_path : NULL,
		.rootfs = container->has_rootfs ? container->rootfs : NULL,
		.limit_ms = RUNC_BACKGROUND_MS,
	};

	return cleanup_run(&cleanup, err);
}

void runtime_sweep(struct operation *operation)
{
	operation->timeout_ms = 0; /* it limits itself */
	runtime_aside(operation, prepare_sweep);
}

void runtime_start(struct operation *operation)
{
	struct container *container = operation->container;
	struct runc_request request = runc_request_blank();

	runc_arg(&request, "start");
	runc_arg(&request, container->id);
	start(operation, &request, "OCI runtime start failed", on_told);
}

void runtime_restore(struct operation *operation, const int stdio[3])
{
	struct container *container = operation->container;
	const struct options *options = &container->options;
	struct runc_request request = runc_request_blank();
	own_mem char *work = NULL;
	char path[4096];
	struct err err;

	if (listen_console(operation) < 0)
		return;
	if (!options->criu_work_path && asprintf(&work, "%s/work", container->bundle) < 0) {
		work = NULL;
		(void)err_set(&err, -ENOMEM, "no memory for a path");
		operation_ended(operation, &err);
		return;
	}
	pid_file(container, "init", path, sizeof(path));
	runc_arg(&request, "restore");
	runc_arg(&request, "--image-path");
	runc_arg(&request, container->checkpoint);
	runc_arg(&request, "--work-path");
	runc_arg(&request, options->criu_work_path ? options->criu_work_path : work);
	runc_arg(&request, "--detach");
	runc_arg(&request, "--pid-file");
	runc_arg(&request, path);
	add_create_args(operation, &request);
	runc_arg(&request, "--no-subreaper");
	runc_arg(&request, "--bundle");
	runc_arg(&request, container->bundle);
	runc_arg(&request, container->id);
	request.stdio = operation->console.listen_fd >= 0 ? NULL : stdio;
	start(operation, &request, "OCI runtime restore failed", on_made);
}

void runtime_exec(struct operation *operation)
{
	struct container *container = operation->container;
	struct process *process = operation->process;
	struct runc_request request = runc_request_blank();
	struct err err;
	own_fd int spec = memory_file("process.json", &process->spec, &err);
	char path[4096];

	if (spec < 0) {
		operation_ended(operation, &err);
		return;
	}
	if (listen_console(operation) < 0)
		return;
	pid_file(container, process->id, path, sizeof(path));
	runc_arg(&request, "exec");
	runc_arg(&request, "--process");
	runc_arg(&request, "/proc/self/fd/3");
	if (operation->console.listen_fd >= 0) {
		runc_arg(&request, "--console-socket");
		runc_arg(&request, operation->console.name);
	}
	runc_arg(&request, "--detach");
	runc_arg(&request, "--pid-file");
	runc_arg(&request, path);
	runc_arg(&request, container->id);
	request.stdio = operation->console.listen_fd >= 0 ? NULL : process->stdio.child;
	request.extra_fd = spec;
	start(operation, &request, "OCI runtime exec failed", on_made);
}

void runtime_kill(struct operation *operation)
{
	struct runc_request request = runc_request_blank();
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", operation->signal);
	runc_arg(&request, "kill");
	runc_arg(&request, operation->all ? "--all" : NULL);
	runc_arg(&request, operation->container->id);
	runc_arg(&request, number);
	start(operation, &request, NULL, on_killed);
}

static void simple(struct operation *operation, const char *command, const char *prefix,
		   runc_fn *done)
{
	struct runc_request request = runc_request_blank();

	runc_arg(&request, command);
	runc_arg(&request, operation->container->id);
	start(operation, &request, prefix, done);
}

void runtime_delete(struct operation *operation)
{
	simple(operation, "delete", "failed to delete task", on_deleted);
}

void runtime_pause(struct operation *operation)
{
	simple(operation, "pause", "OCI runtime pause failed", on_told);
}

void runtime_resume(struct operation *operation)
{
	simple(operation, "resume", "OCI runtime resume failed", on_told);
}

void runtime_update(struct operation *operation)
{
	struct runc_request request = runc_request_blank();
	struct err err;
	own_fd int resources = memory_file("resources.json", &operation->resources, &err);

	if (resources < 0) {
		operation_ended(operation, &err);
		return;
	}
	runc_arg(&request, "update");
	runc_arg(&request, "--resources");
	runc_arg(&request, "-");
	runc_arg(&request, operation->container->id);
	request.stdin_fd = resources;
	start(operation, &request, NULL, on_done);
}

void runtime_checkpoint(struct operation *operation)
{
	const struct checkpoint_options *options = &operation->checkpoint;
	struct runc_request request = runc_request_blank();

	runc_arg(&request, "checkpoint");
	runc_arg(&request, "--image-path");
	runc_arg(&request, operation->path);
	runc_arg(&request, "--work-path");
	runc_arg(&request, operation->work);
	if (options->parent_path) {
		runc_arg(&request, "--parent-path");
		runc_arg(&request, options->parent_path);
	}
	runc_arg(&request, options->open_tcp ? "--tcp-established" : NULL);
	runc_arg(&request, options->external_unix_sockets ? "--ext-unix-sk" : NULL);
	runc_arg(&request, options->terminal ? "--shell-job" : NULL);
	runc_arg(&request, options->file_locks ? "--file-locks" : NULL);
	if (options->cgroups_mode) {
		runc_arg(&request, "--manage-cgroups-mode");
		runc_arg(&request, options->cgroups_mode);
	}
	for (char **empty = options->empty_namespaces; empty && *empty; empty++) {
		runc_arg(&request, "--empty-ns");
		runc_arg(&request, *empty);
	}
	runc_arg(&request, options->exit ? NULL : "--leave-running");
	runc_arg(&request, operation->container->id);
	start(operation, &request, NULL, on_done);
}

int runtime_kill_error(const struct err *failed, struct err *err)
{
	if (strstr(failed->msg, "os: process already finished") ||
	    strstr(failed->msg, "container not running") ||
	    strcasestr(failed->msg, "no such process"))
		return err_set(err, STATUS_E_NOT_FOUND, "process already finished");
	if (strstr(failed->msg, "does not exist"))
		return err_set(err, STATUS_E_NOT_FOUND, "no such container");
	return err_set(err, -EIO, "unknown error after kill: %.900s", failed->msg);
}
