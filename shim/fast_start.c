/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start without `runc start`. runc's init waits in open(2) of exec.fifo; whoever opens the other
 * end and reads the one byte that it writes has started the container. runc then removes the FIFO,
 * whose presence is what says "created"; so do we.
 *
 * Source: runc libcontainer/container_linux.go, exec, handleFifoResult; 1.1 to 1.5.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/events.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/container.h"
#include "shim/fast.h"
#include "shim/shim.h"

enum { FAST_START_POLL_MS = 1000 };

static int fifo_path(const struct container *container, char *path, size_t room)
{
	int n = snprintf(path, room, "%s/%s/exec.fifo", container->runc.root, container->id);

	return n > 0 && (size_t)n < room ? 0 : -ENAMETOOLONG;
}

static void end(struct operation *operation, const struct err *failed)
{
	char path[PATH_MAX];

	fast_wait_end(&operation->fast);
	if (!failed && fifo_path(operation->container, path, sizeof(path)) == 0)
		(void)unlink(path);
	operation_ended(operation, failed);
}

/* 1: init has written, and so runs its program; 0: it has closed its end; negative: not yet. */
static int take_byte(struct operation *operation)
{
	char byte;

	return (int)read(operation->fast.event_fd, &byte, 1);
}

static void fail_dead(struct operation *operation)
{
	struct err err;

	(void)err_set(&err, -EIO, "OCI runtime start failed: container process is already dead");
	end(operation, &err);
}

static void on_fifo(struct loop_source *source, uint32_t events)
{
	struct operation *operation = owner_of(source, struct operation, fast.event);
	int taken = take_byte(operation);

	(void)events;
	if (taken > 0)
		end(operation, NULL);
	else if (taken == 0) /* it opened its end and closed it again: it is dying */
		fail_dead(operation);
}

static void on_init_exit(struct loop_source *source, uint32_t events)
{
	struct operation *operation = owner_of(source, struct operation, fast.exit);

	(void)events;
	if (take_byte(operation) > 0) /* it ran, and is over already */
		end(operation, NULL);
	else
		fail_dead(operation);
}

/* The caller waits no longer. As when `runc start` is killed: an init that goes on then dies. */
static void on_limit(struct loop_timer *timer)
{
	struct operation *operation = owner_of(timer, struct operation, fast.limit);
	struct err err;

	(void)err_set(&err, -ETIMEDOUT,
		      "OCI runtime start failed: init was let go and did not begin in time");
	end(operation, &err);
}

/* A frozen init cannot write: runc says so at once, and in its own words. */
static bool is_frozen(const struct container *container)
{
	struct cg_events events;
	struct err ignored;

	return container->cgroup_fd >= 0 &&
	       cg_events_read(container->cgroup_fd, &events, &ignored) == 0 && events.frozen;
}

int fast_start(struct operation *operation, struct err *why)
{
	struct container *container = operation->container;
	struct fast_wait *wait = &operation->fast;
	char path[PATH_MAX];
	struct stat st;
	struct pollfd both[2] = { { .events = POLLIN }, { .events = POLLIN } };

	if (fifo_path(container, path, sizeof(path)) < 0)
		return err_set(why, -ENAMETOOLONG, "the path of its FIFO is too long");
	if (lstat(path, &st) < 0 || !S_ISFIFO(st.st_mode))
		return err_set(why, -ENOENT, "%s is no FIFO of runc's", path);
	if (is_frozen(container))
		return err_set(why, -EAGAIN, "its cgroup is frozen");
	if (container->init.child.pid == 0)
		return err_set(why, -EAGAIN, "init has ended");
	wait->loop = &container->shim->loop;
	wait->event.fn = on_fifo;
	wait->exit.fn = on_init_exit;
	wait->limit.fn = on_limit;
	wait->pidfd = pidfd_open(container->init.child.pid, 0);
	if (wait->pidfd < 0 || loop_add(wait->loop, &wait->exit, wait->pidfd, EPOLLIN) < 0) {
		(void)err_errno(why, "watch init");
		fast_wait_end(wait);
		return why->code;
	}
	/* From here on the FIFO stays open until init has written: closed earlier, it would die. */
	wait->event_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (wait->event_fd < 0) {
		(void)err_errno(why, "open %s", path);
		fast_wait_end(wait);
		return why->code;
	}
	if (loop_add(wait->loop, &wait->event, wait->event_fd, EPOLLIN) < 0) { /* no memory */
		both[0].fd = wait->event_fd;
		both[1].fd = wait->pidfd;
		(void)poll(both, 2, FAST_START_POLL_MS);
		on_init_exit(&wait->exit, 0);
	} else if (operation->timeout_ms > 0) {
		loop_timer_start(wait->loop, &wait->limit, operation->timeout_ms);
	}
	return 0;
}
