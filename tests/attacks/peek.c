/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attacker in a container does (tests/shim_attacks.bats); built statically, run inside.
 *
 *   peek watch FILE   for ever: opens exe, root, cwd, fd/N and mem of every process there is, and
 *                     says in FILE what does not belong to the container, and what could be written
 *   peek euid         says its effective user
 *
 * Lines of FILE: "ready"; "foreign WHAT LINK", a file that is not the one of that name in the
 * container; "wrote WHAT LINK"; "tracer PID", memory of a foreign program that was opened.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HELD_MAX = 64, HELD_TRIES = 400, LINES_MAX = 256, LINK_MAX_BYTES = 256 };

/* A foreign file that may become writable once its program has ended. */
struct held {
	int fd;
	int tries;
	char text[LINK_MAX_BYTES];
};

static struct held held[HELD_MAX];
static char *lines[LINES_MAX];
static FILE *out;

static void say(const char *word, const char *what, const char *link)
{
	char line[LINK_MAX_BYTES + 64];

	(void)snprintf(line, sizeof(line), "%s %s %s", word, what, link);
	for (int i = 0; i < LINES_MAX; i++) {
		if (lines[i] && strcmp(lines[i], line) == 0)
			return;
		if (lines[i])
			continue;
		lines[i] = strdup(line);
		(void)fprintf(out, "%s\n", line);
		(void)fflush(out);
		return;
	}
}

static void hold(int fd, const char *what, const char *link)
{
	for (int i = 0; i < HELD_MAX; i++) {
		if (held[i].tries > 0)
			continue;
		held[i].fd = fd;
		held[i].tries = HELD_TRIES;
		(void)snprintf(held[i].text, sizeof(held[i].text), "%s %s", what, link);
		return;
	}
	(void)close(fd);
}

static void try_to_write(void)
{
	for (int i = 0; i < HELD_MAX; i++) {
		char path[64];
		int fd;

		if (held[i].tries == 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", held[i].fd);
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && pwrite(fd, "#", 1, 0) == 1)
			say("wrote", held[i].text, "");
		if (fd >= 0)
			(void)close(fd);
		if (--held[i].tries == 0)
			(void)close(held[i].fd);
	}
}

/* Whether the file is the one that has this name in the container. */
static bool is_own(int fd, const char *link)
{
	struct stat there;
	struct stat here;

	return fstat(fd, &there) == 0 && stat(link, &here) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

static bool readlink_fd(int fd, char *link)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, LINK_MAX_BYTES - 1);
	if (n >= 0)
		link[n] = '\0';
	return n >= 0;
}

static bool look(int process, const char *name)
{
	char link[LINK_MAX_BYTES] = { 0 };
	bool plain;
	int fd;

	if (readlinkat(process, name, link, sizeof(link) - 1) < 0)
		return false;
	/* pipes and sockets are what every process has; a pidfd is one of the container's init */
	plain = strncmp(link, "pipe:", 5) == 0 || strncmp(link, "socket:", 7) == 0 ||
		strcmp(link, "anon_inode:[pidfd]") == 0;
	fd = plain ? -1 : openat(process, name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return true;
	/* it may have become another one in between */
	if (readlink_fd(fd, link) && is_own(fd, link)) {
		(void)close(fd);
		return true;
	}
	if (strncmp(name, "fd/", 3) == 0)
		name = "fd";
	say("foreign", name, link);
	hold(fd, name, link);
	if (strcmp(name, "exe") == 0) {
		fd = openat(process, "mem", O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			say("tracer", link, "");
			(void)close(fd);
		}
	}
	return true;
}

static void watch(void)
{
	static const char *const names[] = { "exe", "root", "cwd" };
	DIR *proc = opendir("/proc");

	for (struct dirent *entry = proc ? readdir(proc) : NULL; entry; entry = readdir(proc)) {
		int process;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    atoi(entry->d_name) == getpid())
			continue;
		process = openat(dirfd(proc), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (!look(process, names[i]))
				break;
		for (int i = 0; i < 12; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "fd/%d", i);
			(void)look(process, name);
		}
		(void)close(process);
	}
	if (proc)
		(void)closedir(proc);
	try_to_write();
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "euid") == 0)
		return printf("%d\n", (int)geteuid()) < 0;
	if (argc != 3 || strcmp(argv[1], "watch") != 0)
		return 2;
	out = fopen(argv[2], "we");
	if (!out)
		return 1;
	for (;;) {
		watch();
		say("ready", "", "");
	}
}
