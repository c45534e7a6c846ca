/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/engine.h"

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
#include "shim/shim.h"
#include "shim/status.h"

enum { ENGINE_NAME_MAX = 300 };

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
	return 0;
}

static int start(struct operation *operation, struct runc_request *request, runc_fn *done,
		 struct err *err)
{
	struct container *container = operation->container;

	request->timeout_ms = operation->timeout_ms;
	return runc_start(&operation->runc, container->shim, &container->runc, request, done, err);
}

/* "BUNDLE/NAME.pid"; the runtime's temporary name for it is removed as well. */
static void pid_file(const struct container *container, const char *name, char *path, size_t room)
{
	char file[ENGINE_NAME_MAX];

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

int engine_create(struct operation *operation, const int stdio[3], runc_fn *done, struct err *err)
{
	struct container *container = operation->container;
	struct runc_request request = runc_request_blank();
	char path[4096];

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
	return start(operation, &request, done, err);
}

int engine_mount(struct operation *operation, runc_fn *done, struct err *err)
{
	struct runc_request request = runc_request_blank();

	request.prepare = prepare_mounts;
	request.owner = operation;
	return start(operation, &request, done, err);
}

static int prepare_unmount(void *owner, struct err *err)
{
	struct operation *operation = owner;

	return mounts_remove(operation->container->rootfs, err);
}

int engine_unmount(struct operation *operation, runc_fn *done, struct err *err)
{
	struct runc_request request = runc_request_blank();

	request.prepare = prepare_unmount;
	request.owner = operation;
	return start(operation, &request, done, err);
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

int engine_sweep(struct operation *operation, runc_fn *done, struct err *err)
{
	struct runc_request request = runc_request_blank();

	request.prepare = prepare_sweep;
	request.owner = operation;
	operation->timeout_ms = 0; /* it limits itself */
	return start(operation, &request, done, err);
}

/* In the child: systemd and the runtime enable only the controllers that the spec asks for. */
static int prepare_controllers(void *owner, struct err *err)
{
	struct operation *operation = owner;
	own_fd int root = -1;

	if (cg_root_open(&root, err) < 0 ||
	    cg_enable_controllers(root, operation->container->cgroup_path, err) < 0)
		log_debug(operation->container->id, "enable controllers: %s", err->msg);
	return 0;
}

int engine_start(struct operation *operation, runc_fn *done, struct err *err)
{
	struct container *container = operation->container;
	struct runc_request request = runc_request_blank();

	runc_arg(&request, "start");
	runc_arg(&request, container->id);
	if (container->cgroup_path)
		request.prepare = prepare_controllers;
	request.owner = operation;
	return start(operation, &request, done, err);
}

int engine_restore(struct operation *operation, const int stdio[3], runc_fn *done, struct err *err)
{
	struct container *container = operation->container;
	const struct options *options = &container->options;
	struct runc_request request = runc_request_blank();
	own_mem char *work = NULL;
	char path[4096];

	if (!options->criu_work_path && asprintf(&work, "%s/work", container->bundle) < 0)
		return err_set(err, -ENOMEM, "no memory for a path");
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
	return start(operation, &request, done, err);
}

int engine_exec(struct operation *operation, const int stdio[3], runc_fn *done, struct err *err)
{
	struct container *container = operation->container;
	struct process *process = operation->process;
	struct runc_request request = runc_request_blank();
	own_fd int spec = memory_file("process.json", &process->spec, err);
	char path[4096];

	if (spec < 0)
		return spec;
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
	request.stdio = operation->console.listen_fd >= 0 ? NULL : stdio;
	request.extra_fd = spec;
	return start(operation, &request, done, err);
}

int engine_kill(struct operation *operation, runc_fn *done, struct err *err)
{
	struct runc_request request = runc_request_blank();
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", operation->signal);
	runc_arg(&request, "kill");
	runc_arg(&request, operation->all ? "--all" : NULL);
	runc_arg(&request, operation->container->id);
	runc_arg(&request, number);
	return start(operation, &request, done, err);
}

static int simple(struct operation *operation, const char *command, runc_fn *done, struct err *err)
{
	struct runc_request request = runc_request_blank();

	runc_arg(&request, command);
	runc_arg(&request, operation->container->id);
	return start(operation, &request, done, err);
}

int engine_delete(struct operation *operation, runc_fn *done, struct err *err)
{
	return simple(operation, "delete", done, err);
}

int engine_pause(struct operation *operation, runc_fn *done, struct err *err)
{
	return simple(operation, "pause", done, err);
}

int engine_resume(struct operation *operation, runc_fn *done, struct err *err)
{
	return simple(operation, "resume", done, err);
}

int engine_update(struct operation *operation, runc_fn *done, struct err *err)
{
	struct runc_request request = runc_request_blank();
	own_fd int resources = memory_file("resources.json", &operation->resources, err);

	if (resources < 0)
		return resources;
	runc_arg(&request, "update");
	runc_arg(&request, "--resources");
	runc_arg(&request, "-");
	runc_arg(&request, operation->container->id);
	request.stdin_fd = resources;
	return start(operation, &request, done, err);
}

int engine_checkpoint(struct operation *operation, runc_fn *done, struct err *err)
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
	return start(operation, &request, done, err);
}

int engine_kill_error(const struct err *failed, struct err *err)
{
	if (strstr(failed->msg, "os: process already finished") ||
	    strstr(failed->msg, "container not running") ||
	    strcasestr(failed->msg, "no such process"))
		return err_set(err, STATUS_E_NOT_FOUND, "process already finished");
	if (strstr(failed->msg, "does not exist"))
		return err_set(err, STATUS_E_NOT_FOUND, "no such container");
	return err_set(err, -EIO, "unknown error after kill: %.900s", failed->msg);
}
