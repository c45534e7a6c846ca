// SPDX-License-Identifier: Apache-2.0
//
// Runs a command and tells how long it took by the monotonic clock, from just
// before it is spawned until its end is seen.
//
// usage: clock FILE LIMIT_S COMMAND...
//
// Writes "MICROSECONDS STATUS" to FILE and exits with STATUS: the command's own,
// 128 + N when signal N ended it, 124 when it was killed for taking LIMIT_S
// seconds, 127 when it cannot be run.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// Waits for the end of pid. Returns its status.
static int end_of(pid_t pid, int limit_ms)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int late = 0, status;

	if (p.fd < 0 || poll(&p, 1, limit_ms) == 0) {
		late = 1;
		(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	if (late)
		return 124;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int64_t start, took;
	int status = 127;
	pid_t pid;
	FILE *out;

	if (argc < 4) {
		fputs("usage: clock FILE LIMIT_S COMMAND...\n", stderr);
		return 2;
	}
	out = fopen(argv[1], "we");
	if (!out) {
		fprintf(stderr, "clock: %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	start = now_usec();
	errno = posix_spawnp(&pid, argv[3], NULL, NULL, argv + 3, environ);
	if (errno == 0)
		status = end_of(pid, atoi(argv[2]) * 1000);
	else
		fprintf(stderr, "clock: %s: %s\n", argv[3], strerror(errno));
	took = now_usec() - start;
	fprintf(out, "%lld %d\n", (long long)took, status);
	return fclose(out) == 0 ? status : 2;
}
