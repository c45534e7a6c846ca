/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause and resume without runc: cgroup.freeze is written, cgroup.events says when it is so. The
 * kernel tells of its change, where runc looks every 10 ms.
 *
 * Source: runc libcontainer/cgroups/fs2/freezer.go; kernel cgroup-v2.rst, "cgroup.freeze".
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cgroups/events.h"
#include "cgroups/kill.h"
#include "config/base/err.h"
#include "shim/container.h"
#include "shim/fast.h"
#include "shim/shim.h"

enum { FREEZE_LIMIT_MS = 10000 }; /* as runc's: 1,000 looks, 10 ms apart */

static void end(struct operation *operation, const struct err *failed)
{
	fast_wait_end(&operation->fast);
	operation_ended(operation, failed);
}

/* Has the cgroup come where it is wanted? One that is gone freezes nobody. */
static bool has_arrived(const struct operation *operation)
{
	struct cg_events events;
	struct err err;
	int code = cg_events_read(operation->container->cgroup_fd, &events, &err);

	return code < 0 ? !operation->fast.frozen : events.frozen == operation->fast.frozen;
}

static void on_event(struct loop_source *source, uint32_t events)
{
	struct operation *operation = owner_of(source, struct operation, fast.event);
	/* the kernel tells of the next change only after a read */
	char text[256];
	bool gone = pread(operation->fast.event_fd, text, sizeof(text), 0) < 0;
	struct err err;

	(void)events;
	if (has_arrived(operation)) {
		end(operation, NULL);
	} else if (gone) {
		(void)err_set(&err, -EIO, "OCI runtime pause failed: container not running");
		end(operation, &err);
	}
}

static void on_limit(struct loop_timer *timer)
{
	struct operation *operation = owner_of(timer, struct operation, fast.limit);
	struct err err;
	struct err ignored;

	if (operation->fast.frozen)
		(void)cg_freeze(operation->container->cgroup_fd, false, &ignored);
	(void)err_set(&err, -ETIMEDOUT,
		      "OCI runtime %s failed: timeout of 10s reached waiting for the cgroup to %s",
		      operation->fast.frozen ? "pause" : "resume",
		      operation->fast.frozen ? "freeze" : "thaw");
	end(operation, &err);
}

static int change(struct operation *operation, bool frozen, struct err *why)
{
	struct container *container = operation->container;
	struct fast_wait *wait = &operation->fast;
	int64_t limit_ms = operation->timeout_ms > 0 ? operation->timeout_ms : FREEZE_LIMIT_MS;

	wait->loop = &container->shim->loop;
	wait->event.fn = on_event;
	wait->limit.fn = on_limit;
	wait->frozen = frozen;
	wait->event_fd = openat(container->cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (wait->event_fd < 0 ||
	    loop_add(wait->loop, &wait->event, wait->event_fd, EPOLLPRI) < 0) {
		(void)err_errno(why, "watch cgroup.events");
		fast_wait_end(wait);
		return why->code;
	}
	if (cg_freeze(container->cgroup_fd, frozen, why) < 0) {
		fast_wait_end(wait);
		return why->code;
	}
	loop_timer_start(wait->loop, &wait->limit, limit_ms);
	if (has_arrived(operation))
		end(operation, NULL);
	return 0;
}

int fast_pause(struct operation *operation, struct err *why)
{
	struct container *container = operation->container;

	if (container->cgroup_fd < 0)
		return err_set(why, -ENOENT, "its cgroup is not known");
	if (fast_has_ended(container)) /* runc has the words for it */
		return err_set(why, -EAGAIN, "init has ended");
	return change(operation, true, why);
}

int fast_resume(struct operation *operation, struct err *why)
{
	struct container *container = operation->container;
	struct cg_events events;

	if (container->cgroup_fd < 0)
		return err_set(why, -ENOENT, "its cgroup is not known");
	if (cg_events_read(container->cgroup_fd, &events, why) < 0)
		return why->code;
	if (!events.frozen) /* runc has the words for it */
		return err_set(why, -EAGAIN, "its cgroup is not frozen");
	return change(operation, false, why);
}
