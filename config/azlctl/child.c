/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Read until the other end is closed. Returns 0, or -ETIMEDOUT. */
static int read_answer(int fd, int timeout_ms, char *text, size_t room)
{
	int64_t end = now_ms() + timeout_ms;
	size_t used = 0;

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		char piece[512];
		ssize_t n;

		if (left <= 0 || poll(&ready, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		for (ssize_t i = 0; text && i < n && used + 1 < room; i++)
			text[used++] = piece[i];
		if (text)
			text[used] = '\0';
	}
	return 0;
}

static int start(const char *const argv[], int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
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
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
			  environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

int child_run(const char *const argv[], int timeout_ms, char *text, size_t room, struct err *err)
{
	own_fd int read_end = -1, write_end = -1;
	int ends[2], status = 0, rc;
	pid_t pid = -1;

	if (text)
		text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "run %s: pipe", argv[0]);
	read_end = ends[0];
	write_end = ends[1];
	rc = start(argv, write_end, &pid);
	if (rc < 0)
		return err_set(err, rc, "run %s: %s", argv[0], err_reason(-rc));
	(void)close(fd_take(&write_end)); /* the child's alone: its end is seen */
	rc = read_answer(read_end, timeout_ms, text, room);
	if (rc < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return err_set(err, rc, "run %s: no end within %d s", argv[0], timeout_ms / 1000);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
