/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test_join_world.h"

#include <dirent.h>
#include <linux/filter.h>

#define CHAIN "unable to start container process: "

/* One container for all tests that leave it as it was. */
static struct world *plain(void)
{
	static struct world world;

	if (world.cgroup == 0)
		world = world_new(false);
	return world.init > 0 ? &world : NULL;
}

static struct said run(const struct world *world, const char *command)
{
	return join_run(world, draft_new(world, command));
}

/* What is said of a program that cannot be found. */
static void check_lookup(const char *path, const char *name, const char *text)
{
	const char *const argv[] = { name, "argument", NULL };
	const char *const env[] = { "A=1", path, NULL };
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "");
	draft_argv(draft, argv);
	draft_env(draft, env);
	said = join_run(world, draft);
	CHECK(said.error.kind == PLAN_MSG_ERROR && said.error.stage == PLAN_STAGE_BECOME);
	CHECK(said.pid_first && said.status == 255);
	CHECK_TEXT(said.error.text, text);
}

TEST(a_program_that_cannot_be_found_is_told_in_gos_words)
{
	check_lookup("PATH=/usr/bin", "no-such",
		     CHAIN "exec: \"no-such\": executable file not found in $PATH");
	check_lookup("PATH=", "true", CHAIN "exec: \"true\": executable file not found in $PATH");
	check_lookup("B=", "true", CHAIN "exec: \"true\": executable file not found in $PATH");
	check_lookup("PATH=/tmp", "plain",
		     CHAIN "exec: \"plain\": executable file not found in $PATH");
	check_lookup("PATH=/usr/bin", "", CHAIN "exec: \"\": executable file not found in $PATH");
	check_lookup("PATH=/usr/bin", "..",
		     CHAIN "exec: \"..\": executable file not found in $PATH");
	check_lookup("PATH=/", "/x\"\n\x01\xc3\xa4\xff",
		     CHAIN "exec: \"/x\\\"\\n\\x01\xc3\xa4\\xff\": stat /x\"\n\x01\xc3\xa4\xff: no "
			   "such file or directory");
	check_lookup("PATH=/", "/tmp/plain", CHAIN "exec: \"/tmp/plain\": permission denied");
	check_lookup("PATH=/", "/tmp", CHAIN "exec: \"/tmp\": is a directory");
	check_lookup("PATH=/", "/tmp/plain/x",
		     CHAIN "exec: \"/tmp/plain/x\": stat /tmp/plain/x: not a directory");
}

TEST(a_program_below_the_current_directory_is_refused)
{
	static const char text[] =
		CHAIN "exec: \"script\": cannot run executable found relative to current directory";

	check_lookup("PATH=/none:tmp", "script", text);
	check_lookup("PATH=./tmp", "script", text);
}

/* As Go joins them: what a script sees as its own path. */
TEST(a_program_is_found_by_a_clean_path)
{
	static const char *const argv[] = { "show", "1", NULL };
	static const char *const env[] = { "PATH=/none::/usr/bin/..//./../tmp/", NULL };
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	said = run(world, "printf '#!/bin/sh\\necho $0 $1\\n' >/tmp/show; chmod 755 /tmp/show");
	draft = draft_new(world, "");
	draft_argv(draft, argv);
	draft_env(draft, env);
	said = join_run(world, draft);
	CHECK_TEXT(said.out, "/tmp/show 1\n");
}

/* The exec has succeeded by then: the process says it itself. */
TEST(what_execve_refuses_is_the_process_own_end)
{
	static const char *const argv[] = { "/tmp/script", NULL };
	struct world *world = plain();

	for (unsigned int old = 0; world && old < 2; old++) {
		union draft *draft = draft_new(world, "");
		struct said said;

		draft_argv(draft, argv);
		draft->plan.flags |= old ? PLAN_EXEC_FAILS_WITH_1 : 0U;
		said = join_run(world, draft);
		CHECK(said.error.kind == 0 && said.status == (old ? 1 : 255));
		CHECK_TEXT(said.out, "exec /tmp/script: no such file or directory\n");
	}
}

static void check_cwd(const struct world *world, const char *cwd, uint32_t uid, const char *text)
{
	union draft *draft = draft_new(world, "pwd");
	struct said said;

	draft->plan.cwd = draft_add(draft, cwd, strlen(cwd) + 1);
	draft->plan.uid = uid;
	draft->plan.gid = uid;
	said = join_run(world, draft);
	CHECK_TEXT(text[0] == '/' ? said.out : said.error.text, text);
}

TEST(a_working_directory_that_cannot_be_entered_is_an_error)
{
	const struct world *world = plain();

	if (!world)
		return;
	check_cwd(world, "/work", 0, "/work\n");
	check_cwd(world, "/none", 0,
		  CHAIN
		  "chdir to cwd (\"/none\") set in config.json failed: no such file or directory");
	check_cwd(world, "/tmp/plain", 0,
		  CHAIN "chdir to cwd (\"/tmp/plain\") set in config.json failed: not a directory");
	check_cwd(world, "/private", 1000, "/private\n");
	for (char fd = '3'; fd <= '9'; fd++) {
		char cwd[] = "/proc/self/fd/N/";

		cwd[14] = fd;
		check_cwd(world, cwd, 0,
			  fd == '4'   ? CHAIN "chdir to cwd (\"/proc/self/fd/4/\") set in "
					      "config.json failed: not a directory"
			  : fd == '5' ? CHAIN "chdir to cwd (\"/proc/self/fd/5/\") set in "
					      "config.json failed: no such file or directory"
				      : strcat(strcat(strcpy((char[128]){ 0 },
							     CHAIN "chdir to cwd (\""),
						      cwd),
					       "\") set in config.json failed: no such file or "
					       "directory"));
	}
}

/* What HOME is for a user when /etc/passwd holds what `make` puts there. */
static void check_home(const char *make, uint32_t uid, const char *home)
{
	static const char *const env[] = { "PATH=/bin", "Z=1", NULL };
	static const char *const argv[] = { "env", NULL };
	char want[128];
	struct world *world = plain();
	union draft *draft;

	if (!world)
		return;
	(void)run(world, make);
	draft = draft_new(world, "");
	draft_env(draft, env);
	draft_argv(draft, argv);
	draft->plan.flags |= PLAN_HOME;
	draft->plan.uid = uid;
	(void)snprintf(want, sizeof(want), "PATH=/bin\nZ=1\nHOME=%s\n", home);
	CHECK_TEXT(join_run(world, draft).out, want);
}

TEST(home_comes_from_the_containers_users)
{
	check_home(":", 0, "/root");
	check_home(":", 1000, "/work");
	check_home(":", 5, "/");
	check_home("printf '\\n  b:x:7:7:::sh \\n\\r\\nc:x:+8:8::/c d\\r\\n' >/etc/passwd", 7, "");
	check_home(":", 8, "/c d");
	/* as runc reads it: what is no number is 0, what is missing is empty */
	check_home("printf '# comment\\nroot:x:0:0::/root:\\n' >/etc/passwd", 0, "");
	check_home("printf 'a:x:5x:5::/a\\nb:x:5:5::/b\\n' >/etc/passwd", 5, "/b");
	check_home("printf 'a:x:4294967301:5::/a' >/etc/passwd", 5, "/");
	check_home("mknod /dev/zero c 1 5; { printf 'a:x:5:5::/a\\n'; head -c 70000 /dev/zero; } "
		   ">/etc/passwd",
		   5, "/");
	check_home("{ yes line | head -c 300000; printf '\\na:x:5:5::/a:\\n'; } >/etc/passwd", 5,
		   "/a");
}

/* Where runc would wait for ever, or read without end. */
TEST(home_never_waits)
{
	check_home("rm /etc/passwd; mkfifo /etc/passwd", 0, "/");
	check_home("rm /etc/passwd; ln -s /dev/zero /etc/passwd; mknod /dev/zero c 1 5", 0, "/");
	check_home("rm /etc/passwd; mkdir /etc/passwd", 0, "/");
	check_home("rmdir /etc/passwd; truncate -s 1T /etc/passwd", 0, "/");
	check_home("rm /etc/passwd; ln -s /proc/kmsg /etc/passwd", 0, "/");
	check_home("rm /etc/passwd; ln -s passwd /etc/passwd", 0, "/");
	check_home("rm /etc/passwd; yes x:x:1: | head -c 20000000 >/etc/passwd", 0, "/");
	check_home("rm /etc/passwd", 0, "/");
	check_home("echo root:x:0:0:root:/root:/bin/sh >/etc/passwd", 0, "/root");
}

/* Older versions of runc put it where the empty one was. */
TEST(an_empty_home_is_replaced_where_it_is)
{
	static const char *const env[] = { "HOME=", "PATH=/bin", NULL };
	static const char *const argv[] = { "env", NULL };
	struct world *world = plain();
	union draft *draft;

	if (!world)
		return;
	draft = draft_new(world, "");
	draft_env(draft, env);
	draft_argv(draft, argv);
	draft->plan.flags |= PLAN_HOME;
	CHECK_TEXT(join_run(world, draft).out, "HOME=/root\nPATH=/bin\n");
}

TEST(a_variable_without_a_name_is_an_error)
{
	static const char *const wrong[][2] = { { "NAME", NULL }, { "=value", NULL } };
	static const char *const texts[] = { "missing '='", "name cannot be empty" };
	struct world *world = plain();

	for (int i = 0; world && i < 2; i++) {
		union draft *draft = draft_new(world, "true");
		char want[128];

		draft_env(draft, wrong[i]);
		(void)snprintf(want, sizeof(want), CHAIN "invalid environment variable: %s",
			       texts[i]);
		CHECK_TEXT(join_run(world, draft).error.text, want);
	}
}

TEST(what_the_kernel_refuses_is_told)
{
	const struct plan_limit limit = { 1, 1, 99, 0 };
	const struct sock_filter bad = { 0xffff, 0, 0, 0 };
	struct world *world = plain();
	union draft *draft;

	if (!world)
		return;
	draft = draft_new(world, "true");
	draft->plan.limits = draft_add(draft, &limit, sizeof(limit));
	CHECK_TEXT(join_run(world, draft).error.text,
		   CHAIN "error setting rlimits for ready process: error setting rlimit type 99: "
			 "invalid argument");
	draft = draft_new(world, "true");
	draft->plan.flags |= PLAN_SECCOMP | PLAN_NO_NEW_PRIVS;
	draft->plan.seccomp = draft_add(draft, &bad, sizeof(bad));
	CHECK_TEXT(join_run(world, draft).error.text,
		   CHAIN "unable to init seccomp: error loading seccomp filter into kernel: error "
			 "loading seccomp filter: invalid argument");
	draft = draft_new(world, "true");
	draft->plan.flags |= PLAN_SCHEDULER;
	draft->plan.scheduler.policy = 99;
	CHECK_TEXT(join_run(world, draft).error.text,
		   CHAIN "error setting scheduler: invalid argument");
	draft = draft_new(world, "true");
	draft->plan.flags |= PLAN_CAPS;
	draft->plan.caps[PLAN_CAP_EFFECTIVE] = 1;
	CHECK_TEXT(join_run(world, draft).error.text,
		   CHAIN "unable to apply caps: can't apply capabilities: operation not permitted");
}

/* Before anything of the process is in the container: the runtime may try instead. */
TEST(a_plan_or_a_cgroup_that_is_none_changes_nothing)
{
	struct world *world = plain();
	struct world wrong;
	union draft *draft;
	struct said said;

	if (!world)
		return;
	for (int i = 0; i < 5; i++) {
		draft = draft_new(world, "true");
		draft->plan.magic += i == 0;
		draft->plan.argc = i == 1 ? 0 : i == 2 ? ~0U : draft->plan.argc;
		draft->plan.cwd.offset = i == 3 ? ~0U : draft->plan.cwd.offset;
		draft->plan.env.bytes -= i == 4;
		said = join_run(world, draft);
		CHECK(said.error.stage == PLAN_STAGE_JOIN && said.error.value == EINVAL &&
		      said.pid == 0);
		CHECK_TEXT(said.error.text, CHAIN "read the plan: invalid argument");
	}
	wrong = *world;
	wrong.cgroup = open("/", O_PATH | O_CLOEXEC);
	said = run(&wrong, "true");
	CHECK(said.error.stage == PLAN_STAGE_JOIN && said.error.value == EBADF && said.pid == 0);
	(void)close(wrong.cgroup);
	wrong = *world;
	wrong.pidfd = open("/", O_PATH | O_CLOEXEC);
	said = run(&wrong, "true");
	CHECK(said.error.stage == PLAN_STAGE_JOIN && said.pid == 0);
	(void)close(wrong.pidfd);
}

static struct said terminal(const struct world *world)
{
	union draft *draft = draft_new(world, "tty");

	draft->plan.flags |= PLAN_TERMINAL;
	return join_run(world, draft);
}

/* CVE-2025-52565: what lies at /dev/pts/ptmx may be anything. */
TEST(a_terminal_comes_from_a_devpts_only)
{
	struct world world = world_new(false);
	struct said said;

	if (world.init > 0) {
		(void)run(&world, "mount --bind /dev/null /dev/pts/ptmx");
		said = terminal(&world);
		CHECK_TEXT(said.error.text,
			   CHAIN "verify ptmx handle: ptmx handle is not a real ptmx device");
		(void)run(&world,
			  "umount /dev/pts/ptmx; umount /dev/pts; ln -s /dev/null /dev/pts/ptmx");
		said = terminal(&world);
		CHECK_TEXT(said.error.text,
			   CHAIN "verify ptmx handle: ptmx handle is not a real ptmx device");
		(void)run(&world, "rm /dev/pts/ptmx; mkfifo /dev/pts/ptmx");
		said = terminal(&world);
		CHECK_TEXT(said.error.text,
			   CHAIN "verify ptmx handle: ptmx handle is not a real ptmx device");
		(void)run(&world, "rm -r /dev/pts");
		said = terminal(&world);
		CHECK_TEXT(said.error.text, CHAIN "open /dev/pts/ptmx: no such file or directory");
		CHECK(said.tty < 0);
		(void)run(&world, "mkdir /dev/pts; mount -t devpts -o newinstance none /dev/pts; "
				  "rm /dev/ptmx; mkfifo /dev/ptmx; mount -t tmpfs none /proc");
		said = terminal(&world);
		CHECK_TEXT(said.error.text, "");
		(void)close(said.tty);
	}
	world_done(&world);
}

/* Held at the point where it waits: what could be seen of it from inside. */
static bool look(pid_t pid)
{
	char path[64];
	char link[64] = { 0 };
	struct stat st;
	DIR *dir;
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	CHECK(strncmp(link, "/memfd:azl-join", 15) == 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	/* of a process that can be dumped, its own id would be the owner */
	CHECK(stat(path, &st) == 0 && st.st_uid == 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		n += entry->d_name[0] != '.';
	CHECK(n == 4); /* streams and control */
	if (dir)
		(void)closedir(dir);
	return true;
}

static bool leave(pid_t pid)
{
	(void)pid;
	return false;
}

TEST(a_process_that_waits_shows_nothing_and_ends_with_the_daemon)
{
	const struct plan_limit limit = { 77, 99, RLIMIT_NOFILE, 0 };
	struct world world = world_new(true);

	for (int i = 0; i < 2 && world.init > 0; i++) {
		union draft *draft = draft_new(&world, "echo ran");
		struct said said;

		draft->plan.flags |= PLAN_USER_NAMESPACE;
		draft->plan.limits = draft_add(draft, &limit, sizeof(limit));
		world_at_limits = i == 0 ? look : leave;
		said = join_run(&world, draft);
		world_at_limits = NULL;
		CHECK_TEXT(said.out, i == 0 ? "ran\n" : "");
		CHECK(said.status == (i == 0 ? 0 : 255));
	}
	/* root in there may not, and neither may the user */
	if (world.init > 0) {
		union draft *draft = draft_new(&world, "true");

		draft->plan.flags |= PLAN_USER_NAMESPACE;
		draft->plan.cwd = draft_add(draft, "/private", 9);
		CHECK_TEXT(
			join_run(&world, draft).error.text, CHAIN
			"chdir to cwd (\"/private\") set in config.json failed: permission denied");
	}
	world_done(&world);
}
