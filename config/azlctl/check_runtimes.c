/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/base/clean.h"
#include "config/base/fd.h"

enum {
	ANSWER_ROOM = 512,
	ANSWER_LIMIT_MS = 3000, /* a program that says nothing by then is told of */
};

/* A program that says its version; all of them are asked at the same time. */
struct program {
	const char *id;
	const char *name;
	const char *option;
	const char *places[4]; /* below the root; the first that is there */
	enum check_level missing;
	const char *fix; /* when it is missing */
	const char *path;
	pid_t pid;
	int out;
	char answer[ANSWER_ROOM];
	size_t len;
};

static void ask(const struct azlctl *ctl, struct program *program)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = { (char *)(uintptr_t)program->name, (char *)(uintptr_t)program->option,
			 NULL };
	char path[128];
	int ends[2];

	(void)snprintf(path, sizeof(path), "/%s", program->path);
	program->pid = -1;
	if (!ctl->is_live || pipe2(ends, O_CLOEXEC) < 0)
		return;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&program->pid, path, &actions, NULL, argv, environ) != 0)
		program->pid = -1;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)fd_close(ends[1]);
	program->out = ends[0];
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Take what it says until it ends or the time is over. */
static void listen_to(struct program *program, int64_t until)
{
	struct pollfd poll_fd = { .fd = program->out, .events = POLLIN };

	if (program->pid < 0)
		return;
	while (program->len < ANSWER_ROOM - 1) {
		int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&poll_fd, 1, (int)left) <= 0)
			break;
		n = read(program->out, program->answer + program->len,
			 ANSWER_ROOM - 1 - program->len);
		if (n <= 0)
			break;
		program->len += (size_t)n;
	}
	program->answer[program->len] = '\0';
	program->answer[strcspn(program->answer, "\n")] = '\0';
	(void)kill(program->pid, SIGKILL);
	(void)waitpid(program->pid, NULL, 0);
	program->out = fd_close(program->out);
}

static void judge(struct checks *checks, const struct program *program)
{
	struct check_version version;

	if (!program->path) {
		check_say(checks, program->missing, program->id, "%s is not installed",
			  program->name);
		check_fix(checks, "%s", program->fix);
		return;
	}
	if (!checks->ctl->is_live) {
		check_say(checks, CHECK_OK, program->id, "/%s is there", program->path);
		return;
	}
	if (check_version_find(program->answer, &version) < 0) {
		check_say(checks, CHECK_WARN, program->id,
			  "/%s does not say its version: \"%.100s\"", program->path,
			  program->answer);
		check_fix(checks, "/%s %s", program->path, program->option);
		return;
	}
	check_say(checks, CHECK_OK, program->id, "%u.%u.%u (/%s)", version.part[0], version.part[1],
		  version.part[2], program->path);
	check_known(checks, program->name, program->id, &version);
	if (strcmp(program->name, "containerd") == 0)
		checks->containerd = version;
}

void check_runtimes(struct checks *checks)
{
	struct program programs[] = {
		{ .id = "runtime.containerd",
		  .name = "containerd",
		  .option = "--version",
		  .places = { "usr/bin/containerd", "usr/local/bin/containerd" },
		  .missing = CHECK_FAIL,
		  .fix = "install containerd 1.7 or 2.x" },
		{ .id = "runtime.runc",
		  .name = "runc",
		  .option = "--version",
		  .places = { "usr/bin/runc", "usr/sbin/runc", "usr/local/sbin/runc",
			      "usr/local/bin/runc" },
		  .missing = CHECK_FAIL,
		  .fix = "install runc: it creates the containers" },
		{ .id = "runtime.crun",
		  .name = "crun",
		  .option = "--version",
		  .places = { "usr/bin/crun", "usr/local/bin/crun" },
		  .missing = CHECK_OK },
		{ .id = "runtime.shim",
		  .name = "containerd-shim-azl-v2",
		  .option = "-v",
		  .places = { "usr/bin/containerd-shim-azl-v2",
			      "usr/local/bin/containerd-shim-azl-v2",
			      "opt/azl/bin/containerd-shim-azl-v2" },
		  .missing = CHECK_FAIL,
		  .fix = "install the package azl-shim" },
	};
	enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };
	int64_t until = now_ms() + ANSWER_LIMIT_MS;

	for (size_t i = 0; i < PROGRAMS; i++) {
		struct program *program = &programs[i];

		program->pid = -1;
		for (size_t place = 0; place < 4 && program->places[place] && !program->path;
		     place++)
			if (check_exists(checks, program->places[place]))
				program->path = program->places[place];
		if (program->path)
			ask(checks->ctl, program);
	}
	for (size_t i = 0; i < PROGRAMS; i++) {
		listen_to(&programs[i], until);
		if (programs[i].path || programs[i].missing != CHECK_OK)
			judge(checks, &programs[i]);
	}
	check_handler(checks);
}
