/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small service, who asks it, and neighbours that it may have. Linked statically, for containers.
 *
 *   neighbour serve SOCKET
 *       Answers each byte, after a look at each page of its 8 MiB and at 1 MiB that it gets for it.
 *   neighbour ask SOCKET SECONDS [TRIGGER [KILL]]
 *       Makes the file TRIGGER, asks every 5 ms, and a shell's worth of fork every 250 ms. In the
 * end it writes "1" to the file KILL (a cgroup.kill). Prints "COUNT P50 P99 MAX FORKS REFUSED",
 * times in microseconds. neighbour burn|eat|fork TRIGGER [NUMBER] Waits for the file TRIGGER; then
 * burns with NUMBER processes, eats memory, or forks without end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WORK_BYTES = 8 << 20,
	FRESH_BYTES = 1 << 20,
	PAGE_BYTES = 4096,
	SAMPLES_MAX = 100000,
	ASK_EVERY_US = 5000,
	FORK_EVERY_US = 250000,
};

static uint32_t samples[SAMPLES_MAX];

static void die(const char *what)
{
	(void)fprintf(stderr, "neighbour: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		die("the socket's path is too long");
	(void)strcpy(address.sun_path, path);
	return address;
}

static _Noreturn void serve(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	volatile char *work = mmap(NULL, WORK_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (work == MAP_FAILED || listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0)
		die("serve");
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char byte;

		while (read(fd, &byte, 1) == 1) {
			volatile char *fresh = mmap(NULL, FRESH_BYTES, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (fresh == MAP_FAILED)
				die("mmap");
			for (size_t at = 0; at < WORK_BYTES; at += PAGE_BYTES)
				work[at]++;
			for (size_t at = 0; at < FRESH_BYTES; at += PAGE_BYTES)
				fresh[at]++;
			(void)munmap((void *)(uintptr_t)fresh, FRESH_BYTES);
			if (write(fd, &byte, 1) != 1)
				break;
		}
		(void)close(fd);
	}
}

static int compare(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one;
	uint32_t b = *(const uint32_t *)other;

	return (a > b) - (a < b);
}

/* 1 when no process can be made. */
static int fork_is_refused(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return pid < 0;
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	(void)close(fd);
}

static int ask(const char *path, int seconds, const char *trigger, const char *killer)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int kill_fd = killer ? open(killer, O_WRONLY | O_CLOEXEC) : -1;
	int64_t end;
	int64_t next_fork;
	unsigned int forks = 0, refused = 0;
	size_t count = 0;
	char byte = 'x';

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (killer && kill_fd < 0) || mlockall(MCL_CURRENT) < 0)
		die("ask");
	if (trigger)
		touch(trigger);
	end = now_us() + (int64_t)seconds * 1000000;
	next_fork = now_us();
	while (now_us() < end && count < SAMPLES_MAX) {
		int64_t before = now_us();

		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			die("the service is gone");
		samples[count++] = (uint32_t)(now_us() - before);
		(void)usleep(ASK_EVERY_US);
		if (now_us() < next_fork)
			continue;
		next_fork = now_us() + FORK_EVERY_US;
		refused += (unsigned int)fork_is_refused();
		forks++;
	}
	if (kill_fd >= 0 && write(kill_fd, "1", 1) != 1 && errno != ENODEV)
		die(killer);
	qsort(samples, count, sizeof(samples[0]), compare);
	printf("%zu %u %u %u %u %u\n", count, samples[count / 2], samples[count * 99 / 100],
	       samples[count - 1], forks, refused);
	return 0;
}

static void burn(int processes)
{
	for (int i = 1; i < processes; i++)
		if (fork() == 0)
			break;
	for (volatile unsigned int n = 0;; n++)
		;
}

static int hold(size_t megabytes)
{
	if (mmap(NULL, megabytes << 20, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0) == MAP_FAILED)
		die("hold");
	(void)puts("held");
	(void)fflush(stdout);
	(void)pause();
	return 0;
}

/* More than there is, and all of it in use: the rest of the host has what this leaves. */
static void eat(size_t megabytes)
{
	volatile char *memory = mmap(NULL, megabytes << 20, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("eat");
	for (;;)
		for (size_t at = 0; at < megabytes << 20; at += PAGE_BYTES)
			memory[at]++;
}

static void fork_bomb(void)
{
	for (;;)
		(void)fork();
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "serve") == 0)
		serve(argv[2]);
	if (strcmp(what, "ask") == 0 && argc > 3)
		return ask(argv[2], atoi(argv[3]), argc > 4 ? argv[4] : NULL,
			   argc > 5 ? argv[5] : NULL);
	if (strcmp(what, "hold") == 0)
		return hold((size_t)atoi(argv[2]));
	if (strcmp(what, "burn") != 0 && strcmp(what, "eat") != 0 && strcmp(what, "fork") != 0) {
		(void)fprintf(stderr, "usage: neighbour serve|ask|hold|burn|eat|fork ...\n");
		return 2;
	}
	while (access(argv[2], F_OK) < 0)
		(void)usleep(10000);
	if (*what == 'b')
		burn(argc > 3 ? atoi(argv[3]) : 1);
	if (*what == 'e')
		eat(argc > 3 ? (size_t)atoi(argv[3]) : 1);
	fork_bomb();
	return 0;
}
