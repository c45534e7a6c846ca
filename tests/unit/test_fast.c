/* SPDX-License-Identifier: Apache-2.0 */
/* What all fast paths have in common: who may, and what the log says of those who may not. */
#include <linux/magic.h>
#include <sys/statfs.h>

#include "config/base/log.h"
#include "tests/unit/fast_world.h"

static bool is_cgroup2; /* what this host is said to have */
static int begun;
static int begin_code;
static struct folder logs;
static int log_file = -1;

int __wrap_statfs(const char *path, struct statfs *at);

int __wrap_statfs(const char *path, struct statfs *at)
{
	CHECK_TEXT(path, "/sys/fs/cgroup");
	*at = (struct statfs){ .f_type = is_cgroup2 ? CGROUP2_SUPER_MAGIC : TMPFS_MAGIC };
	return 0;
}

static void open_world(bool debug)
{
	fast_world_open();
	is_cgroup2 = true;
	begun = 0;
	logs = folder_new();
	folder_put_text(&logs, "log", "");
	log_file = openat(logs.fd, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
	log_init(log_file, debug);
}

static void close_world(void)
{
	log_init(-1, false);
	(void)close(log_file);
	folder_done(&logs);
	fast_world_close();
}

/* How often the log says so. */
static int logged(const char *text)
{
	static char all[16384];
	ssize_t len = fd_read_text(logs.fd, "log", all, sizeof(all));
	int count = 0;

	CHECK(len >= 0);
	for (const char *at = strstr(all, text); at; at = strstr(at + 1, text))
		count++;
	return count;
}

/* Says no with begin_code, or does it. */
static int begin(struct operation *operation, struct err *why)
{
	begun++;
	if (begin_code < 0)
		return err_set(why, begin_code, "the test says no");
	operation_ended(operation, NULL);
	return 0;
}

static bool try(enum fast_act act, int code)
{
	begin_code = code;
	world.ended = 0;
	world.operation->done = fast_world_ended;
	return fast_try(world.operation, act, begin);
}

/* Why an act may not be tried; NULL: it may. */
static const char *why_not(enum fast_act act)
{
	world.why = (struct err){ 0 };
	return fast_may(world.container, act, &world.why) < 0 ? world.why.msg : NULL;
}

TEST(lets_a_known_runc_go)
{
	open_world(false);
	for (int act = 0; act < FAST_ACT_MAX; act++)
		CHECK(why_not((enum fast_act)act) == NULL);
	CHECK(try(FAST_START, 0) && begun == 1 && world.ended == 1);
	CHECK(logged("runtime") == 0);
	close_world();
}

TEST(switches_each_act_by_itself)
{
	open_world(false);
	world.container->fast.off = 1U << FAST_EXEC | 1U << FAST_DELETE;
	CHECK_TEXT(why_not(FAST_EXEC), "it is switched off");
	CHECK_TEXT(why_not(FAST_DELETE), "it is switched off");
	CHECK(!why_not(FAST_START) && !why_not(FAST_KILL) && !why_not(FAST_PAUSE) &&
	      !why_not(FAST_CREATE));
	CHECK(!try(FAST_EXEC, 0) && begun == 0 && world.ended == 0);
	CHECK(try(FAST_KILL, 0) && begun == 1);
	close_world();
}

TEST(leaves_what_it_does_not_know_to_the_runtime)
{
	open_world(false);
	world.container->spec_known = false;
	CHECK_TEXT(why_not(FAST_KILL), "config.json could not be read");
	world.container->spec_known = true;
	world.container->checkpoint = strdup("/image");
	CHECK_TEXT(why_not(FAST_KILL), "the container is restored from a checkpoint");
	free(world.container->checkpoint);
	world.container->checkpoint = NULL;
	is_cgroup2 = false;
	CHECK_TEXT(why_not(FAST_KILL), "/sys/fs/cgroup is not cgroup v2");
	is_cgroup2 = true;
	world.container->fast.known = false;
	free(world.container->runc.name);
	world.container->runc.name = strdup("/nowhere/runc");
	CHECK(why_not(FAST_KILL) != NULL && strstr(world.why.msg, "/nowhere/runc"));
	CHECK(!fast_must_ask(world.container));
	close_world();
}

TEST(tells_a_reason_once_for_each_act)
{
	open_world(false);
	for (int i = 0; i < 3; i++) {
		CHECK(!try(FAST_EXEC, -EOPNOTSUPP) && !try(FAST_DELETE, -ENOTEMPTY));
		CHECK(world.ended == 0);
	}
	CHECK(begun == 6);
	CHECK(logged("exec goes to the runtime: the test says no") == 1);
	CHECK(logged("delete goes to the runtime: the test says no") == 1);
	CHECK(logged("level=info") == 2 && logged("id=c1") == 2);
	CHECK(try(FAST_EXEC, 0)); /* it is tried again each time */
	close_world();
}

/* What may be otherwise next time is told to who looks closely. */
TEST(tells_what_passes_to_debuggers_alone)
{
	open_world(false);
	CHECK(!try(FAST_START, -EAGAIN) && logged("start goes") == 0);
	close_world();
	open_world(true);
	CHECK(!try(FAST_START, -EAGAIN) && !try(FAST_START, -EAGAIN));
	CHECK(logged("level=debug") == 2 && logged("start goes to the runtime") == 2);
	CHECK(!try(FAST_START, -EIO) && logged("level=info") == 1);
	close_world();
}

static int end_at_once(void)
{
	return 0;
}

TEST(knows_whether_init_has_ended)
{
	open_world(false);
	CHECK(fast_has_ended(world.container));
	fast_world_init(fast_world_wait_for_ever);
	CHECK(!fast_has_ended(world.container));
	CHECK(kill(world.init, SIGSTOP) == 0 && !fast_has_ended(world.container));
	CHECK(kill(world.init, SIGKILL) == 0);
	fast_world_zombie();
	CHECK(fast_has_ended(world.container));
	CHECK(fast_has_ended(world.container)); /* looking does not reap */
	(void)fast_world_reap();
	CHECK(fast_has_ended(world.container));
	fast_world_init(end_at_once);
	fast_world_zombie();
	CHECK(fast_has_ended(world.container));
	close_world();
}

TEST(waits_for_nothing_more_than_once)
{
	struct fast_wait wait;

	fast_wait_init(&wait);
	fast_wait_end(&wait);
	open_world(false);
	wait.loop = &world.shim.loop;
	wait.event_fd = dup(log_file);
	fast_wait_end(&wait);
	CHECK(wait.event_fd < 0 && wait.pidfd < 0 && !wait.loop);
	fast_wait_end(&wait);
	close_world();
}
