/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a CNI plugin as a runtime does, once for each container, and says how long that took.
 *
 *   cni_time VERB PROGRAM CONFIG AT_ONCE ID...
 *
 * CONFIG is a file with the network configuration; the namespace of a container is
 * /run/netns/pod-ID, its interface eth0. AT_ONCE calls run side by side. Prints the microseconds of
 * each call from fork to exit, a line each, and "all MICROSECONDS"; exits with 1 when one failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_ID = 5, CALLS_MAX = 1024 };

struct call {
	pid_t pid;
	long long begun_us;
};

static struct call calls[CALLS_MAX];

static long long now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void set(const char *name, const char *format, const char *value)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s%s", format, value);
	(void)setenv(name, text, 1);
}

static pid_t start(char **argv, const char *id)
{
	pid_t pid;
	int in, out;

	set("CNI_CONTAINERID", "", id);
	set("CNI_NETNS", "/run/netns/pod-", id);
	pid = vfork();
	if (pid != 0)
		return pid;
	in = open(argv[3], O_RDONLY);
	out = open("/dev/null", O_WRONLY);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	(void)execl(argv[2], argv[2], (char *)NULL);
	_exit(127);
}

/* Wait for one; returns whether it succeeded. */
static bool finish(int n)
{
	int status = 0;
	pid_t pid = waitpid(-1, &status, 0);

	for (int i = 0; i < n; i++) {
		if (calls[i].pid == pid)
			(void)printf("%lld\n", now_us() - calls[i].begun_us);
	}
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	int n = argc - FIRST_ID, at_once, running = 0, failed = 0;
	long long begun;

	if (n < 1 || n > CALLS_MAX)
		return 2;
	at_once = atoi(argv[4]);
	set("CNI_COMMAND", "", argv[1]);
	set("CNI_IFNAME", "", "eth0");
	begun = now_us();
	for (int i = 0; i < n; i++) {
		if (running >= at_once) {
			failed += !finish(i);
			running--;
		}
		calls[i].begun_us = now_us();
		calls[i].pid = start(argv, argv[FIRST_ID + i]);
		running++;
	}
	for (; running > 0; running--)
		failed += !finish(n);
	(void)printf("all %lld\n", now_us() - begun);
	if (failed)
		(void)fprintf(stderr, "%d of %d failed\n", failed, n);
	return failed ? 1 : 0;
}
