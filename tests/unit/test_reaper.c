/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/reaper.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

enum { MANY = 50 };

struct watched {
	struct child child;
	struct child_exit ended;
	int calls;
};

static struct loop loop;
static struct reaper reaper;
static int terminated;

static void on_terminate(void *owner)
{
	(void)owner;
	terminated++;
}

static void open_reaper(void)
{
	struct err err;

	CHECK(loop_init(&loop, &err) == 0);
	CHECK(reaper_init(&reaper, &loop, &err) == 0);
	reaper.terminate = on_terminate;
}

static void close_reaper(void)
{
	loop_remove(&loop, &reaper.source);
	(void)close(reaper.signal_fd);
	loop_done(&loop);
}

static void on_exit_of(struct child *child, const struct child_exit *ended)
{
	struct watched *watched = owner_of(child, struct watched, child);

	watched->calls++;
	watched->ended = *ended;
}

/* A child that ends with this code, or kills itself with -code. */
static pid_t child_that_ends(int code)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (code < 0)
		(void)raise(-code);
	_exit(code);
}

static bool is_reaped(void *pid)
{
	return kill(*(pid_t *)pid, 0) < 0;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Since then and not later than now; by one clock: time() lags behind it by a tick. */
static bool is_between(const struct timespec *begun, const struct timespec *at)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return !is_later(begun, at) && !is_later(at, &now);
}

TEST(tells_exit_codes_and_signals)
{
	struct timespec begun;
	struct watched a = { 0 };
	struct watched b = { 0 };
	struct child_exit ended;

	open_reaper();
	(void)clock_gettime(CLOCK_REALTIME, &begun);
	child_init(&a.child, on_exit_of);
	child_init(&b.child, on_exit_of);
	CHECK(reaper_watch(&reaper, &a.child, child_that_ends(7), &ended) == 0);
	CHECK(reaper_watch(&reaper, &b.child, child_that_ends(-SIGKILL), &ended) == 0);
	CHECK(turn_until(&loop, turn_is_counted, &a.calls));
	CHECK(turn_until(&loop, turn_is_counted, &b.calls));
	CHECK(a.calls == 1 && a.ended.status == 7);
	CHECK(b.calls == 1 && b.ended.status == 128 + SIGKILL);
	CHECK(a.child.pid == 0 && list_empty(&a.child.link));
	CHECK(is_between(&begun, &a.ended.at));
	close_reaper();
}

static bool all_ended(void *owner)
{
	struct watched *all = owner;

	for (int i = 0; i < MANY; i++)
		if (all[i].calls == 0)
			return false;
	return true;
}

/* Signals of one kind do not queue: fifty exits may be one SIGCHLD. */
TEST(misses_none_of_many_exits_at_once)
{
	static struct watched all[MANY];
	struct child_exit ended;

	open_reaper();
	for (int i = 0; i < MANY; i++) {
		child_init(&all[i].child, on_exit_of);
		(void)reaper_watch(&reaper, &all[i].child, child_that_ends(i), &ended);
	}
	CHECK(turn_until(&loop, all_ended, all));
	for (int i = 0; i < MANY; i++)
		CHECK(all[i].calls == 1 && all[i].ended.status == (uint32_t)i);
	close_reaper();
}

TEST(keeps_exits_that_nobody_watches_while_it_is_held)
{
	struct watched late = { 0 };
	struct child_exit ended = { 0 };
	struct reaper_hold first = { 0 };
	struct reaper_hold second = { 0 };
	pid_t pid;

	open_reaper();
	child_init(&late.child, on_exit_of);
	reaper_hold(&reaper, &first);
	reaper_hold(&reaper, &second);
	pid = child_that_ends(9);
	CHECK(turn_until(&loop, is_reaped, &pid));
	reaper_release(&reaper, &first);
	CHECK(reaper_watch(&reaper, &late.child, pid, &ended) == 1);
	CHECK(ended.pid == pid && ended.status == 9);
	CHECK(late.child.pid == 0); /* claimed: nothing is watched */
	CHECK(list_empty(&reaper.unclaimed));
	reaper_release(&reaper, &second);
	close_reaper();
}

/* Starts that overlap for hours must not pile up what none of them can want. */
TEST(forgets_exits_that_are_older_than_every_holder)
{
	struct reaper_hold holds[3] = { 0 };
	pid_t pid;

	open_reaper();
	reaper_hold(&reaper, &holds[0]);
	for (int i = 0; i < 20; i++) {
		reaper_hold(&reaper, &holds[(i + 1) % 2]);
		pid = child_that_ends(9);
		CHECK(turn_until(&loop, is_reaped, &pid));
		reaper_release(&reaper, &holds[i % 2]);
		CHECK(!list_empty(&reaper.unclaimed));
		CHECK(reaper.unclaimed.next == reaper.unclaimed.prev); /* one */
	}
	reaper_release(&reaper, &holds[0]);
	CHECK(list_empty(&reaper.unclaimed));
	reaper_release(&reaper, &holds[2]); /* never held */
	close_reaper();
}

TEST(forgets_unclaimed_exits_with_the_last_holder)
{
	struct watched late = { 0 };
	struct child_exit ended = { 0 };
	struct reaper_hold hold = { 0 };
	pid_t pid;

	open_reaper();
	child_init(&late.child, on_exit_of);
	reaper_hold(&reaper, &hold);
	pid = child_that_ends(9);
	CHECK(turn_until(&loop, is_reaped, &pid));
	CHECK(!list_empty(&reaper.unclaimed));
	reaper_release(&reaper, &hold);
	CHECK(list_empty(&reaper.unclaimed));
	CHECK(reaper_watch(&reaper, &late.child, pid, &ended) == 0);
	reaper_forget(&late.child);
	close_reaper();
}

/* A child with a number of our choice that lives until it is killed. */
static pid_t child_with_pid(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)&pid,
		.set_tid_size = 1,
	};
	pid_t made = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	while (made == 0)
		(void)pause();
	return made;
}

/* In a PID namespace of its own, where numbers can be chosen. */
static void see_a_pid_again(void)
{
	struct watched again = { 0 };
	struct child_exit ended = { 0 };
	struct reaper_hold hold = { 0 };
	pid_t pid;

	open_reaper();
	child_init(&again.child, on_exit_of);
	reaper_hold(&reaper, &hold);
	pid = child_that_ends(9);
	CHECK(turn_until(&loop, is_reaped, &pid));
	CHECK(reaper_has(&reaper, pid, &ended) && ended.status == 9);
	/* the later exit of a number stands for it alone */
	CHECK(child_with_pid(pid) == pid);
	(void)kill(pid, SIGKILL);
	CHECK(turn_until(&loop, is_reaped, &pid));
	CHECK(reaper_has(&reaper, pid, &ended) && ended.status == 128 + SIGKILL);
	CHECK(reaper.unclaimed.next == reaper.unclaimed.prev);
	CHECK(child_with_pid(pid) == pid);
	CHECK(!reaper_has(&reaper, pid, &ended));
	CHECK(reaper_watch(&reaper, &again.child, pid, &ended) == 0);
	(void)kill(pid, SIGKILL);
	CHECK(turn_until(&loop, turn_is_counted, &again.calls));
	CHECK(again.calls == 1 && again.ended.status == 128 + SIGKILL);
	reaper_release(&reaper, &hold);
	close_reaper();
}

/* A start may be under way for so long that numbers come round. */
TEST(does_not_take_an_exit_for_that_of_a_later_process_of_the_same_number)
{
	pid_t outer = fork();
	int status = -1;

	if (outer == 0) {
		pid_t inner;

		if (unshare(CLONE_NEWPID) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
			_exit(2);
		inner = fork();
		if (inner == 0) {
			see_a_pid_again();
			(void)fflush(stdout);
			_exit(test_failures != 0);
		}
		(void)waitpid(inner, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
	}
	CHECK(waitpid(outer, &status, 0) == outer);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(reaps_but_does_not_tell_after_it_was_told_to_forget)
{
	struct watched a = { 0 };
	struct child_exit ended;
	pid_t pid;

	open_reaper();
	child_init(&a.child, on_exit_of);
	pid = child_that_ends(1);
	(void)reaper_watch(&reaper, &a.child, pid, &ended);
	reaper_forget(&a.child);
	CHECK(turn_until(&loop, is_reaped, &pid));
	CHECK(a.calls == 0);
	close_reaper();
}

/* runc leaves the container's process behind: the daemon inherits it. */
TEST(reaps_grandchildren_that_it_inherits)
{
	struct watched orphan = { 0 };
	struct child_exit ended;
	struct reaper_hold hold = { 0 };
	int ends[2];
	pid_t pid = 0;
	pid_t parent;

	open_reaper();
	child_init(&orphan.child, on_exit_of);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CHECK(pipe(ends) == 0);
	reaper_hold(&reaper, &hold);
	parent = fork();
	if (parent == 0) {
		pid = fork();
		if (pid == 0)
			_exit(42);
		_exit(write(ends[1], &pid, sizeof(pid)) < 0);
	}
	CHECK(turn_until(&loop, is_reaped, &parent));
	CHECK(read(ends[0], &pid, sizeof(pid)) == (ssize_t)sizeof(pid));
	if (reaper_watch(&reaper, &orphan.child, pid, &ended) == 0) {
		CHECK(turn_until(&loop, turn_is_counted, &orphan.calls));
		ended = orphan.ended;
	}
	CHECK(ended.pid == pid && ended.status == 42);
	reaper_release(&reaper, &hold);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	close_reaper();
}

TEST(tells_when_it_is_asked_to_end)
{
	open_reaper();
	terminated = 0;
	CHECK(kill(getpid(), SIGTERM) == 0);
	CHECK(turn_until(&loop, turn_is_counted, &terminated));
	CHECK(terminated == 1);
	close_reaper();
}
