/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoint: runc and CRIU do it; when it fails, CRIU's log is kept where containerd says it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "shim/container.h"
#include "shim/engine.h"
#include "shim/lifecycle.h"
#include "shim/proto/task.pb-c.h"
#include "shim/remove_tree.h"
#include "shim/server.h"

enum { CHECKPOINT_LOG_MAX_BYTES = 4 << 20 };

static void end(struct operation *operation, const struct err *err)
{
	struct err ignored;

	if (operation->work_is_ours && remove_tree(operation->work, &ignored) < 0)
		log_warn(operation->container->id, "%s", ignored.msg);
	operation_answer(operation, err);
	operation_next(operation);
}

/* WORK/dump.log becomes BUNDLE/criu-dump.log. */
static void keep_log(const struct operation *operation)
{
	own_mem char *path = NULL;
	struct buf log = { 0 };
	struct err err;

	if (asprintf(&path, "%s/dump.log", operation->work) < 0) {
		path = NULL;
		return;
	}
	if (fd_read_file(AT_FDCWD, path, CHECKPOINT_LOG_MAX_BYTES, &log) == 0 &&
	    fd_replace_file(operation->container->bundle_fd, "criu-dump.log", log.data, log.len,
			    0600, &err) < 0)
		log_warn(operation->container->id, "%s", err.msg);
	buf_done(&log);
}

static void on_done(struct operation *operation, const struct err *failed)
{
	struct err err;

	if (!failed) {
		end(operation, NULL);
		return;
	}
	keep_log(operation);
	(void)err_set(&err, -EIO, "%.*s path= %s/criu-dump.log", (int)strcspn(failed->msg, "\n"),
		      failed->msg, operation->container->bundle);
	end(operation, &err);
}

static void run(struct operation *operation)
{
	struct err err;

	if (task_may(TASK_INIT, operation->container->init.state, TASK_CHECKPOINT, &err) < 0)
		end(operation, &err);
	else
		engine_checkpoint(operation, on_done);
}

static int prepare(struct operation *operation, const Pb__CheckpointTaskRequest *request,
		   struct err *err)
{
	const struct checkpoint_options *options = &operation->checkpoint;

	if (checkpoint_options_parse(request->options, &operation->checkpoint, err) < 0)
		return err->code;
	operation->path = strdup(*request->path || !options->image_path ? request->path
									: options->image_path);
	if (options->work_path)
		operation->work = strdup(options->work_path);
	else if (asprintf(&operation->work, "%s/work/criu-work", operation->container->bundle) < 0)
		operation->work = NULL;
	operation->work_is_ours = !options->work_path;
	return operation->path && operation->work ? 0
						  : err_set(err, -ENOMEM, "no memory for a path");
}

void lifecycle_checkpoint(struct container *container, struct call *call,
			  const Pb__CheckpointTaskRequest *request)
{
	struct err err;
	struct operation *operation = operation_new(container, &container->init, call, &err);

	if (!operation) {
		call_fail(call, &err);
		return;
	}
	if (prepare(operation, request, &err) < 0) {
		operation_answer(operation, &err);
		operation_free(operation);
		return;
	}
	operation_queue(operation, run);
}
