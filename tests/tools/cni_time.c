/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a CNI plugin as a runtime does, and says how long that took.
 *
 *   cni_time VERB PROGRAM CONFIG AT_ONCE ID...
 *
 * one call for each container ID. CONFIG is a file with the network configuration; the namespace of
 * a container is /run/netns/pod-ID, its interface eth0. AT_ONCE calls run side by side. Prints the
 * microseconds of each call from fork to exit, a line each.
 *
 *   cni_time pairs PROGRAM CONFIG N ID
 *
 * N times ADD, then DEL, each time of another container, all in the namespace /run/netns/pod-ID.
 * Prints the microseconds of both, a line each time.
 *
 * Last come "all MICROSECONDS", "cpu MICROSECONDS" (of all processes that took part, the plugins'
 * children included) and "rss KIBIBYTES" (of the largest of them). Exits with 1 when a call failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_ID = 5, CALLS_MAX = 1024 };

struct call {
	pid_t pid; /* 0: it has ended */
	long long begun_us;
};

static struct call calls[CALLS_MAX];

static long long now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void set(const char *name, const char *before, const char *value)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s%s", before, value);
	(void)setenv(name, text, 1);
}

/* Start PROGRAM with CONFIG on its standard input. */
static pid_t start(char **argv)
{
	pid_t pid = vfork();
	int in, out;

	if (pid != 0)
		return pid;
	in = open(argv[3], O_RDONLY | O_CLOEXEC);
	out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	(void)execl(argv[2], argv[2], (char *)NULL);
	_exit(127);
}

static bool succeeded(pid_t pid, int status)
{
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Wait for one of n; says whether it succeeded. */
static bool finish(int n)
{
	int status = 0;
	pid_t pid = waitpid(-1, &status, 0);

	for (int i = 0; i < n; i++) {
		if (calls[i].pid != pid)
			continue;
		(void)printf("%lld\n", now_us() - calls[i].begun_us);
		calls[i].pid = 0;
	}
	return succeeded(pid, status);
}

static int run_verb(int argc, char **argv)
{
	int n = argc - FIRST_ID, at_once = atoi(argv[4]), running = 0, failed = 0;

	set("CNI_COMMAND", "", argv[1]);
	for (int i = 0; i < n; i++) {
		if (running >= at_once) {
			failed += !finish(i);
			running--;
		}
		set("CNI_CONTAINERID", "", argv[FIRST_ID + i]);
		set("CNI_NETNS", "/run/netns/pod-", argv[FIRST_ID + i]);
		calls[i].begun_us = now_us();
		calls[i].pid = start(argv);
		running++;
	}
	for (; running > 0; running--)
		failed += !finish(n);
	return failed;
}

/* One call; its microseconds, or -1. */
static long long run_one(char **argv, const char *verb)
{
	long long begun = now_us();
	int status = 0;
	pid_t pid;

	set("CNI_COMMAND", "", verb);
	pid = start(argv);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !succeeded(pid, status))
		return -1;
	return now_us() - begun;
}

static int run_pairs(char **argv)
{
	int n = atoi(argv[4]), failed = 0;

	set("CNI_NETNS", "/run/netns/pod-", argv[FIRST_ID]);
	for (int i = 0; i < n; i++) {
		char id[64];
		long long add, del;

		(void)snprintf(id, sizeof(id), "-%d", i);
		set("CNI_CONTAINERID", argv[FIRST_ID], id);
		add = run_one(argv, "ADD");
		del = run_one(argv, "DEL");
		(void)printf("%lld %lld\n", add, del);
		failed += add < 0 || del < 0;
	}
	return failed;
}

static long long us_of(const struct timeval *t)
{
	return t->tv_sec * 1000000LL + t->tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage used = { 0 };
	long long begun;
	int failed;

	if (argc <= FIRST_ID || argc - FIRST_ID > CALLS_MAX)
		return 2;
	set("CNI_IFNAME", "", "eth0");
	begun = now_us();
	failed = strcmp(argv[1], "pairs") == 0 ? run_pairs(argv) : run_verb(argc, argv);
	(void)printf("all %lld\n", now_us() - begun);
	(void)getrusage(RUSAGE_CHILDREN, &used);
	(void)printf("cpu %lld\nrss %ld\n", us_of(&used.ru_utime) + us_of(&used.ru_stime),
		     used.ru_maxrss);
	if (failed)
		(void)fprintf(stderr, "%d failed\n", failed);
	return failed ? 1 : 0;
}
