/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runc that says what it is asked: one line with its arguments in /run/azl-e2e/calls, then the
 * real one takes over. A program and no script, so that the shim takes it for the runc that it is
 * (tests/shim_fast.bats).
 *
 * /run/azl-e2e/version, when it is there, is what it answers to --version.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef COUNTED_REAL
#define COUNTED_REAL "/usr/sbin/runc"
#endif

enum { LINE_MAX_BYTES = 16384 };

static void say(int argc, char **argv)
{
	static char line[LINE_MAX_BYTES];
	int fd = open("/run/azl-e2e/calls", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	size_t used = 0;

	for (int i = 1; i < argc && used < sizeof(line) - 2; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s ", argv[i]);
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used] = '\n';
	if (fd < 0 || write(fd, line, used + 1) < 0)
		perror("calls");
	if (fd >= 0)
		(void)close(fd);
}

/* True when it has answered. */
static bool pretend(void)
{
	char text[256];
	int fd = open("/run/azl-e2e/version", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		(void)close(fd);
	return len > 0 && write(STDOUT_FILENO, text, (size_t)len) == len;
}

int main(int argc, char **argv)
{
	bool is_version = argc == 2 && strcmp(argv[1], "--version") == 0;

	if (is_version && pretend())
		return 0;
	/* runc starts itself anew by its own path: that is the real one, which says nothing */
	say(argc, argv);
	(void)execv(COUNTED_REAL, argv);
	perror(COUNTED_REAL);
	return 127;
}
