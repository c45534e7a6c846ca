/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for something to read, or for the end of a process. Returns 0 or -ETIMEDOUT. */
static int wait_for(int fd, int64_t end)
{
	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		int n = left > 0 ? poll(&ready, 1, (int)left) : 0;

		if (n == 0)
			return -ETIMEDOUT;
		if (n > 0 || errno != EINTR)
			return 0;
	}
}

/* Read until the other end is closed. Returns 0, or -ETIMEDOUT. */
static int read_answer(int fd, int64_t end, char *text, size_t room)
{
	size_t used = 0;

	for (;;) {
		char piece[512];
		ssize_t n;

		if (wait_for(fd, end) < 0)
			return -ETIMEDOUT;
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		for (ssize_t i = 0; text && i < n && used + 1 < room; i++)
			text[used++] = piece[i];
		if (text)
			text[used] = '\0';
	}
}

static int spawn(const char *const argv[], int out, bool with_errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc != 0)
		return -rc;
	rc = posix_spawnattr_init(&attributes);
	if (rc != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -rc;
	}
	(void)sigemptyset(&none);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE); /* apply ignores it */
	(void)posix_spawnattr_setsigdefault(&attributes, &usual);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (with_errors)
		(void)posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	else
		(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
						       O_WRONLY, 0);
	rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
			  environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

int child_start(struct child *child, const char *const argv[], bool with_errors, struct err *err)
{
	own_fd int read_end = -1, write_end = -1;
	pid_t pid = -1;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "run %s: pipe", argv[0]);
	read_end = ends[0];
	write_end = ends[1]; /* closed here, so that the child's end is seen */
	rc = spawn(argv, write_end, with_errors, &pid);
	if (rc < 0)
		return err_set(err, rc, "run %s: %s", argv[0], err_reason(-rc));
	*child = (struct child){
		.name = argv[0], .pid = pid, .out = fd_take(&read_end), .since = now_ms()
	};
	return 0;
}

/* A program may have closed its output and go on. */
static int wait_for_end(pid_t pid, int64_t end)
{
	own_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? 0 : wait_for(fd, end);
}

int child_finish(struct child *child, int timeout_ms, char *text, size_t room, struct err *err)
{
	int64_t end = child->since + timeout_ms;
	int status = 0, rc;

	if (text)
		text[0] = '\0';
	rc = read_answer(child->out, end, text, room);
	if (rc == 0)
		rc = wait_for_end(child->pid, end);
	if (rc < 0)
		(void)kill(child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->out = fd_close(child->out);
	if (rc < 0)
		return err_set(err, rc, "run %s: no end within %d s", child->name,
			       timeout_ms / 1000);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int child_run(const char *const argv[], int timeout_ms, char *text, size_t room, struct err *err)
{
	struct child child = { 0 };
	int rc = child_start(&child, argv, true, err);

	return rc < 0 ? rc : child_finish(&child, timeout_ms, text, room, err);
}
