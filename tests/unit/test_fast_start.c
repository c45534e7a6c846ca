/* SPDX-License-Identifier: Apache-2.0 */
/* Real FIFOs, and children that do with them what runc's init does, and what it may do instead. */
#include "tests/unit/fast_world.h"

static char fifo[160];

/* runc's state folder with the FIFO in it. */
static void make_fifo(void)
{
	char folder[128];

	(void)snprintf(folder, sizeof(folder), "%s/c1", world.root.path);
	(void)snprintf(fifo, sizeof(fifo), "%s/exec.fifo", folder);
	if (mkdir(folder, 0711) < 0 || mkfifo(fifo, 0622) < 0)
		abort();
}

static void open_world(void)
{
	fast_world_open();
	make_fifo();
}

static void close_world(void)
{
	char folder[128];

	(void)unlink(fifo);
	(void)snprintf(folder, sizeof(folder), "%s/c1", world.root.path);
	(void)rmdir(folder);
	fast_world_close();
}

/* ---- what init does ---- */

static int write_and_stay(void)
{
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		return 1;
	(void)close(fd);
	return fast_world_wait_for_ever();
}

static int write_and_end(void)
{
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "0", 1) == 1 ? 0 : 1;
}

static int open_and_end(void)
{
	return open(fifo, O_WRONLY | O_CLOEXEC) < 0;
}

static int open_and_close(void)
{
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	(void)close(fd);
	return fast_world_wait_for_ever();
}

static int write_late(void)
{
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);

	(void)poll(NULL, 0, 300);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return 1;
	return fast_world_wait_for_ever();
}

static int end_at_once(void)
{
	return 2;
}

static bool is_running(void)
{
	return waitpid(world.init, NULL, WNOHANG) == 0;
}

TEST(lets_init_go_and_takes_the_fifo_away)
{
	open_world();
	fast_world_init(write_and_stay);
	CHECK(fast_world_begin(fast_start) == 0);
	CHECK(fast_world_is_done());
	CHECK(access(fifo, F_OK) < 0);
	CHECK(is_running());
	CHECK(world.operation->fast.loop == NULL && world.operation->fast.event_fd < 0 &&
	      world.operation->fast.pidfd < 0);
	close_world();
}

TEST(waits_for_an_init_that_is_late)
{
	open_world();
	fast_world_init(write_late);
	CHECK(fast_world_begin(fast_start) == 0 && world.ended == 0);
	CHECK(fast_world_is_done());
	CHECK(is_running());
	close_world();
}

/* The byte counts, whether its writer lives or not. */
TEST(takes_a_program_that_is_over_already_for_started)
{
	for (int i = 0; i < 20; i++) {
		open_world();
		fast_world_init(write_and_end);
		CHECK(fast_world_begin(fast_start) == 0);
		fast_world_zombie();
		CHECK(fast_world_is_done());
		CHECK(access(fifo, F_OK) < 0);
		CHECK(WEXITSTATUS(fast_world_reap()) == 0);
		close_world();
	}
}

/* What runc says, and the FIFO stays as it leaves it. */
static void check_dead(void)
{
	CHECK(fast_world_has_ended() && world.ended == 1);
	CHECK(world.failed.code == -EIO);
	CHECK_TEXT(world.failed.msg, "OCI runtime start failed: container process is already dead");
	CHECK(access(fifo, F_OK) == 0);
	CHECK(world.operation->fast.loop == NULL);
}

TEST(says_that_init_is_dead_when_it_ended_before)
{
	open_world();
	fast_world_init(end_at_once);
	fast_world_zombie();
	CHECK(fast_world_begin(fast_start) == 0);
	check_dead();
	close_world();
}

TEST(says_that_init_is_dead_when_it_is_killed_meanwhile)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(fast_world_begin(fast_start) == 0);
	turn_for(&world.shim.loop, 20);
	CHECK(world.ended == 0);
	CHECK(kill(world.init, SIGKILL) == 0);
	check_dead();
	close_world();
}

TEST(says_that_init_is_dead_when_it_opened_and_wrote_nothing)
{
	open_world();
	fast_world_init(open_and_end);
	CHECK(fast_world_begin(fast_start) == 0);
	check_dead();
	close_world();
}

/* An end of file of the FIFO is not a FIFO that nobody has opened yet, whatever errno was before.
 */
TEST(does_not_wait_for_an_init_that_gave_its_end_up)
{
	open_world();
	fast_world_init(open_and_close);
	CHECK(fast_world_begin(fast_start) == 0);
	errno = EAGAIN;
	check_dead();
	close_world();
}

/* As when `runc start` is killed. */
TEST(gives_up_when_its_caller_does)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	world.operation->timeout_ms = 50;
	CHECK(fast_world_begin(fast_start) == 0);
	CHECK(fast_world_has_ended() && world.ended == 1 && world.failed.code == -ETIMEDOUT);
	CHECK(strncmp(world.failed.msg, "OCI runtime start failed: ", 26) == 0);
	CHECK(world.operation->fast.loop == NULL && access(fifo, F_OK) == 0);
	close_world();
}

/* ---- may I ---- */

TEST(leaves_a_frozen_container_to_the_runtime)
{
	open_world();
	fast_world_init(write_and_stay);
	folder_put_text(&world.cgroup, "cgroup.events", "populated 1\nfrozen 1\n");
	CHECK(fast_world_begin(fast_start) == -EAGAIN && world.ended == 0);
	CHECK_TEXT(world.why.msg, "its cgroup is frozen");
	/* nobody has let init go */
	turn_for(&world.shim.loop, 20);
	CHECK(is_running() && access(fifo, F_OK) == 0);
	close_world();
}

TEST(leaves_a_container_without_a_fifo_to_the_runtime)
{
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(unlink(fifo) == 0);
	CHECK(fast_world_begin(fast_start) == -ENOENT && world.ended == 0);
	folder_put_text(&world.root, "file", "0");
	{
		char file[160];

		(void)snprintf(file, sizeof(file), "%s/file", world.root.path);
		CHECK(symlink(file, fifo) == 0);
		CHECK(fast_world_begin(fast_start) == -ENOENT && world.ended == 0);
		CHECK(unlink(fifo) == 0 && link(file, fifo) == 0);
		CHECK(fast_world_begin(fast_start) == -ENOENT && world.ended == 0);
	}
	CHECK(world.operation->fast.loop == NULL);
	close_world();
}

TEST(leaves_a_container_whose_init_was_reaped_to_the_runtime)
{
	open_world();
	fast_world_init(end_at_once);
	(void)fast_world_reap();
	CHECK(fast_world_begin(fast_start) == -EAGAIN && world.ended == 0);
	close_world();
}

/* An operation that is given up closes what it has. */
TEST(keeps_no_descriptor_of_a_start_that_is_given_up)
{
	int before = dup(0);
	int after;

	(void)close(before);
	open_world();
	fast_world_init(fast_world_wait_for_ever);
	CHECK(fast_world_begin(fast_start) == 0);
	close_world();
	after = dup(0);
	(void)close(after);
	CHECK(after == before);
}
