/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: level-triggered epoll, timers, nothing else. One thread, one loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/base/list.h"

struct err;
struct loop_source;
struct loop_timer;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as they are. May remove any source and free its
 * owner. */
typedef void loop_fn(struct loop_source *source, uint32_t events);
typedef void loop_timer_fn(struct loop_timer *timer);

/* Sits inside its owner; the callback finds the owner with owner_of(). */
struct loop_source {
	loop_fn *fn;
	int fd;		 /* borrowed: loop_remove() before closing it; -1 when not in the loop */
	uint32_t events; /* what is asked for; 0: only EPOLLHUP and EPOLLERR */
};

struct loop_timer {
	loop_timer_fn *fn;
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
	struct list link;    /* unlinked when not armed */
};

enum { LOOP_BATCH = 16 };

struct loop {
	int epoll_fd;	    /* owned */
	struct list timers; /* earliest first */
	bool stopped;
	struct loop_source
		*batch[LOOP_BATCH]; /* sources of the events under way; NULL once removed */
	int batch_count;
};

/* Returns 0 or negative, err filled. */
int loop_init(struct loop *loop, struct err *err);

/* Close the loop. Every source must have been removed or be about to end with the process. */
void loop_done(struct loop *loop);

/* Make a source that is in no loop yet. */
void loop_source_init(struct loop_source *source, loop_fn *fn);

/* Watch a descriptor. Returns 0, or a negative errno value (no memory, no watches left). */
int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events);

/* Change what is asked for; no system call when nothing changes. */
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);

/* Forget a source; harmless when it is not in the loop. Its callback will not run any more. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* True while the source is in a loop. */
static inline bool loop_has(const struct loop_source *source)
{
	return source->fd >= 0;
}

void loop_timer_init(struct loop_timer *timer, loop_timer_fn *fn);

/* (Re)arm: the callback runs once, after at least delay_ms. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);

/* Disarm; harmless when not armed. */
void loop_timer_stop(struct loop_timer *timer);

/* Run until loop_stop(). */
void loop_run(struct loop *loop);

void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t loop_now_ms(void);
