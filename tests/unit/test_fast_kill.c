/* SPDX-License-Identifier: Apache-2.0 */
/* Children that are killed, and a folder that stands for their cgroup. */
#include "shim/status.h"
#include "tests/unit/fast_world.h"

static void open_world(void)
{
	fast_world_open();
	folder_put_text(&world.cgroup, "cgroup.kill", "");
}

static int begin(uint32_t signal, bool all)
{
	world.operation->signal = signal;
	world.operation->all = all;
	return fast_world_begin(fast_kill);
}

/* It is over before it returns. */
static bool is_done(uint32_t signal, bool all)
{
	return begin(signal, all) == 0 && world.ended == 1 && world.failed.code == 0;
}

/* The runtime is asked: it has the words, also for a container that somebody deleted. */
static bool has_ended(uint32_t signal)
{
	return begin(signal, false) == -EAGAIN && world.ended == 0;
}

/* Was the cgroup killed since the last look? */
static bool cgroup_was_killed(void)
{
	char text[8];
	bool killed = fd_read_text(world.cgroup.fd, "cgroup.kill", text, sizeof(text)) == 1 &&
		      text[0] == '1';

	folder_put_text(&world.cgroup, "cgroup.kill", "");
	return killed;
}

TEST(signals_init)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(is_done(0, false)); /* as kill(2): is it there? */
	CHECK(is_done(SIGTERM, false));
	CHECK(!cgroup_was_killed());
	CHECK(WTERMSIG(fast_world_reap()) == SIGTERM);
	fast_world_close();
}

TEST(signals_a_stopped_init)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(is_done(SIGSTOP, false));
	CHECK(is_done(SIGKILL, false));
	CHECK(!cgroup_was_killed());
	CHECK(WTERMSIG(fast_world_reap()) == SIGKILL);
	fast_world_close();
}

TEST(knows_every_signal_and_no_more)
{
	uint32_t last = (uint32_t)SIGRTMAX;

	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(is_done(SIGWINCH, false)); /* ignored by default */
	for (uint32_t signal = last + 1; signal < last + 3; signal++) {
		CHECK(begin(signal, false) == -EINVAL && world.ended == 0);
		CHECK(begin(signal, true) == -EINVAL && world.ended == 0);
	}
	CHECK(begin(UINT32_MAX, false) == -EINVAL && world.ended == 0);
	CHECK(begin((uint32_t)1 << 31, false) == -EINVAL && world.ended == 0);
	CHECK(waitpid(world.init, NULL, WNOHANG) == 0);
	CHECK(is_done(last, false));
	CHECK(WTERMSIG(fast_world_reap()) == SIGRTMAX);
	fast_world_close();
}

TEST(leaves_an_init_that_has_ended_to_the_runtime)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(is_done(SIGKILL, false));
	fast_world_zombie();
	CHECK(has_ended(SIGTERM)); /* a zombie: kill(2) would say that it went well */
	CHECK(has_ended(SIGKILL));
	CHECK(has_ended(0));
	(void)fast_world_reap();
	CHECK(has_ended(SIGTERM)); /* reaped: the pid may be somebody else's */
	fast_world_close();
}

TEST(kills_all_through_the_cgroup)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(is_done(SIGKILL, true));
	CHECK(cgroup_was_killed());
	/* init as well, wherever it went */
	CHECK(WTERMSIG(fast_world_reap()) == SIGKILL);
	/* what it left behind */
	CHECK(is_done(SIGKILL, true));
	CHECK(cgroup_was_killed());
	fast_world_close();
}

TEST(takes_a_cgroup_that_is_gone_for_killed)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(unlinkat(world.cgroup.fd, "cgroup.kill", 0) == 0);
	CHECK(is_done(SIGKILL, true));
	CHECK(WTERMSIG(fast_world_reap()) == SIGKILL);
	CHECK(is_done(SIGKILL, true));
	fast_world_close();
}

/* runc 1.1 does so with --all alone, 1.2 and later by themselves. */
TEST(kills_all_of_a_container_that_shares_its_pid_namespace)
{
	open_world();
	world.container->spec.pid_namespace_private = false;
	fast_world_init(fast_world_wait_for_ever);
	CHECK(is_done(SIGWINCH, false) && !cgroup_was_killed());
	world.container->fast.version = (struct runtime_version){ 1, 1, 15 };
	CHECK(is_done(SIGKILL, false) && !cgroup_was_killed());
	(void)fast_world_reap();
	fast_world_init(fast_world_wait_for_ever);
	world.container->fast.version = (struct runtime_version){ 1, 2, 0 };
	CHECK(is_done(SIGKILL, false) && cgroup_was_killed());
	fast_world_zombie();
	CHECK(has_ended(SIGKILL) && !cgroup_was_killed());
	fast_world_close();
}

TEST(leaves_other_signals_to_all_to_the_runtime)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(begin(SIGTERM, true) == -EOPNOTSUPP && world.ended == 0);
	CHECK_TEXT(world.why.msg, "signal 15 to all processes differs by version");
	CHECK(waitpid(world.init, NULL, WNOHANG) == 0);
	fast_world_close();
}

TEST(leaves_a_container_that_it_does_not_know_to_the_runtime)
{
	open_world();
	CHECK(begin(SIGKILL, false) == -ESRCH && world.ended == 0);
	fast_world_init(fast_world_wait_for_ever);
	world.container->cgroup_fd = fd_close(world.container->cgroup_fd);
	CHECK(begin(SIGKILL, true) == -ENOENT && world.ended == 0);
	CHECK(waitpid(world.init, NULL, WNOHANG) == 0);
	CHECK(is_done(SIGKILL, false)); /* which needs no cgroup */
	fast_world_close();
}

/* Nothing is signalled when the cgroup cannot be: the runtime begins from the start. */
TEST(leaves_a_cgroup_that_cannot_be_killed_to_the_runtime)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(unlinkat(world.cgroup.fd, "cgroup.kill", 0) == 0);
	CHECK(mkdirat(world.cgroup.fd, "cgroup.kill", 0755) == 0);
	CHECK(begin(SIGKILL, true) < 0 && world.ended == 0);
	CHECK(waitpid(world.init, NULL, WNOHANG) == 0);
	CHECK(unlinkat(world.cgroup.fd, "cgroup.kill", AT_REMOVEDIR) == 0);
	fast_world_close();
}
