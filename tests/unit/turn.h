/* SPDX-License-Identifier: Apache-2.0 */
/* Turn a loop until something is true, never longer than a limit: tests wait for conditions. */
#pragma once

#include <stdbool.h>

#include "shim/loop.h"

enum { TURN_LIMIT_MS = 60000 };

typedef bool turn_fn(void *owner);

struct turn {
	struct loop *loop;
	struct loop_timer timer;
	int64_t until_ms;
	turn_fn *done;
	void *owner;
	bool reached;
};

static void turn_look(struct loop_timer *timer)
{
	struct turn *turn = owner_of(timer, struct turn, timer);

	turn->reached = turn->done(turn->owner);
	if (turn->reached || loop_now_ms() >= turn->until_ms)
		loop_stop(turn->loop);
	else
		loop_timer_start(turn->loop, &turn->timer, 1);
}

/* Returns false when the limit came first. */
static inline bool turn_until(struct loop *loop, turn_fn *done, void *owner)
{
	struct turn turn = {
		.loop = loop,
		.until_ms = loop_now_ms() + TURN_LIMIT_MS,
		.done = done,
		.owner = owner,
	};

	loop_timer_init(&turn.timer, turn_look);
	loop_timer_start(loop, &turn.timer, 0);
	loop_run(loop);
	loop->stopped = false;
	return turn.reached;
}

static bool turn_time_is_up(void *owner)
{
	return loop_now_ms() >= *(int64_t *)owner;
}

/* Turn for so long, at least one: for what must not happen. */
static inline void turn_for(struct loop *loop, int64_t ms)
{
	int64_t until_ms = loop_now_ms() + ms;

	(void)turn_until(loop, turn_time_is_up, &until_ms);
}

/* For counters: true once one is not zero. */
static inline bool turn_is_counted(void *owner)
{
	return *(int *)owner != 0;
}
