/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/oom.h"

#include <errno.h>
#include <sys/resource.h>

#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"
#include "tests/unit/turn.h"

static struct loop loop;
static struct oom oom;
static struct oom_watch watch;
static struct tree tree;
static int told;

static void on_kill(struct oom_watch *which)
{
	CHECK(which == &watch);
	told++;
}

static void begin(void)
{
	struct err err;

	told = 0;
	CHECK(loop_init(&loop, &err) == 0);
	oom_init(&oom, &loop);
	oom_watch_init(&watch, on_kill);
	tree_init(&tree);
	tree_file(&tree, "cgroup.events", "populated 1\n");
}

static void end(void)
{
	oom_watch_stop(&watch);
	oom_watch_stop(&watch); /* harmless */
	loop_remove(&loop, &oom.source);
	if (oom.inotify_fd >= 0)
		(void)close(oom.inotify_fd);
	loop_done(&loop);
	tree_done(&tree);
}

/* As where others have all of fs.inotify.max_user_instances: EMFILE. */
static int start_without_inotify(void)
{
	struct rlimit before;
	struct rlimit none;
	int code;

	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	code = oom_watch_start(&oom, &watch, tree.dir);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	return code;
}

TEST(tells_each_kill_once_when_the_counter_grows)
{
	begin();
	tree_file(&tree, "memory.events", "oom 0\noom_kill 0\n");
	CHECK(oom_watch_start(&oom, &watch, tree.dir) == 0);
	CHECK(oom_watch_start(&oom, &watch, tree.dir) == 0);
	CHECK(told == 0);
	tree_file(&tree, "memory.events", "oom 4\noom_kill 2\n");
	CHECK(turn_until(&loop, turn_is_counted, &told));
	tree_file(&tree, "cgroup.events", "populated 0\n");
	turn_for(&loop, 20);
	CHECK(told == 1 && watch.kills == 2);
	end();
}

TEST(tells_at_the_end_where_there_is_no_inotify_left)
{
	begin();
	tree_file(&tree, "memory.events", "oom 0\noom_kill 0\n");
	CHECK(start_without_inotify() == -EMFILE);
	CHECK(told == 0);
	tree_file(&tree, "memory.events", "oom 1\noom_kill 1\n");
	oom_watch_check(&watch); /* of a process that was killed */
	CHECK(told == 1);
	tree_file(&tree, "memory.events", "oom 1\noom_kill 2\n");
	oom_watch_check_last(&watch, 1, NULL);
	CHECK(told == 2);
	oom_watch_check_last(&watch, 1, NULL);
	CHECK(told == 2);
	end();
}

/* Somebody else's end gives one back. */
TEST(watches_at_the_next_occasion)
{
	begin();
	tree_file(&tree, "memory.events", "oom 0\noom_kill 0\n");
	CHECK(start_without_inotify() == -EMFILE);
	CHECK(oom_watch_start(&oom, &watch, tree.dir) == 0);
	tree_file(&tree, "memory.events", "oom 1\noom_kill 1\n");
	CHECK(turn_until(&loop, turn_is_counted, &told));
	end();
}

TEST(has_nothing_to_look_at_without_the_controller)
{
	begin();
	CHECK(oom_watch_start(&oom, &watch, tree.dir) == -ENOENT);
	oom_watch_check(&watch);
	tree_file(&tree, "memory.events", "oom_kill 0\n"); /* enabled meanwhile */
	CHECK(oom_watch_start(&oom, &watch, tree.dir) == 0);
	end();
}
