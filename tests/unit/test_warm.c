/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/warm.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "tests/unit/guard.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

static char found[256];

/* The path for a file of this text in an array of that room, "-" for none. */
static const char *path_of(const char *text, size_t room)
{
	struct guard guard = guard_copy(text, room);
	char *path = warm_procs_path((char *)guard.bytes, strlen(text), room);
	(void)snprintf(found, sizeof(found), "%s", path ? path : "-");
	guard_done(&guard);
	return found;
}

static const char *path_in(const char *text)
{
	char padded[256] = "";

	(void)snprintf(padded, sizeof(padded), "%s", text);
	return path_of(padded, sizeof(padded));
}

TEST(finds_the_file_of_its_own_cgroup)
{
	CHECK_TEXT(path_in("0::/\n"), "cgroup.procs");
	CHECK_TEXT(path_in("0::/a/b\n"), "a/b/cgroup.procs");
	CHECK_TEXT(path_in("0::/a/b"), "a/b/cgroup.procs");
	CHECK_TEXT(path_in("9:name=systemd:/x\n1:cpu:/y\n0::/a:b c\n"), "a:b c/cgroup.procs");
	CHECK_TEXT(path_in("0::/a\n8:pids:/z\n"), "a/cgroup.procs");
}

TEST(finds_none_where_there_is_no_v2_hierarchy)
{
	CHECK_TEXT(path_in(""), "-");
	CHECK_TEXT(path_in("\n\n"), "-");
	CHECK_TEXT(path_in("9:name=systemd:/x\n1:cpu:/y\n"), "-");
	CHECK_TEXT(path_in("10::/x\n"), "-");
	CHECK_TEXT(path_in("1:a0::/x\n"), "-");
	CHECK_TEXT(path_in("0:"), "-");
	CHECK_TEXT(path_in("0::x\n"), "-");
}

TEST(writes_no_further_than_there_is_room)
{
	static const char text[] = "0::/abc\n";
	size_t needed = 4 + 3 + sizeof("/cgroup.procs");

	for (size_t room = strlen(text); room < needed; room++)
		CHECK(!warm_procs_path((char[64]){ "0::/abc\n" }, strlen(text), room));
	CHECK(warm_procs_path((char[64]){ "0::/abc\n" }, strlen(text), needed) != NULL);
}

/* ---- for real ---- */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		(void)closedir(dir);
	return count;
}

static bool is_over(void *owner)
{
	const struct warm *warm = owner;

	return warm->stack == NULL;
}

static bool is_possible(void)
{
	char path[PATH_MAX];
	struct err err;
	own_fd int dir = -1;

	return cg_open_of_pid(getpid(), &dir, path, sizeof(path), &err) == 0 &&
	       faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS) == 0;
}

TEST(runs_beside_us_and_leaves_nothing)
{
	static struct loop loop;
	static struct reaper reaper;
	char before[4096];
	char after[4096];
	struct warm warm;
	struct err err;
	int fds;
	pid_t pid;

	CHECK(loop_init(&loop, &err) == 0 && reaper_init(&reaper, &loop, &err) == 0);
	CHECK(fd_read_text(AT_FDCWD, "/proc/self/cgroup", before, sizeof(before)) > 0);
	fds = count_fds();
	warm_init(&warm);
	warm_cgroup_attach(&warm, &reaper);
	pid = warm.child.pid;
	CHECK(pid > 0 && warm.stack);
	warm_cgroup_attach(&warm, &reaper); /* one at a time */
	CHECK(warm.child.pid == pid);
	CHECK(turn_until(&loop, is_over, &warm));
	CHECK(warm.child.pid == 0);
	CHECK(warm.told == !is_possible());
	CHECK(count_fds() == fds);
	CHECK(fd_read_text(AT_FDCWD, "/proc/self/cgroup", after, sizeof(after)) > 0);
	CHECK_TEXT(after, before);
	warm_cgroup_attach(&warm, &reaper); /* and again */
	CHECK(warm.stack && turn_until(&loop, is_over, &warm));
	loop_remove(&loop, &reaper.source);
	(void)close(reaper.signal_fd);
	loop_done(&loop);
}
