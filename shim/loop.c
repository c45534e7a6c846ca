/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"

int64_t loop_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int loop_init(struct loop *loop, struct err *err)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	list_init(&loop->timers);
	if (loop->epoll_fd < 0)
		return err_errno(err, "epoll_create1");
	return 0;
}

void loop_done(struct loop *loop)
{
	loop->epoll_fd = fd_close(loop->epoll_fd);
}

void loop_source_init(struct loop_source *source, loop_fn *fn)
{
	*source = (struct loop_source){ .fn = fn, .fd = -1 };
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data = { .ptr = source } };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	source->fd = fd;
	source->events = events;
	return 0;
}

void loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data = { .ptr = source } };

	if (source->fd < 0 || source->events == events)
		return;
	source->events = events;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	if (source->fd < 0)
		return;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i] == source)
			loop->batch[i] = NULL;
}

void loop_timer_init(struct loop_timer *timer, loop_timer_fn *fn)
{
	timer->fn = fn;
	timer->deadline_ms = 0;
	list_init(&timer->link);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
	struct list *at;

	list_remove(&timer->link);
	timer->deadline_ms = loop_now_ms() + delay_ms;
	list_for_each (at, &loop->timers)
		if (owner_of(at, struct loop_timer, link)->deadline_ms > timer->deadline_ms)
			break;
	list_add_before(at, &timer->link);
}

void loop_timer_stop(struct loop_timer *timer)
{
	list_remove(&timer->link);
}

/* Run what is due; returns milliseconds until the next timer, -1 when there is none. */
static int run_timers(struct loop *loop)
{
	while (!list_empty(&loop->timers) && !loop->stopped) {
		struct loop_timer *timer = owner_of(loop->timers.next, struct loop_timer, link);
		int64_t left = timer->deadline_ms - loop_now_ms();

		if (left > 0)
			return left > INT_MAX ? INT_MAX : (int)left;
		list_remove(&timer->link);
		timer->fn(timer);
	}
	return -1;
}

void loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];

	while (!loop->stopped) {
		int wait_ms = run_timers(loop);
		int n;

		if (loop->stopped)
			return;
		n = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, wait_ms);
		loop->batch_count = n < 0 ? 0 : n;
		for (int i = 0; i < loop->batch_count; i++)
			loop->batch[i] = events[i].data.ptr;
		for (int i = 0; i < loop->batch_count; i++)
			if (loop->batch[i])
				loop->batch[i]->fn(loop->batch[i], events[i].events);
		loop->batch_count = 0;
	}
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
