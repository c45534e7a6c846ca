/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/commands.h"
#include "shim/service.h"
#include "shim/shim.h"
#include "shim/socket.h"

enum {
	DAEMON_FLUSH_MS = 5000,
	DAEMON_UNUSED_MS = 30000, /* for containerd's first connection */
	DAEMON_JOINED_MS = 10000, /* a newcomer who then does nothing is not waited for longer */
	DAEMON_HEAP_KEEP_BYTES = 16 << 10,
};

static void stop(struct shim *shim)
{
	shim->ending = true;
	loop_stop(&shim->loop);
}

static void on_flushed(void *owner)
{
	stop(owner);
}

/* Nothing is left to be done but to tell: give the last events their time. */
static void flush_and_stop(struct shim *shim)
{
	shim->ending = true;
	if (publisher_is_empty(&shim->publisher)) {
		stop(shim);
		return;
	}
	shim->publisher.owner = shim;
	shim->publisher.on_empty = on_flushed;
	loop_timer_start(&shim->loop, &shim->ending_timer, DAEMON_FLUSH_MS);
}

/* Events were not flushed in time, or who joined at the last moment did nothing. */
static void on_ending_timer(struct loop_timer *timer)
{
	struct shim *shim = owner_of(timer, struct shim, ending_timer);

	if (shim->ending)
		stop(shim);
	else if (list_empty(&shim->containers))
		shim_end(shim);
}

/* Nobody ever came: containerd forgets a shim whose files it cannot write, and would not end it. */
static void on_unused_timer(struct loop_timer *timer)
{
	struct shim *shim = owner_of(timer, struct shim, unused_timer);

	if (list_empty(&shim->containers) && shim->server.count == 0)
		shim_end(shim);
}

void shim_end(struct shim *shim)
{
	if (shim->ending)
		return;
	/* A `start` that connected before the path went away was promised a living shim. */
	if (socket_retire(shim->socket_path) == 0 && server_accept(&shim->server) > 0) {
		socket_unretire(shim->socket_path);
		loop_timer_start(&shim->loop, &shim->ending_timer, DAEMON_JOINED_MS);
		return;
	}
	socket_remove(shim->socket_path);
	flush_and_stop(shim);
}

/* SIGTERM, SIGINT: stop serving; containers are left alone. */
static void on_terminate(void *owner)
{
	struct shim *shim = owner;

	if (shim->ending) {
		stop(shim);
		return;
	}
	log_info(NULL, "asked to end by a signal");
	(void)unlink(shim->socket_path);
	flush_and_stop(shim);
}

static int init(struct shim *shim, const struct daemon_config *config, struct err *err)
{
	int listen_fd = config->listen_fd;

	*shim = (struct shim){ .ns = config->ns };
	list_init(&shim->containers);
	loop_timer_init(&shim->ending_timer, on_ending_timer);
	loop_timer_init(&shim->unused_timer, on_unused_timer);
	shim->socket_path = strdup(config->socket_path);
	if (!shim->socket_path)
		return err_set(err, -ENOMEM, "no memory");
	warm_init(&shim->warm);
	if (loop_init(&shim->loop, err) < 0 || reaper_init(&shim->reaper, &shim->loop, err) < 0)
		return err->code;
	shim->reaper.terminate = on_terminate;
	shim->reaper.terminate_owner = shim;
	oom_init(&shim->oom, &shim->loop);
	loop_timer_start(&shim->loop, &shim->unused_timer, DAEMON_UNUSED_MS);
	publisher_init(&shim->publisher, &shim->loop, config->ttrpc_address, config->ns);
	return server_init_take(&shim->server, &shim->loop, &listen_fd, service_handle, shim, err);
}

int daemon_run(const struct daemon_config *config)
{
	static struct shim shim;
	struct err err;
	int code;

	log_init(config->log_fd, config->debug);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN); /* who asks containerd's own shim for its stacks by it */
	/* What a request needed goes back to the kernel when it is answered. */
	(void)mallopt(M_TRIM_THRESHOLD, DAEMON_HEAP_KEEP_BYTES);
	(void)mallopt(M_TOP_PAD, 0);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		log_error(NULL, "cannot become a subreaper: %s", err_reason(errno));
	code = init(&shim, config, &err);
	if (code < 0)
		log_error(NULL, "%s", err.msg);
	else
		loop_run(&shim.loop);
	if (code < 0)
		(void)unlink(config->socket_path);
	_exit(code < 0);
}
