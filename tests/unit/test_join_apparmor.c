/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of AppArmor: what can be seen of them without one that is loaded. */
#include "tests/unit/test_join_world.h"

#include <dirent.h>

#define WORDS                                                                                      \
	"unable to start container process: apparmor failed to apply profile: write /proc/self/"

/* A plan that names a profile which no machine has. */
static union draft *draft_profile(const struct world *world)
{
	static const char order[] = "exec azl-no-such-profile";
	static const char folder[] = "/proc/self/";
	union draft *draft = draft_new(world, "echo ran");

	draft->plan.apparmor = draft_add(draft, order, sizeof(order));
	draft->plan.apparmor_folder = draft_add(draft, folder, sizeof(folder));
	return draft;
}

/* The attribute was opened and written to: then it is for the kernel to say no. */
static void check_refused(const struct said *said)
{
	const char *path = access("/proc/self/attr/apparmor/exec", F_OK) == 0
				   ? "attr/apparmor/exec: "
				   : "attr/exec: ";

	CHECK(said->error.kind == PLAN_MSG_ERROR && said->error.stage == PLAN_STAGE_BECOME);
	CHECK(said->pid_first && said->status == 255);
	CHECK_TEXT(said->out, "");
	if (strncmp(said->error.text, WORDS, strlen(WORDS)) != 0 ||
	    strncmp(said->error.text + strlen(WORDS), path, strlen(path)) != 0)
		CHECK_TEXT(said->error.text, WORDS);
}

TEST(a_profile_that_is_not_loaded_is_told_in_runcs_words)
{
	struct world world = world_new(false);
	struct said said;

	if (world.init > 0) {
		said = join_run(&world, draft_profile(&world));
		check_refused(&said);
	}
	world_done(&world);
}

/* CVE-2019-16884 and its kin: what the container has on /proc is not asked. */
TEST(the_containers_proc_has_no_part_in_it)
{
	struct world world = world_new(false);
	struct said said;

	if (world.init > 0) {
		(void)join_run(&world, draft_new(&world, "mount -t tmpfs none /proc"));
		(void)join_run(&world,
			       draft_new(&world, "mkdir -p /proc/self/attr /proc/thread-self/attr; "
						 "touch /proc/self/attr/exec "
						 "/proc/thread-self/attr/exec"));
		said = join_run(&world, draft_profile(&world));
		check_refused(&said);
	}
	world_done(&world);
}

/* Before the user is another and has lost what root may: that is where runc applies it. */
TEST(a_working_directory_that_is_wrong_is_told_first_and_a_program_last)
{
	static const char *const argv[] = { "no-such-program", NULL };
	struct world world = world_new(false);
	union draft *draft;
	struct said said;

	if (world.init > 0) {
		draft = draft_profile(&world);
		draft_argv(draft, argv);
		draft->plan.uid = 1000;
		draft->plan.flags |= PLAN_CAPS | PLAN_NO_NEW_PRIVS;
		said = join_run(&world, draft);
		check_refused(&said);
		draft = draft_profile(&world);
		draft->plan.cwd = draft_add(draft, "/none", 6);
		said = join_run(&world, draft);
		CHECK(strstr(said.error.text, "chdir to cwd") != NULL);
	}
	world_done(&world);
}

/* While it waits for its limits: no more than the streams, the control, and its own attribute. */
static bool look(pid_t pid)
{
	char path[300];
	char link[64] = { 0 };
	DIR *dir;
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		n += entry->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	CHECK(n == 5);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/3", (int)pid);
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	/* its number in the container's PID namespace, not in ours */
	CHECK(strstr(link, "/attr/") != NULL && strstr(link, "/exec") != NULL);
	CHECK(atoi(link + 1) > 0 && atoi(link + 1) < (int)pid);
	return true;
}

TEST(nothing_but_its_own_attribute_is_open_in_the_container)
{
	const struct plan_limit limit = { 77, 99, RLIMIT_NOFILE, 0 };
	struct world world = world_new(true);
	union draft *draft;
	struct said said;

	if (world.init > 0) {
		draft = draft_profile(&world);
		draft->plan.flags |= PLAN_USER_NAMESPACE;
		draft->plan.limits = draft_add(draft, &limit, sizeof(limit));
		world_at_limits = look;
		said = join_run(&world, draft);
		world_at_limits = NULL;
		check_refused(&said);
	}
	world_done(&world);
}

/* A procfs that would show more than the container's: the kernel refuses it. */
TEST(without_a_procfs_of_its_own_the_runtime_may_try)
{
	struct world world;
	union draft *draft;
	struct said said;

	world_hides = true;
	world = world_new(true);
	world_hides = false;
	if (world.init > 0) {
		draft = draft_profile(&world);
		draft->plan.flags |= PLAN_USER_NAMESPACE;
		said = join_run(&world, draft);
		CHECK(said.error.kind == PLAN_MSG_ERROR && said.error.stage == PLAN_STAGE_JOIN);
		CHECK(said.pid_first && said.error.value == EPERM);
		CHECK_TEXT(said.error.text, "unable to start container process: open the attribute "
					    "of AppArmor: operation not permitted");
	}
	world_done(&world);
}
