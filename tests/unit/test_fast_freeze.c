/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup of the host's with a child in it that writes all the time, where the host lets us make
 * one; tests/shim_fast.bats does the same with containers. The refusals need none.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "cgroups/events.h"
#include "cgroups/kill.h"
#include "cgroups/root.h"
#include "tests/unit/fast_world.h"

static volatile uint32_t *beat; /* shared with init: goes up while it runs */
static char path[64];
static int root_fd = -1;
static int group_fd = -1;

static bool deaf; /* the cgroup takes its time: what it is asked is kept in `asked` */
static bool asked;

int __real_cg_freeze(int dir, bool frozen, struct err *err);
int __wrap_cg_freeze(int dir, bool frozen, struct err *err);

int __wrap_cg_freeze(int dir, bool frozen, struct err *err)
{
	asked = frozen;
	return deaf ? 0 : __real_cg_freeze(dir, frozen, err);
}

static int count_for_ever(void)
{
	while (poll(NULL, 0, 1) <= 0)
		(*beat)++;
	return 0;
}

static bool is_beating(void)
{
	uint32_t now = *beat;

	turn_for(&world.shim.loop, 60);
	return *beat != now;
}

static int enter_group(void)
{
	int fd = openat(group_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		return 1;
	(void)close(fd);
	return count_for_ever();
}

static int make_group(void)
{
	struct err err;

	(void)snprintf(path, sizeof(path), "/azl-unit-%d", getpid());
	if (cg_root_open(&root_fd, &err) < 0 || mkdirat(root_fd, path + 1, 0755) < 0)
		return -1;
	return cg_open_below(root_fd, path, &group_fd, &err);
}

/* False: this host has no cgroup for us. */
static bool open_group(void)
{
	struct cg_events events = { 0 };
	struct err err;

	deaf = false;
	asked = false;
	fast_world_open();
	if (make_group() < 0) {
		printf("# no cgroup v2 can be made here\n");
		fast_world_close();
		return false;
	}
	beat = mmap(NULL, sizeof(*beat), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (beat == MAP_FAILED)
		abort();
	(void)close(world.container->cgroup_fd);
	world.container->cgroup_fd = dup(group_fd);
	fast_world_init(enter_group);
	for (int i = 0; i < 20000 && !(events.populated && *beat); i++) {
		(void)poll(NULL, 0, 1);
		CHECK(cg_events_read(group_fd, &events, &err) == 0);
	}
	CHECK(events.populated);
	return true;
}

/* Kill init and let the cgroup go. */
static void end_group(void)
{
	struct err err;

	if (world.init) {
		(void)kill(world.init, SIGKILL);
		(void)fast_world_reap();
	}
	for (int i = 0; i < 4000 && cg_remove(root_fd, path, &err) < 0; i++)
		(void)poll(NULL, 0, 5);
}

static void close_group(void)
{
	end_group();
	(void)close(group_fd);
	(void)close(root_fd);
	(void)munmap((void *)(uintptr_t)beat, sizeof(*beat));
	fast_world_close();
}

TEST(freezes_and_thaws)
{
	if (!open_group())
		return;
	CHECK(is_beating());
	for (int i = 0; i < 5; i++) {
		CHECK(fast_world_begin(fast_pause) == 0 && fast_world_is_done());
		CHECK(!is_beating());
		CHECK(world.operation->fast.loop == NULL);
		CHECK(fast_world_begin(fast_resume) == 0 && fast_world_is_done());
		CHECK(is_beating());
	}
	close_group();
}

TEST(freezes_what_is_frozen_already)
{
	struct err err;

	if (!open_group())
		return;
	CHECK(cg_freeze(group_fd, true, &err) == 0);
	turn_for(&world.shim.loop, 20);
	CHECK(fast_world_begin(fast_pause) == 0 && fast_world_is_done());
	CHECK(!is_beating());
	close_group();
}

/* runc has the words for it. */
TEST(leaves_a_resume_of_what_runs_to_the_runtime)
{
	if (!open_group())
		return;
	CHECK(fast_world_begin(fast_resume) == -EAGAIN && world.ended == 0);
	CHECK_TEXT(world.why.msg, "its cgroup is not frozen");
	close_group();
}

TEST(leaves_a_pause_of_what_has_ended_to_the_runtime)
{
	if (!open_group())
		return;
	CHECK(kill(world.init, SIGKILL) == 0);
	fast_world_zombie();
	CHECK(fast_world_begin(fast_pause) == -EAGAIN && world.ended == 0);
	CHECK_TEXT(world.why.msg, "init has ended");
	(void)fast_world_reap();
	CHECK(fast_world_begin(fast_pause) == -EAGAIN && world.ended == 0);
	close_group();
}

TEST(thaws_a_cgroup_whose_processes_have_ended)
{
	if (!open_group())
		return;
	CHECK(fast_world_begin(fast_pause) == 0 && fast_world_is_done());
	CHECK(kill(world.init, SIGKILL) == 0); /* reaches a frozen process */
	(void)fast_world_reap();
	CHECK(fast_world_begin(fast_resume) == 0 && fast_world_is_done());
	close_group();
}

TEST(gives_up_in_time_and_takes_back_what_it_asked)
{
	int64_t begun_ms;

	if (!open_group())
		return;
	deaf = true;
	world.operation->timeout_ms = 100;
	begun_ms = loop_now_ms();
	CHECK(fast_world_begin(fast_pause) == 0 && world.ended == 0 && asked);
	CHECK(fast_world_has_ended() && world.ended == 1);
	CHECK(world.failed.code == -ETIMEDOUT && loop_now_ms() - begun_ms >= 100);
	CHECK(strncmp(world.failed.msg, "OCI runtime pause failed: ", 26) == 0);
	CHECK(!asked && world.operation->fast.loop == NULL);
	close_group();
}

TEST(waits_for_what_takes_its_time)
{
	struct err err;

	if (!open_group())
		return;
	deaf = true;
	CHECK(fast_world_begin(fast_pause) == 0);
	turn_for(&world.shim.loop, 30);
	CHECK(world.ended == 0);
	CHECK(__real_cg_freeze(group_fd, true, &err) == 0);
	CHECK(fast_world_is_done());
	CHECK(fast_world_begin(fast_resume) == 0);
	turn_for(&world.shim.loop, 30);
	CHECK(world.ended == 0);
	CHECK(__real_cg_freeze(group_fd, false, &err) == 0);
	CHECK(fast_world_is_done());
	close_group();
}

/* A frozen container whose processes are killed, and whose cgroup is removed, while it thaws. */
TEST(takes_a_cgroup_that_goes_for_thawed)
{
	struct err err;

	if (!open_group())
		return;
	CHECK(cg_freeze(group_fd, true, &err) == 0);
	deaf = true;
	turn_for(&world.shim.loop, 30);
	CHECK(fast_world_begin(fast_resume) == 0);
	turn_for(&world.shim.loop, 10);
	CHECK(world.ended == 0);
	end_group();
	CHECK(fast_world_is_done());
	close_group();
}

TEST(fails_when_the_cgroup_goes_while_it_freezes)
{
	if (!open_group())
		return;
	deaf = true;
	CHECK(fast_world_begin(fast_pause) == 0);
	end_group();
	CHECK(fast_world_has_ended() && world.ended == 1);
	CHECK_TEXT(world.failed.msg, "OCI runtime pause failed: container not running");
	close_group();
}

/* ---- without a cgroup ---- */

TEST(leaves_a_cgroup_that_is_not_known_or_gone_to_the_runtime)
{
	fast_world_open();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(unlinkat(world.cgroup.fd, "cgroup.events", 0) == 0);
	CHECK(fast_world_begin(fast_resume) == -ENOENT && world.ended == 0);
	CHECK(fast_world_begin(fast_pause) == -ENOENT && world.ended == 0);
	world.container->cgroup_fd = fd_close(world.container->cgroup_fd);
	CHECK(fast_world_begin(fast_resume) == -ENOENT && world.ended == 0);
	CHECK(fast_world_begin(fast_pause) == -ENOENT && world.ended == 0);
	CHECK_TEXT(world.why.msg, "its cgroup is not known");
	fast_world_close();
}

/* A plain file cannot be waited for: nothing was written then, nothing stays open. */
TEST(leaves_what_it_cannot_watch_to_the_runtime)
{
	fast_world_open();
	fast_world_init(fast_world_wait_for_ever);
	folder_put_text(&world.cgroup, "cgroup.freeze", "0");
	CHECK(fast_world_begin(fast_pause) < 0 && world.ended == 0);
	CHECK(world.operation->fast.loop == NULL && world.operation->fast.event_fd < 0);
	CHECK(folder_count(&world.cgroup) == 2);
	fast_world_close();
}
