/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
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
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum {
	ANSWER_ROOM = 512,
	ANSWER_LIMIT_MS = 3000, /* a program that says nothing by then is told of */
	FILE_MAX_BYTES = 1 << 20,
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

static void judge(struct checks *checks, const struct program *program, const struct buf *table)
{
	struct check_version version;
	struct err err;

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
	if (table->len > 0 &&
	    check_known_versions(checks, (const char *)table->data, table->len, program->name,
				 program->id, &version, &err) < 0) {
		check_say(checks, CHECK_WARN, "runtime.table", "/%s: %.200s", CHECK_VERSIONS_PATH,
			  err.msg);
		check_fix(checks, "reinstall the package of azlctl");
	}
}

/* Does a line of the file, not a comment, hold the text? */
static bool has_line(const char *text, const char *want)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strspn(line, " \t");

		if (*at != '#' && memmem(at, strcspn(at, "\n"), want, strlen(want)))
			return true;
	}
	return false;
}

static void check_configuration(struct checks *checks)
{
	static const char *const files[] = { "etc/containerd/config.toml",
					     "etc/containerd/conf.d/50-azl.toml" };
	bool named = false, systemd = false, any = false;

	for (size_t i = 0; i < 2; i++) {
		struct buf file = { 0 };

		if (fd_read_file(checks->ctl->root, files[i], FILE_MAX_BYTES, &file) == 0 &&
		    buf_add(&file, "", 1, FILE_MAX_BYTES + 1) == 0) {
			const char *text = (const char *)file.data;

			any = true;
			if (has_line(text, "containerd-shim-azl-v2") ||
			    has_line(text, "io.containerd.azl.v2"))
				named = true;
			if (has_line(text, "SystemdCgroup = true"))
				systemd = true;
		}
		buf_done(&file);
	}
	if (!named) {
		check_say(checks, CHECK_NOTE, "runtime.handler",
			  any ? "containerd's configuration does not name azl: only ctr --runtime "
				"io.containerd.azl.v2 uses it"
			      : "containerd has no configuration file: only ctr --runtime "
				"io.containerd.azl.v2 uses azl");
		check_fix(checks, "azlctl apply writes /etc/containerd/conf.d/50-azl.toml");
		return;
	}
	check_say(checks, CHECK_OK, "runtime.handler", "containerd's configuration names azl");
	if (systemd || !check_exists(checks, "run/systemd/system"))
		return;
	check_say(checks, CHECK_WARN, "runtime.systemd_cgroup",
		  "SystemdCgroup is not true, but systemd owns this host's cgroups");
	check_fix(checks, "SystemdCgroup = true in the options of the runtime, as in the kubelet's "
			  "cgroupDriver");
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
	struct buf table = { 0 };

	if (fd_read_file(checks->ctl->root, CHECK_VERSIONS_PATH, FILE_MAX_BYTES, &table) < 0) {
		check_say(checks, CHECK_WARN, "runtime.table",
			  "/%s cannot be read: known-bad versions are not seen",
			  CHECK_VERSIONS_PATH);
		check_fix(checks, "reinstall the package of azlctl");
	}
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
			judge(checks, &programs[i], &table);
	}
	buf_done(&table);
	check_configuration(checks);
}
