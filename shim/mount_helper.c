/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/mount_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/proto/types.pb-c.h"

enum { OUTPUT_MAX = 512 }; /* bytes of what a helper prints that are worth showing */

struct output {
	char text[OUTPUT_MAX];
	size_t len;
};

static const struct {
	char prefix[8];
	char program[16];
} helpers[] = {
	{ "fuse3.", "mount.fuse3" },
	{ "fuse.", "mount.fuse" },
};

enum { HELPERS = sizeof(helpers) / sizeof(helpers[0]) };

static size_t helper_find(const char *type)
{
	size_t i = 0;

	while (i < HELPERS && strncmp(type, helpers[i].prefix, strlen(helpers[i].prefix)) != 0)
		i++;
	return i;
}

bool mount_helper_is_for(const char *type)
{
	return helper_find(type) < HELPERS;
}

static _Noreturn void program_become(const char *const *argv, int out)
{
	/* execvp does not write to its arguments; the type is older than const. */
	char *const *args = (char *const *)(const void *)argv;

	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0) {
		(void)execvp(argv[0], args);
		dprintf(STDERR_FILENO, "%s", err_reason(errno));
	}
	_exit(127);
}

/* Take what is there; the first bytes are kept. Returns 1 while more may come, 0 at the end. */
static int output_take(int from, struct output *output)
{
	char bytes[OUTPUT_MAX];

	for (;;) {
		ssize_t n = read(from, bytes, sizeof(bytes));
		size_t keep;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		keep = sizeof(output->text) - 1 - output->len;
		if (keep > (size_t)n)
			keep = (size_t)n;
		memcpy(output->text + output->len, bytes, keep);
		output->len += keep;
	}
}

/*
 * Read until the program itself ends, not until everyone closed the pipe: a FUSE server started by
 * it may keep its end for as long as the mount lives.
 */
static void output_collect(pid_t pid, int from, struct output *output)
{
	own_fd int life = pidfd_open(pid, 0);
	struct pollfd wait[2] = { { .fd = life, .events = POLLIN },
				  { .fd = from, .events = POLLIN } };

	while (life >= 0 && !(wait[0].revents & POLLIN)) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			break;
		if (!output_take(from, output))
			wait[1].fd = -1;
	}
	(void)output_take(from, output);
	while (output->len > 0 && output->text[output->len - 1] == '\n')
		output->len--;
	output->text[output->len] = '\0';
}

/* Returns the wait status, or a negative errno value. */
static int program_run(const char *const *argv, struct output *output)
{
	int ends[2];
	own_fd int from = -1;
	int status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	(void)fcntl(from, F_SETFL, O_NONBLOCK);
	pid = fork();
	if (pid == 0)
		program_become(argv, ends[1]);
	(void)fd_close(ends[1]);
	if (pid < 0)
		return -errno;
	output_collect(pid, from, output);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status;
}

static int failure_say(const char *program, int status, const struct output *output,
		       struct err *err)
{
	if (status < 0) {
		errno = -status;
		return err_errno(err, "run %s", program);
	}
	if (WIFSIGNALED(status))
		return err_set(err, -EIO, "mount helper %s failed: \"%s\": signal %d", program,
			       output->text, WTERMSIG(status));
	return err_set(err, -EIO, "mount helper %s failed: \"%s\": exit status %d", program,
		       output->text, WEXITSTATUS(status));
}

int mount_helper_mount(const Pb__Mount *mount, const char *target, struct err *err)
{
	size_t which = helper_find(mount->type);
	struct output output = { .len = 0 };
	own_mem const char **argv = calloc(2 * mount->n_options + 6, sizeof(*argv));
	size_t n = 0;
	int status;

	if (!argv)
		return err_set(err, -ENOMEM, "no memory for %zu options", mount->n_options);
	argv[n++] = helpers[which].program;
	argv[n++] = mount->source;
	argv[n++] = target;
	for (size_t i = 0; i < mount->n_options; i++) {
		argv[n++] = "-o";
		argv[n++] = mount->options[i];
	}
	argv[n++] = "-t";
	argv[n++] = mount->type + strlen(helpers[which].prefix);
	status = program_run(argv, &output);
	return status == 0 ? 0 : failure_say(argv[0], status, &output, err);
}

int mount_helper_unmount(const char *target)
{
	static const char *const programs[] = { "fusermount3", "fusermount" };

	for (size_t i = 0; i < 2; i++) {
		const char *argv[] = { programs[i], "-u", target, NULL };
		struct output output = { .len = 0 };

		if (program_run(argv, &output) == 0)
			return 0;
	}
	return -EIO;
}
