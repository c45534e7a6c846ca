/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/oom.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/kmsg.h"

static void on_inotify(struct loop_source *source, uint32_t events);

void oom_init(struct oom *oom, struct loop *loop)
{
	*oom = (struct oom){ .loop = loop, .inotify_fd = -1 };
	loop_source_init(&oom->source, on_inotify);
	list_init(&oom->watches);
}

void oom_watch_init(struct oom_watch *watch, oom_fn *fn)
{
	*watch = (struct oom_watch){ .watch = { -1, -1 }, .cgroup_fd = -1, .fn = fn };
	list_init(&watch->link);
}

static void tell(struct oom_watch *watch, uint64_t kills)
{
	if (kills <= watch->kills)
		return;
	watch->kills = kills;
	watch->fn(watch);
}

/* False when there is no counter to read. */
static bool look(struct oom_watch *watch)
{
	struct err ignored;
	uint64_t kills;

	if (cg_events_oom_kill(watch->cgroup_fd, &kills, &ignored) < 0)
		return false;
	tell(watch, kills);
	return true;
}

void oom_watch_check(struct oom_watch *watch)
{
	if (watch->oom)
		(void)look(watch);
}

void oom_watch_check_last(struct oom_watch *watch, pid_t init, const char *cgroup)
{
	struct kmsg_victim victim = { init, cgroup, watch->since_us };

	if (watch->oom && !look(watch) && watch->kills == 0 && kmsg_tells_oom_kill(&victim))
		tell(watch, 1);
}

/* Which file changed does not matter: a counter that did not grow tells nothing. */
static void on_inotify(struct loop_source *source, uint32_t events)
{
	struct oom *oom = owner_of(source, struct oom, source);
	char bytes[1024] __attribute__((aligned(8)));
	struct list *at;
	struct list *after;

	(void)events;
	while (read(oom->inotify_fd, bytes, sizeof(bytes)) > 0)
		;
	list_for_each_safe (at, after, &oom->watches)
		oom_watch_check(owner_of(at, struct oom_watch, link));
}

static int open_inotify(struct oom *oom)
{
	int code;

	if (oom->inotify_fd >= 0)
		return 0;
	oom->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (oom->inotify_fd < 0)
		return -errno;
	code = loop_add(oom->loop, &oom->source, oom->inotify_fd, EPOLLIN);
	if (code < 0)
		oom->inotify_fd = fd_close(oom->inotify_fd);
	return code;
}

static void arm(struct oom *oom, struct oom_watch *watch, int cgroup_fd)
{
	watch->oom = oom;
	watch->cgroup_fd = cgroup_fd;
	watch->since_us = kmsg_now_us();
	list_add_before(&oom->watches, &watch->link);
}

int oom_watch_start(struct oom *oom, struct oom_watch *watch, int cgroup_fd)
{
	struct err ignored;
	int code;

	if (watch->oom && watch->watch.memory >= 0)
		return 0;
	code = open_inotify(oom);
	if (code == 0)
		code = cg_events_watch(oom->inotify_fd, cgroup_fd, &watch->watch, &ignored);
	if (code == -ENOENT)
		return code;
	if (code < 0 && !oom->told)
		log_warn(NULL,
			 "kills for want of memory are told when the process has ended, not at "
			 "once: inotify: %s (fs.inotify.max_user_instances, max_user_watches)",
			 err_reason(-code));
	oom->told = oom->told || code < 0;
	if (!watch->oom)
		arm(oom, watch, cgroup_fd);
	oom_watch_check(watch); /* what happened before the watch was armed */
	return code;
}

void oom_watch_stop(struct oom_watch *watch)
{
	if (!watch->oom)
		return;
	cg_events_unwatch(watch->oom->inotify_fd, &watch->watch);
	list_remove(&watch->link);
	watch->oom = NULL;
}
