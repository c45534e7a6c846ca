/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <sys/inotify.h>

#include "cgroups/events.h"
#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

TEST(tells_populated_and_frozen)
{
	struct tree tree;
	struct cg_events events = { 0 };
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.events", "populated 1\nfrozen 0\n");
	CHECK(cg_events_read(tree.dir, &events, &err) == 0 && events.populated && !events.frozen);
	tree_file(&tree, "cgroup.events", "populated 0\nfrozen 1\nlater 3\n");
	CHECK(cg_events_read(tree.dir, &events, &err) == 0 && !events.populated && events.frozen);
	tree_done(&tree);
}

TEST(does_not_take_a_half_file_for_an_empty_cgroup)
{
	struct tree tree;
	struct cg_events events = { .populated = true };
	struct err err;

	tree_init(&tree);
	CHECK(cg_events_read(tree.dir, &events, &err) == -ENOENT);
	tree_file(&tree, "cgroup.events", "");
	CHECK(cg_events_read(tree.dir, &events, &err) == -EBADMSG);
	tree_file(&tree, "cgroup.events", "popul");
	CHECK(cg_events_read(tree.dir, &events, &err) == -EBADMSG);
	tree_file(&tree, "cgroup.events", "populated \nfrozen 0\n");
	CHECK(cg_events_read(tree.dir, &events, &err) == -EBADMSG);
	CHECK(events.populated);
	tree_done(&tree);
}

TEST(counts_kills_and_not_failed_allocations)
{
	struct tree tree;
	uint64_t count = 9;
	struct err err;

	tree_init(&tree);
	CHECK(cg_events_oom_kill(tree.dir, &count, &err) == -ENOENT);
	tree_file(&tree, "memory.events", "low 0\nhigh 0\nmax 5\noom 4\noom_group_kill 2\n");
	CHECK(cg_events_oom_kill(tree.dir, &count, &err) == -EBADMSG && count == 9);
	tree_file(&tree, "memory.events", "low 0\nmax 5\noom 4\noom_kill 3\noom_group_kill 2\n");
	CHECK(cg_events_oom_kill(tree.dir, &count, &err) == 0 && count == 3);
	tree_done(&tree);
}

TEST(wakes_up_for_either_file_until_unwatched)
{
	struct tree tree;
	struct cg_watch watch;
	struct err err;
	int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	_Alignas(8) char bytes[512];
	struct inotify_event *event = (struct inotify_event *)(void *)bytes;

	tree_init(&tree);
	tree_file(&tree, "cgroup.events", "populated 1\n");
	tree_file(&tree, "memory.events", "oom_kill 0\n");
	CHECK(cg_events_watch(inotify, tree.dir, &watch, &err) == 0);
	CHECK(watch.memory >= 0 && watch.cgroup >= 0 && watch.memory != watch.cgroup);
	CHECK(read(inotify, bytes, sizeof(bytes)) < 0 && errno == EAGAIN);
	tree_file(&tree, "memory.events", "oom_kill 1\n");
	CHECK(read(inotify, bytes, sizeof(bytes)) > 0 && event->wd == watch.memory);
	tree_file(&tree, "cgroup.events", "populated 0\n");
	CHECK(read(inotify, bytes, sizeof(bytes)) > 0 && event->wd == watch.cgroup);
	cg_events_unwatch(inotify, &watch);
	CHECK(watch.memory == -1 && watch.cgroup == -1);
	cg_events_unwatch(inotify, &watch);
	CHECK(read(inotify, bytes, sizeof(bytes)) > 0 && (event->mask & IN_IGNORED));
	tree_file(&tree, "cgroup.events", "populated 1\n");
	CHECK(read(inotify, bytes, sizeof(bytes)) < 0 && errno == EAGAIN);
	(void)close(inotify);
	tree_done(&tree);
}

TEST(leaves_no_watch_behind_when_one_file_is_missing)
{
	struct tree tree;
	struct cg_watch watch;
	struct err err;
	int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	tree_init(&tree);
	CHECK(cg_events_watch(inotify, tree.dir, &watch, &err) == -ENOENT);
	tree_file(&tree, "cgroup.events", "populated 1\n");
	CHECK(cg_events_watch(inotify, tree.dir, &watch, &err) == -ENOENT);
	CHECK(watch.memory == -1 && watch.cgroup == -1);
	tree_done(&tree);
	(void)close(inotify);
}
