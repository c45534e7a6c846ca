/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

enum { PIPES = 40 };

struct watched {
	struct loop_source source;
	struct loop *loop;
	int ends[2];
	int calls;
	uint32_t events;
	struct watched *victim; /* removed by the callback */
};

static void on_event(struct loop_source *source, uint32_t events)
{
	struct watched *watched = owner_of(source, struct watched, source);
	char byte;

	watched->calls++;
	watched->events = events;
	if (events & EPOLLIN)
		(void)!read(watched->ends[0], &byte, 1);
	if (watched->victim)
		loop_remove(watched->loop, &watched->victim->source);
	if (events & (EPOLLHUP | EPOLLERR))
		loop_remove(watched->loop, source);
}

static void watch(struct watched *watched, struct loop *loop)
{
	*watched = (struct watched){ .loop = loop };
	CHECK(pipe2(watched->ends, O_CLOEXEC | O_NONBLOCK) == 0);
	loop_source_init(&watched->source, on_event);
	CHECK(!loop_has(&watched->source));
	CHECK(loop_add(loop, &watched->source, watched->ends[0], EPOLLIN) == 0);
	CHECK(loop_has(&watched->source));
}

static void unwatch(struct watched *watched)
{
	loop_remove(watched->loop, &watched->source);
	loop_remove(watched->loop, &watched->source); /* harmless */
	CHECK(!loop_has(&watched->source));
	(void)close(watched->ends[0]);
	(void)close(watched->ends[1]);
}

static void open_loop(struct loop *loop)
{
	struct err err;

	CHECK(loop_init(loop, &err) == 0);
}

TEST(calls_the_owner_of_a_ready_descriptor)
{
	struct loop loop;
	struct watched a;
	struct watched b;

	open_loop(&loop);
	watch(&a, &loop);
	watch(&b, &loop);
	CHECK(write(b.ends[1], "x", 1) == 1);
	CHECK(turn_until(&loop, turn_is_counted, &b.calls));
	CHECK(a.calls == 0 && b.calls == 1 && (b.events & EPOLLIN));
	unwatch(&a);
	unwatch(&b);
	loop_done(&loop);
}

TEST(tells_of_a_hangup_even_when_nothing_is_asked_for)
{
	struct loop loop;
	struct watched a;

	open_loop(&loop);
	watch(&a, &loop);
	loop_change(&loop, &a.source, 0);
	CHECK(write(a.ends[1], "x", 1) == 1);
	turn_for(&loop, 10);
	CHECK(a.calls == 0);
	(void)close(a.ends[1]);
	a.ends[1] = -1;
	CHECK(turn_until(&loop, turn_is_counted, &a.calls));
	CHECK(a.events & EPOLLHUP);
	unwatch(&a);
	loop_done(&loop);
}

/* Both are ready in one batch; whichever is called first removes the other. */
TEST(does_not_call_a_source_that_another_callback_removed)
{
	struct loop loop;
	struct watched a;
	struct watched b;
	int calls;

	open_loop(&loop);
	watch(&a, &loop);
	watch(&b, &loop);
	a.victim = &b;
	b.victim = &a;
	CHECK(write(a.ends[1], "x", 1) == 1 && write(b.ends[1], "x", 1) == 1);
	turn_for(&loop, 20);
	calls = a.calls + b.calls;
	CHECK(calls == 1);
	unwatch(&a);
	unwatch(&b);
	loop_done(&loop);
}

TEST(serves_more_sources_than_fit_in_one_batch)
{
	struct loop loop;
	static struct watched all[PIPES];
	int served = 0;

	open_loop(&loop);
	for (int i = 0; i < PIPES; i++) {
		watch(&all[i], &loop);
		CHECK(write(all[i].ends[1], "x", 1) == 1);
	}
	turn_for(&loop, 50);
	for (int i = 0; i < PIPES; i++) {
		served += all[i].calls == 1;
		unwatch(&all[i]);
	}
	CHECK(served == PIPES);
	loop_done(&loop);
}

static char order[8];
static size_t order_len;

struct letter {
	struct loop_timer timer;
	char name;
	struct loop *loop;
	struct letter *stops;
};

static void on_letter(struct loop_timer *timer)
{
	struct letter *letter = owner_of(timer, struct letter, timer);

	order[order_len++] = letter->name;
	order[order_len] = '\0';
	if (letter->stops)
		loop_timer_stop(&letter->stops->timer);
}

static void arm(struct letter *letter, struct loop *loop, char name, int64_t ms)
{
	letter->name = name;
	letter->loop = loop;
	loop_timer_init(&letter->timer, on_letter);
	loop_timer_start(loop, &letter->timer, ms);
}

TEST(runs_timers_in_the_order_of_their_deadlines)
{
	struct loop loop;
	struct letter a = { 0 };
	struct letter b = { 0 };
	struct letter c = { 0 };

	open_loop(&loop);
	order_len = 0;
	arm(&a, &loop, 'a', 30);
	arm(&b, &loop, 'b', 10);
	arm(&c, &loop, 'c', 20);
	loop_timer_start(&loop, &b.timer, 40); /* armed again: only the later deadline counts */
	turn_for(&loop, 80);
	CHECK_TEXT(order, "cab");
	loop_done(&loop);
}

TEST(never_runs_a_timer_early_or_after_it_was_stopped)
{
	struct loop loop;
	struct letter a = { 0 };
	struct letter b = { 0 };
	int64_t start_ms = loop_now_ms();

	open_loop(&loop);
	order_len = 0;
	arm(&a, &loop, 'a', 20);
	arm(&b, &loop, 'b', 25);
	a.stops = &b;
	while (order_len == 0)
		turn_for(&loop, 1);
	CHECK(loop_now_ms() - start_ms >= 20);
	turn_for(&loop, 20);
	CHECK_TEXT(order, "a");
	loop_timer_stop(&a.timer); /* harmless when not armed */
	loop_done(&loop);
}

TEST(says_when_a_descriptor_cannot_be_watched)
{
	struct loop loop;
	struct loop_source source;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	open_loop(&loop);
	loop_source_init(&source, on_event);
	CHECK(loop_add(&loop, &source, fd, EPOLLIN) < 0); /* not a file that can wait */
	CHECK(!loop_has(&source));
	(void)close(fd);
	CHECK(loop_add(&loop, &source, fd, EPOLLIN) < 0);
	loop_done(&loop);
}
