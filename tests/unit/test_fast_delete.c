/* SPDX-License-Identifier: Apache-2.0 */
/* runc's state folder, with what runc keeps there and with what it does not. */
#include "tests/unit/fast_world.h"

static struct folder state;

/* A container that has ended, as runc leaves it; its cgroup has gone with it. */
static void open_world(void)
{
	fast_world_open();
	(void)snprintf(state.path, sizeof(state.path), "%.32s/c1", world.root.path);
	if (mkdir(state.path, 0711) < 0)
		abort();
	state.fd = open(state.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder_put_text(&state, "state.json", "{}");
	world.container->init.exited = true;
	world.container->init.pid = 4711;
	if (asprintf(&world.container->cgroup_path, "/azl-unit-none-%d", getpid()) < 0)
		abort();
}

static void close_world(void)
{
	if (access(state.path, F_OK) == 0)
		folder_done(&state);
	else
		(void)close(state.fd);
	fast_world_close();
}

/* The folder is gone, and the act over. */
static bool is_deleted(void)
{
	return fast_world_begin(fast_delete) == 0 && world.ended == 1 && world.failed.code == 0 &&
	       access(state.path, F_OK) < 0;
}

/* The runtime must; nothing was touched. */
static bool is_refused(int code, const char *why)
{
	int count = folder_count(&state);
	bool refused = fast_world_begin(fast_delete) == code && world.ended == 0 &&
		       folder_count(&state) == count;

	if (why)
		CHECK_TEXT(world.why.msg, why);
	return refused;
}

TEST(removes_what_runc_keeps)
{
	open_world();
	CHECK(is_deleted());
	close_world();
}

/* One that was never started, and one whose runc was killed while it wrote. */
TEST(removes_all_that_runc_may_keep)
{
	open_world();
	CHECK(mkfifoat(state.fd, "exec.fifo", 0622) == 0);
	folder_put_text(&state, "state-123456", "{");
	folder_put_text(&state, "state-", "");
	CHECK(is_deleted());
	close_world();
}

TEST(removes_an_empty_folder)
{
	open_world();
	CHECK(unlinkat(state.fd, "state.json", 0) == 0);
	CHECK(is_deleted());
	close_world();
}

TEST(leaves_a_folder_with_a_foreign_file_to_the_runtime)
{
	static const char *const names[] = { "file",	    "state.json.bak",
					     "state.jsonx", "notify",
					     "exec.fifo2",  "State.json",
					     ".hidden",	    "..." };

	open_world();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		folder_put_text(&state, names[i], "");
		CHECK(is_refused(-ENOTEMPTY, NULL));
		CHECK(strstr(world.why.msg, names[i]) != NULL);
		CHECK(unlinkat(state.fd, names[i], 0) == 0);
	}
	CHECK(is_deleted());
	close_world();
}

/* A folder is nothing of runc's, whatever its name. */
TEST(does_not_remove_folders)
{
	open_world();
	CHECK(mkdirat(state.fd, "notify", 0700) == 0);
	CHECK(is_refused(-ENOTEMPTY, "runc's state folder holds notify"));
	CHECK(unlinkat(state.fd, "notify", AT_REMOVEDIR) == 0);
	CHECK(mkdirat(state.fd, "state-folder", 0700) == 0);
	CHECK(fast_world_begin(fast_delete) < 0 && world.ended == 0);
	CHECK(faccessat(state.fd, "state-folder", F_OK, 0) == 0);
	CHECK(unlinkat(state.fd, "state-folder", AT_REMOVEDIR) == 0);
	close_world();
}

TEST(does_not_follow_links)
{
	struct folder victim = folder_new();
	char link[160];

	open_world();
	folder_put_text(&victim, "state.json", "mine");
	/* a link for a file goes itself */
	CHECK(unlinkat(state.fd, "state.json", 0) == 0);
	(void)snprintf(link, sizeof(link), "%s/state.json", victim.path);
	CHECK(symlinkat(link, state.fd, "state.json") == 0);
	CHECK(is_deleted());
	CHECK(folder_count(&victim) == 1);
	/* a link for the folder is none of runc's */
	CHECK(symlinkat(victim.path, world.root.fd, "c1") == 0);
	CHECK(fast_world_begin(fast_delete) == -EAGAIN && world.ended == 0);
	CHECK(folder_count(&victim) == 1);
	CHECK(unlinkat(world.root.fd, "c1", 0) == 0);
	close_world();
	folder_done(&victim);
}

TEST(leaves_what_runc_does_not_know_to_the_runtime)
{
	open_world();
	CHECK(unlinkat(state.fd, "state.json", 0) == 0 && rmdir(state.path) == 0);
	CHECK(fast_world_begin(fast_delete) == -EAGAIN && world.ended == 0);
	CHECK_TEXT(world.why.msg, "runc does not know it");
	close_world();
}

TEST(leaves_a_container_that_has_not_ended_to_the_runtime)
{
	open_world();
	world.container->init.exited = false;
	CHECK(is_refused(-EAGAIN, "it has not run"));
	world.container->init.exited = true;
	world.container->init.pid = 0;
	CHECK(is_refused(-EAGAIN, "it has not run"));
	close_world();
}

TEST(leaves_what_runc_does_besides_to_the_runtime)
{
	open_world();
	world.container->runc.systemd_cgroup = true;
	CHECK(is_refused(-EOPNOTSUPP, "systemd must stop its scope"));
	world.container->runc.systemd_cgroup = false;
	world.container->spec.has_poststop = true;
	CHECK(is_refused(-EOPNOTSUPP, "it has poststop hooks"));
	world.container->spec.has_poststop = false;
	world.container->spec.has_intel_rdt = true;
	CHECK(is_refused(-EOPNOTSUPP, "linux.intelRdt is set"));
	world.container->spec.has_intel_rdt = false;
	world.container->spec.has_poststart = true; /* over long ago */
	CHECK(is_deleted());
	close_world();
}

TEST(leaves_a_cgroup_that_it_does_not_know_to_the_runtime)
{
	open_world();
	free(world.container->cgroup_path);
	world.container->cgroup_path = NULL;
	CHECK(is_refused(-ENOENT, "its cgroup is not known"));
	world.container->cgroup_path = strdup("/");
	CHECK(is_refused(-EINVAL, NULL));
	free(world.container->cgroup_path);
	world.container->cgroup_path = strdup("/..");
	CHECK(is_refused(-EINVAL, NULL));
	close_world();
}
