/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum {
	SPAWN_EXIT_FAILED = 127,
	SPAWN_PARK_FD = 16, /* above every number that the child uses itself */
};

struct spawn spawn_blank(void)
{
	return (struct spawn){
		.stdio = { -1, -1, -1 }, .program_fd = -1, .cwd_fd = -1, .report_fd = -1
	};
}

/* Signals that the daemon ignores or blocks would reach the container through runc: start afresh.
 */
static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Move a descriptor out of the way of the numbers that are about to be assigned. */
static int park(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_PARK_FD);
}

/* Place descriptors at 0, 1, 2 and 3.. ; everything else is close-on-exec from birth. */
static int place_descriptors(const struct spawn *spawn)
{
	int parked[3 + SPAWN_EXTRA_MAX];
	int n = 3 + spawn->n_extra;

	for (int i = 0; i < n; i++) {
		int fd = i < 3 ? spawn->stdio[i] : spawn->extra[i - 3];

		/* as Go's os/exec opens it, which the container can see */
		parked[i] = fd < 0 ? open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC)
				   : park(fd);
		if (parked[i] >= 0 && parked[i] < SPAWN_PARK_FD) {
			int high = park(parked[i]);

			(void)close(parked[i]);
			parked[i] = high;
		}
		if (parked[i] < 0)
			return -errno;
	}
	for (int i = 0; i < n; i++)
		if (dup2(parked[i], i) < 0)
			return -errno;
	/* what the daemon itself was given by whoever started it goes no further */
	(void)close_range((unsigned int)n, ~0U, CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* In the child, when everything is in place. Returns only when neither program can be started. */
static void become(const struct spawn *spawn, int program_fd, struct err *err)
{
	char *const *argv = (char *const *)(const void *)spawn->argv;
	char *const *envp = spawn->envp ? spawn->envp : spawn_environment();

	if (program_fd < 0)
		(void)execve(spawn->program, argv, envp);
	else
		(void)execveat(program_fd, "", argv, envp, AT_EMPTY_PATH);
	if (spawn->fallback)
		(void)execve(spawn->fallback, argv, envp);
	(void)err_set(err, -errno, "fork/exec %s: %s",
		      spawn->fallback ? spawn->fallback : spawn->program, err_reason(errno));
}

/* In the child. Never returns. */
static void __attribute__((noreturn)) child_main(const struct spawn *spawn, pid_t parent)
{
	struct spawn_report said = { 0 };
	int report = spawn->report_fd < 0 ? -1 : park(spawn->report_fd);
	int program_fd = spawn->program_fd < 0 ? -1 : park(spawn->program_fd);
	int code;

	if (!spawn->outlives)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent && !spawn->sibling)
		_exit(SPAWN_EXIT_FAILED);
	reset_signals();
	code = spawn->prepare ? spawn->prepare(spawn->owner, &said.err) : 0;
	said.prepared = code == 0;
	if (code == 0 && !spawn->program)
		_exit(0);
	if (code == 0 && spawn->cwd_fd >= 0 && fchdir(spawn->cwd_fd) < 0)
		code = err_errno(&said.err, "chdir to the bundle");
	if (code == 0) {
		code = place_descriptors(spawn);
		if (code < 0)
			(void)err_set(&said.err, code, "descriptors for %s: %s", spawn->program,
				      err_reason(-code));
	}
	if (code == 0)
		become(spawn, program_fd, &said.err);
	if (report >= 0)
		(void)fd_write_all(report, &said, sizeof(said));
	_exit(SPAWN_EXIT_FAILED);
}

pid_t spawn_start(const struct spawn *spawn, struct err *err)
{
	pid_t parent = getpid();
	pid_t pid;

	(void)spawn_environment(); /* built before the child shares our memory */
	/* Without preparation the child only places descriptors and execs: vfork copies no page
	 * table. */
	if (spawn->sibling)
		pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	else
		pid = spawn->prepare ? fork() : vfork();
	if (pid == 0)
		child_main(spawn, parent);
	if (pid < 0)
		return err_errno(err, "start %s",
				 spawn->program ? spawn->program : "a helper process");
	return pid;
}

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int spawn_find_program(const char *name, char *path, size_t room, struct err *err)
{
	const char *at = getenv("PATH");

	if (strchr(name, '/')) {
		struct stat st;

		(void)snprintf(path, room, "%s", name);
		if (is_executable(path) && strlen(name) < room)
			return 0;
		if (stat(name, &st) == 0)
			return err_set(err, -EACCES, "exec: \"%s\": permission denied", name);
		return err_set(err, -ENOENT, "exec: \"%s\": stat %s: no such file or directory",
			       name, name);
	}
	while (at && *at && *name) {
		size_t len = strcspn(at, ":");
		int n = snprintf(path, room, "%.*s/%s", (int)len, at, name);

		if (len > 0 && n > 0 && (size_t)n < room && is_executable(path))
			return 0;
		at += len + (at[len] == ':');
	}
	return err_set(err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

static bool is_unwanted(const char *entry)
{
	static const char *const names[] = { "NOTIFY_SOCKET=", "LISTEN_FDS=", "LISTEN_PID=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

char *const *spawn_environment(void)
{
	static bool cleaned;
	char **to = environ;

	if (!cleaned) {
		for (char **from = environ; from && *from; from++)
			if (!is_unwanted(*from))
				*to++ = *from;
		if (to)
			*to = NULL;
		cleaned = true;
	}
	return environ;
}
