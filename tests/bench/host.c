/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/bench/bench.h"

enum {
	FILE_MAX_BYTES = 4 << 20,
	STILL_KB = 512, /* MemAvailable stands still when it moves by less in STILL_MS */
	STILL_MS = 250,
	STILL_TRIES = 24,
};

#define CGROUP "/sys/fs/cgroup/azl-bench"

extern char **environ;

void fail(const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fputs("bench: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	exit(1);
}

double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

pid_t host_spawn(char *const argv[], const char *dir, int in, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int code;

	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addchdir_np(&actions, dir) != 0)
		fail("out of memory");
	if (in >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, in, 0);
	else
		(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, out, 1);
	else
		(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	code = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (code != 0)
		fail("%s: %s", argv[0], strerror(code));
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

int host_reap(pid_t pid)
{
	int status;

	for (;;) {
		pid_t got = waitpid(-1, &status, 0);

		if (got == pid)
			return status;
		if (got < 0 && errno == ECHILD)
			return 0;
		if (got < 0 && errno != EINTR)
			fail("waitpid: %s", strerror(errno));
	}
}

void host_write(const char *path, const void *bytes, size_t len)
{
	own_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || fd_write_all(fd, bytes, len) < 0)
		fail("write %s: %s", path, strerror(errno));
}

char *host_read(const char *path, size_t *len)
{
	struct buf text = { 0 };
	int code = fd_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text);

	if (code < 0)
		fail("read %s: %s", path, strerror(-code));
	if (len)
		*len = text.len;
	return (char *)text.data;
}

/* Entered once, early: moving each child would warm the path that runc's own move takes. */
void host_enter_cgroup(void)
{
	static const char *const dirs[] = { CGROUP, CGROUP "/side", CGROUP "/box" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (mkdir(dirs[i], 0755) < 0 && errno != EEXIST)
			fail("mkdir %s: %s", dirs[i], strerror(errno));
	}
	host_write(CGROUP "/side/cgroup.procs", "0", 1);
}

double host_cpu_ms(void)
{
	own_mem char *text = host_read(CGROUP "/cpu.stat", NULL);
	struct timespec own;
	unsigned long long usec;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	if (sscanf(text, "usage_usec %llu", &usec) != 1)
		fail("%s: no usage_usec", CGROUP "/cpu.stat");
	return (double)usec / 1e3 - (double)own.tv_sec * 1e3 - (double)own.tv_nsec / 1e6;
}

/* The number behind a key of a file in /proc; 0 when it is not there. */
static long figure(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

static long count_fds(pid_t pid)
{
	char path[64];
	long count = -2; /* "." and ".." */
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		fail("%s: %s", path, strerror(errno));
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static long count_words(const char *text)
{
	long count = 0;

	for (; *text; text++)
		count += *text == ' ';
	return count;
}

struct memory host_memory(pid_t pid)
{
	char path[64];
	own_mem char *rollup = NULL;
	own_mem char *status = NULL;
	own_mem char *children = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	rollup = host_read(path, NULL);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = host_read(path, NULL);
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	children = host_read(path, NULL);
	return (struct memory){
		.pss_kb = figure(rollup, "\nPss:"),
		.dirty_kb = figure(rollup, "\nPrivate_Dirty:"),
		.data_kb = figure(status, "\nVmData:"),
		.fds = count_fds(pid),
		.children = count_words(children),
	};
}

void host_print_mappings(pid_t pid)
{
	char path[64];
	own_mem char *text = NULL;
	char name[256] = "";
	char where[8] = "";
	char *line;
	char *rest;
	long rss = 0;
	long pss = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	text = host_read(path, NULL);
	(void)fprintf(stderr, "%8s %8s %8s  mapping (kB)\n", "rss", "pss", "dirty");
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		long value;

		if (sscanf(line, "%*x-%*x %7s %*s %*s %*s %255s", where, name) == 1)
			(void)snprintf(name, sizeof(name), "anonymous");
		else if (sscanf(line, "Rss: %ld", &value) == 1)
			rss = value;
		else if (sscanf(line, "Pss: %ld", &value) == 1)
			pss = value;
		else if (sscanf(line, "Private_Dirty: %ld", &value) == 1 && rss)
			(void)fprintf(stderr, "%8ld %8ld %8ld  %s %s\n", rss, pss, value, where,
				      name);
	}
}

long host_available_kb(void)
{
	struct timespec pause = { .tv_nsec = STILL_MS * 1000000L };
	long before = 0;

	for (int i = 0; i < STILL_TRIES; i++) {
		own_mem char *text = host_read("/proc/meminfo", NULL);
		long now = figure(text, "\nMemAvailable:");

		if (labs(now - before) < STILL_KB)
			return now;
		before = now;
		(void)nanosleep(&pause, NULL);
	}
	return before;
}
