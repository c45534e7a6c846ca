/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP service, who asks it, and neighbours that it may have. Linked statically, for
 * containers.
 *
 * neighbour serve PORT [fork]
 *
 * Answers each request, after a look at each page of its 2 MiB and at 256 KiB that it gets for it;
 * with "fork" in a process of its own each time, as soon as it gets one.
 *
 * neighbour ask PORT SECONDS TRIGGER [KILL...]
 *
 * Makes the file TRIGGER and asks 25 times a second, whether or not the answer before is there:
 * each time counts from when the request was due, so that one long wait is as many long answers as
 * it held up. A fork, as a shell would, four times a second. In the end "1" goes to each file KILL
 * (a cgroup.kill). Prints "COUNT P50 P99 MAX FORKS REFUSED", times in microseconds, and "gone" when
 * the service is, or silent for SECONDS: what it owes then counts up to the end.
 *
 * neighbour burn|eat|fork TRIGGER [NUMBER]
 *
 * Waits for the file TRIGGER; then burns with NUMBER processes, eats NUMBER MiB, or forks without
 * end.
 *
 * neighbour hold NUMBER
 *
 * Takes NUMBER MiB and stays.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WORK_BYTES = 2 << 20,
	FRESH_BYTES = 256 << 10,
	PAGE_BYTES = 4096,
	SAMPLES_MAX = 100000,
	ASK_EVERY_US = 40000,
	FORK_EVERY_US = 250000,
	CONNECT_S = 30,
	BOMB_PROCESSES = 1 << 17,
	BOMB_STACK_BYTES = 8 << 10,
};

static const char request[] = "GET / HTTP/1.1\r\nHost: azl\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
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

static struct sockaddr_in address_of(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* Reads until `text` has the end of a message; false when there is none to come. */
static bool read_until(int fd, const char *end)
{
	char text[256];
	size_t have = 0;

	while (have < sizeof(text) - 1) {
		ssize_t n = read(fd, text + have, sizeof(text) - 1 - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
		text[have] = '\0';
		if (strstr(text, end))
			return true;
	}
	return false;
}

static void work_for_an_answer(volatile char *work)
{
	volatile char *fresh =
		mmap(NULL, FRESH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fresh == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < WORK_BYTES; at += PAGE_BYTES)
		work[at]++;
	for (size_t at = 0; at < FRESH_BYTES; at += PAGE_BYTES)
		fresh[at]++;
	(void)munmap((void *)(uintptr_t)fresh, FRESH_BYTES);
}

/* Waits for a process, however long it takes. */
static void work_apart(volatile char *work)
{
	pid_t pid = fork();

	while (pid < 0) {
		(void)usleep(10000);
		pid = fork();
	}
	if (pid == 0) {
		work_for_an_answer(work);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
}

static _Noreturn void serve(const char *port, bool forks)
{
	struct sockaddr_in address = address_of(port);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	volatile char *work = mmap(NULL, WORK_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int yes = 1;

	if (work == MAP_FAILED || listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0)
		die("serve");
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		while (read_until(fd, "\r\n\r\n")) {
			if (forks)
				work_apart(work);
			else
				work_for_an_answer(work);
			if (write(fd, answer, sizeof(answer) - 1) < 0)
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
static unsigned int fork_is_refused(void)
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

static int connect_to(const char *port)
{
	struct sockaddr_in address = address_of(port);
	int64_t end = now_us() + (int64_t)CONNECT_S * 1000000;

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		if (fd < 0 || now_us() > end)
			die("connect");
		(void)close(fd);
		(void)usleep(10000);
	}
}

static int ask(int fd, int seconds, const int *kill_fds, int kills)
{
	struct timeval wait = { .tv_sec = seconds };
	int64_t due = now_us();
	int64_t end = due + (int64_t)seconds * 1000000;
	int64_t next_fork = due;
	unsigned int forks = 0, refused = 0;
	size_t count = 0;
	bool gone = false;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	for (; due < end && count < SAMPLES_MAX; due += ASK_EVERY_US) {
		while (!gone && now_us() < due)
			(void)usleep((useconds_t)(due - now_us()));
		if (!gone && now_us() < end)
			gone = write(fd, request, sizeof(request) - 1) < 0 ||
			       !read_until(fd, "ok\n");
		samples[count++] = (uint32_t)((gone ? end : now_us()) - due);
		if (gone || now_us() < next_fork)
			continue;
		next_fork = now_us() + FORK_EVERY_US;
		refused += fork_is_refused();
		forks++;
	}
	for (int i = 0; i < kills; i++)
		if (write(kill_fds[i], "1", 1) != 1 && errno != ENODEV)
			die("kill");
	qsort(samples, count, sizeof(samples[0]), compare);
	printf("%zu %u %u %u %u %u%s\n", count, samples[count / 2], samples[count * 99 / 100],
	       samples[count - 1], forks, refused, gone ? " gone" : "");
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
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
		die("hold");
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

/* The stacks of all processes of the bomb, and how many of them are taken. */
static char *stacks;
static _Atomic uint32_t stacks_taken;

/* They share their memory: of what a host has, it is the tasks that they use up. */
static int bomb(void *unused)
{
	uint32_t mine = atomic_fetch_add(&stacks_taken, 1);

	while (mine < BOMB_PROCESSES)
		if (clone(bomb, stacks + ((size_t)mine + 1) * BOMB_STACK_BYTES, CLONE_VM | SIGCHLD,
			  unused) >= 0)
			mine = atomic_fetch_add(&stacks_taken, 1);
	return pause();
}

static void fork_bomb(void)
{
	stacks = mmap(NULL, (size_t)BOMB_PROCESSES * BOMB_STACK_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED)
		die("fork");
	(void)bomb(NULL);
}

static int ask_main(int argc, char **argv)
{
	enum { KILLS_MAX = 16 };
	int kill_fds[KILLS_MAX];
	int kills = 0;
	int fd = connect_to(argv[2]);

	for (int i = 5; i < argc && kills < KILLS_MAX; i++) {
		kill_fds[kills] = open(argv[i], O_WRONLY | O_CLOEXEC);
		if (kill_fds[kills++] < 0)
			die(argv[i]);
	}
	if (mlockall(MCL_CURRENT) < 0)
		die("mlockall");
	(void)signal(SIGPIPE, SIG_IGN);
	touch(argv[4]);
	return ask(fd, atoi(argv[3]), kill_fds, kills);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "serve") == 0)
		serve(argv[2], argc > 3);
	if (strcmp(what, "ask") == 0 && argc > 4)
		return ask_main(argc, argv);
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
