/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static char text[4096];

/* Run a shell command with its output in a pipe. Returns its exit status. */
static int run(struct spawn *spawn, const char *command)
{
	const char *argv[] = { "sh", "-c", command, NULL };
	struct err err = { 0 };
	int ends[2];
	int status = -1;
	ssize_t n;
	size_t used = 0;
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	if (!spawn->program)
		spawn->program = "/bin/sh";
	spawn->argv = argv;
	spawn->stdio[1] = ends[1];
	pid = spawn_start(spawn, &err);
	(void)close(ends[1]);
	CHECK(pid > 0);
	while ((n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	(void)close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* runc would notify systemd on our behalf, or take over our sockets. First of all tests: it happens
 * once. */
TEST(keeps_systemds_variables_from_the_runtime)
{
	(void)setenv("NOTIFY_SOCKET", "/run/n", 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	(void)setenv("LISTEN_PID", "2", 1);
	(void)setenv("LISTEN_FDSX", "kept", 1);
	CHECK(spawn_environment() == environ);
	CHECK(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("NOTIFY_SOCKET"));
	CHECK_TEXT(getenv("LISTEN_FDSX"), "kept");
}

TEST(gives_the_child_what_is_listed_and_nothing_else)
{
	struct spawn spawn = spawn_blank();
	int secret = open("/dev/null", O_RDONLY); /* not even close-on-exec */
	int extra = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)fcntl(secret, F_SETFD, FD_CLOEXEC);
	spawn.extra[spawn.n_extra++] = extra;
	CHECK(run(&spawn, "cd /proc/self/fd && for f in 0 2 3; do readlink $f; done; "
			  "echo */ | tr -d /") == 0);
	CHECK(strncmp(text, "/dev/null\n/dev/null\n/dev/zero\n", 30) == 0);
	CHECK(run(&spawn, "exec ls /proc/self/fd") == 0);
	CHECK_TEXT(text, "0\n1\n2\n3\n4\n"); /* 4: the folder that ls reads */
	(void)close(secret);
	(void)close(extra);
}

/* The numbers that are assigned may be taken by the very descriptors that are to be moved. */
TEST(places_descriptors_whose_numbers_collide)
{
	struct spawn spawn = spawn_blank();
	int low[3];

	for (int i = 0; i < 3; i++) {
		char name[] = "/tmp/azl-unit-XXXXXX";
		int fd = mkostemp(name, O_CLOEXEC);

		(void)unlink(name);
		CHECK(dprintf(fd, "%d", i) == 1 && lseek(fd, 0, SEEK_SET) == 0);
		low[i] = fd;
	}
	/* in reverse: 3, 4, 5 are wanted at 5, 4, 3 */
	spawn.n_extra = 3;
	for (int i = 0; i < 3; i++)
		spawn.extra[i] = low[2 - i];
	CHECK(run(&spawn, "cat <&3; cat <&4; cat <&5") == 0);
	CHECK_TEXT(text, "210");
	for (int i = 0; i < 3; i++)
		(void)close(low[i]);
}

/* The digits of one mask of the child's, as the kernel shows it. */
static unsigned long long mask_of(const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : ~0ULL;
}

TEST(resets_signals_that_the_daemon_ignores_or_blocks)
{
	/* glibc keeps 32 and 33 for itself: nobody can reset what a parent did to them */
	const unsigned long long own = ~(3ULL << 31);
	struct spawn spawn = spawn_blank();
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(run(&spawn, "cat /proc/self/status") == 0);
	CHECK((mask_of("SigBlk:") & own) == 0);
	CHECK((mask_of("SigIgn:") & own) == 0);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}

TEST(starts_in_the_folder_that_is_given)
{
	struct spawn spawn = spawn_blank();
	struct folder folder = folder_new();

	spawn.cwd_fd = folder.fd;
	CHECK(run(&spawn, "pwd") == 0);
	text[strcspn(text, "\n")] = '\0';
	CHECK_TEXT(text, folder.path);
	folder_done(&folder);
}

static int refuse(void *owner, struct err *err)
{
	return err_set(err, -EBUSY, "not prepared: %s", (const char *)owner);
}

static int accept_it(void *owner, struct err *err)
{
	(void)owner;
	(void)err;
	return 0;
}

/* Returns the exit status; the child's report goes into said. */
static int run_reported(struct spawn *spawn, struct spawn_report *said)
{
	int ends[2];
	int status = -1;
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	spawn->report_fd = ends[1];
	pid = spawn_start(spawn, &said->err);
	(void)close(ends[1]);
	*said = (struct spawn_report){ 0 };
	(void)!read(ends[0], said, sizeof(*said));
	(void)close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(reports_why_the_child_never_became_the_program)
{
	const char *argv[] = { "x", NULL };
	struct spawn spawn = spawn_blank();
	struct spawn_report said;

	spawn.argv = argv;
	spawn.program = "/nonexistent/x";
	CHECK(run_reported(&spawn, &said) == 127);
	CHECK(said.prepared && said.err.code == -ENOENT);
	CHECK_TEXT(said.err.msg, "fork/exec /nonexistent/x: no such file or directory");
	spawn.program = "/bin/true";
	spawn.prepare = refuse;
	spawn.owner = (void *)(uintptr_t) "why";
	CHECK(run_reported(&spawn, &said) == 127);
	CHECK(!said.prepared && said.err.code == -EBUSY);
	CHECK_TEXT(said.err.msg, "not prepared: why");
	spawn.prepare = accept_it;
	CHECK(run_reported(&spawn, &said) == 0);
	CHECK(said.err.code == 0);
	spawn.program = NULL; /* preparation is all */
	CHECK(run_reported(&spawn, &said) == 0);
	spawn.prepare = refuse;
	CHECK(run_reported(&spawn, &said) == 127);
	CHECK_TEXT(said.err.msg, "not prepared: why");
}

static void check_found(const char *name, int want, const char *want_text)
{
	struct err err = { 0 };
	char path[64];
	int code = spawn_find_program(name, path, sizeof(path), &err);

	CHECK(code == want);
	CHECK_TEXT(code < 0 ? err.msg : path, want_text);
}

TEST(finds_programs_and_fails_in_the_words_of_go)
{
	struct folder folder = folder_new();
	char old_path[4096];
	char at_folder[128];
	char want[256];

	(void)snprintf(old_path, sizeof(old_path), "%s", getenv("PATH") ? getenv("PATH") : "");
	folder_put_text(&folder, "prog", "#!/bin/sh\n");
	folder_put_text(&folder, "data", "x");
	(void)fchmodat(folder.fd, "prog", 0755, 0);
	(void)mkdirat(folder.fd, "dir", 0755);
	(void)snprintf(at_folder, sizeof(at_folder), "/nonexistent::%s", folder.path);
	(void)setenv("PATH", at_folder, 1);
	(void)snprintf(want, sizeof(want), "%s/prog", folder.path);
	check_found("prog", 0, want);
	check_found(want, 0, want);
	check_found("none", -ENOENT, "exec: \"none\": executable file not found in $PATH");
	check_found("data", -ENOENT, "exec: \"data\": executable file not found in $PATH");
	check_found("dir", -ENOENT, "exec: \"dir\": executable file not found in $PATH");
	check_found("", -ENOENT, "exec: \"\": executable file not found in $PATH");
	check_found("/no/x", -ENOENT, "exec: \"/no/x\": stat /no/x: no such file or directory");
	check_found("/etc/passwd", -EACCES, "exec: \"/etc/passwd\": permission denied");
	(void)unsetenv("PATH");
	check_found("prog", -ENOENT, "exec: \"prog\": executable file not found in $PATH");
	(void)setenv("PATH", old_path, 1);
	(void)unlinkat(folder.fd, "dir", AT_REMOVEDIR);
	folder_done(&folder);
}

TEST(ends_with_the_daemon_unless_it_is_to_outlive_it)
{
	int ends[2];
	pid_t daemon_pid;
	char byte;

	CHECK(pipe2(ends, 0) == 0);
	daemon_pid = fork();
	if (daemon_pid == 0) {
		const char *argv[] = { "sleep", "1000", NULL };
		struct spawn spawn = spawn_blank();
		struct err err;

		spawn.program = "/bin/sleep";
		spawn.argv = argv;
		spawn.stdio[1] = ends[1];
		if (spawn_start(&spawn, &err) < 0)
			_exit(1);
		_exit(0);
	}
	(void)close(ends[1]);
	CHECK(waitpid(daemon_pid, NULL, 0) == daemon_pid);
	CHECK(read(ends[0], &byte, 1) == 0); /* the sleeper, who held the other end, is dead */
	(void)close(ends[0]);
}
