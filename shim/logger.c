/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/spawn.h"
#include "shim/uri.h"

enum {
	LOGGER_READY_MS = 30000,
	LOGGER_TERM_MS = 12000, /* containerd pkg/process/io.go, binaryIOProcTermTimeout */
};

static void answer(struct logger *logger, const struct err *err)
{
	logger_fn *on_ready = logger->on_ready;

	loop_remove(logger->loop, &logger->ready);
	logger->ready_fd = fd_close(logger->ready_fd);
	loop_timer_stop(&logger->timer);
	logger->on_ready = NULL;
	if (on_ready)
		on_ready(logger, err);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct logger *logger = owner_of(source, struct logger, ready);
	struct err err;
	char byte;
	ssize_t n = read(logger->ready_fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		(void)err_errno(&err, "failed to read from logging binary");
	else
		(void)err_set(&err, -EPROTO,
			      "failed to start logging binary: it did not call ready");
	answer(logger, n > 0 || (n == 0 && !logger->strict) ? NULL : &err);
}

static void on_timer(struct loop_timer *timer)
{
	struct logger *logger = owner_of(timer, struct logger, timer);
	struct err err;

	if (logger->orphan) {
		(void)kill(logger->child.pid, SIGKILL);
		return;
	}
	(void)err_set(&err, -ETIMEDOUT, "logging binary was not ready within %d s",
		      LOGGER_READY_MS / 1000);
	answer(logger, &err);
}

static void on_ended(struct child *child, const struct child_exit *ended)
{
	struct logger *logger = owner_of(child, struct logger, child);

	log_debug(NULL, "logging binary %d ended with status %u", (int)ended->pid, ended->status);
	if (!logger->orphan)
		return;
	loop_timer_stop(&logger->timer);
	free(logger);
}

/* argv and environment for the program, then the program. Returns the pid or negative. */
static pid_t launch(const char *uri, const char *id, const char *ns, const int fds[3],
		    struct err *err)
{
	char env_id[512];
	char env_ns[512];
	char *env[] = { env_id, env_ns, NULL };
	char *args[URI_ARGS_MAX + 1];
	own_mem char *path = uri_path(uri);
	struct spawn spawn = spawn_blank();
	pid_t pid;
	int n;

	if (!path || path[0] != '/')
		return err_set(err, -EINVAL, "logging binary %s: the path must be absolute", uri);
	n = uri_query_args(uri, args + 1);
	if (n < 0)
		return err_set(err, n, "logging binary %s: arguments: %s", uri, err_reason(-n));
	args[0] = path;
	(void)snprintf(env_id, sizeof(env_id), "CONTAINER_ID=%s", id);
	(void)snprintf(env_ns, sizeof(env_ns), "CONTAINER_NAMESPACE=%s", ns);
	spawn.program = path;
	spawn.argv = (const char *const *)(const void *)args;
	spawn.envp = env;
	spawn.n_extra = 3;
	memcpy(spawn.extra, fds, 3 * sizeof(int));
	spawn.outlives = true; /* what the container wrote is still in its pipes */
	pid = access(path, X_OK) < 0 ? err_errno(err, "failed to start logging binary %s", path)
				     : spawn_start(&spawn, err);
	for (int i = 1; i <= n; i++)
		free(args[i]);
	return pid;
}

struct logger *logger_start(struct loop *loop, struct reaper *reaper, const char *uri,
			    const char *id, const char *ns, int out, int err_fd,
			    logger_fn *on_ready_fn, void *owner, struct err *err)
{
	struct logger *logger = calloc(1, sizeof(*logger));
	int ready[2];
	pid_t pid;

	if (!logger || pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(logger);
		(void)err_errno(err, "failed to create logging pipes");
		return NULL;
	}
	(void)fcntl(ready[1], F_SETFL, 0);
	pid = launch(uri, id, ns, (const int[]){ out, err_fd, ready[1] }, err);
	(void)close(ready[1]);
	logger->loop = loop;
	logger->reaper = reaper;
	logger->strict = uri_has_scheme(uri, "binary-v2");
	logger->on_ready = on_ready_fn;
	logger->owner = owner;
	loop_source_init(&logger->ready, on_ready);
	loop_timer_init(&logger->timer, on_timer);
	child_init(&logger->child, on_ended);
	if (pid < 0 || loop_add(loop, &logger->ready, ready[0], EPOLLIN) < 0) {
		if (pid >= 0)
			(void)err_set(err, -ENOMEM, "no memory to watch the logging binary");
		(void)close(ready[0]);
		free(logger);
		return NULL;
	}
	logger->ready_fd = ready[0];
	loop_timer_start(loop, &logger->timer, LOGGER_READY_MS);
	(void)reaper_watch(reaper, &logger->child, pid, &(struct child_exit){ 0 });
	return logger;
}

void logger_stop(struct logger *logger)
{
	if (!logger)
		return;
	logger->on_ready = NULL;
	answer(logger, NULL);
	logger->orphan = true;
	if (logger->child.pid == 0) {
		free(logger);
		return;
	}
	(void)kill(logger->child.pid, SIGTERM);
	loop_timer_start(logger->loop, &logger->timer, LOGGER_TERM_MS);
}
