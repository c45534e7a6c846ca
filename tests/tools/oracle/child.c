/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/tools/oracle/world.h"

/* One pipe from a child. */
struct drain {
	struct source source;
	struct buf *into; /* borrowed */
	bool open;
};

static void drain_ready(struct world *world, struct source *source, short revents)
{
	struct drain *drain = owner_of(source, struct drain, source);
	uint8_t bytes[4096];
	ssize_t n = read(source->fd, bytes, sizeof(bytes));

	(void)revents;
	if (n > 0 && buf_add(drain->into, bytes, (size_t)n, BYTES_MAX) == 0)
		return;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	drain->open = false;
	source_close(world, source);
}

static int drain_make(struct world *world, struct drain *drain, struct buf *into)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail(world, "pipe: errno %d", errno);
	drain->into = into;
	drain->open = true;
	source_add(world, &drain->source, ends[0], POLLIN, drain_ready);
	return ends[1];
}

/* A file in memory that holds what the child reads; /dev/null for nothing. */
static int input_make(struct world *world, const struct buf *in)
{
	int fd = in ? memfd_create("stdin", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (in && fd_write_all(fd, in->data, in->len) < 0) ||
	    (in && lseek(fd, 0, SEEK_SET) < 0))
		fail(world, "input of a command: errno %d", errno);
	return fd;
}

_Noreturn static void become(char *const argv[], const char *cwd, int in, int out, int err)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || (cwd && chdir(cwd) < 0))
		_exit(126);
	(void)execv(argv[0], argv);
	_exit(127);
}

struct pending {
	pid_t pid;
	int status;
	bool gone;
	struct source source; /* its pidfd */
	struct drain out;
	struct drain err;
};

static void gone_ready(struct world *world, struct source *source, short revents)
{
	struct pending *pending = owner_of(source, struct pending, source);

	(void)revents;
	if (waitpid(pending->pid, &pending->status, WNOHANG) != pending->pid)
		return;
	pending->gone = true;
	source_close(world, source);
}

/* Gone, and both pipes closed by everybody: what containerd waits for too. */
static bool pending_done(struct world *world, void *arg)
{
	const struct pending *pending = arg;

	(void)world;
	return pending->gone && !pending->out.open && !pending->err.open;
}

void child_run(struct world *world, char *const argv[], const char *cwd, const struct buf *in,
	       bool merged, int limit_ms, struct outcome *outcome)
{
	struct pending pending = { 0 };
	own_fd int input = input_make(world, in);
	own_fd int out = -1;
	own_fd int err = -1;

	*outcome = (struct outcome){ 0 };
	out = drain_make(world, &pending.out, &outcome->out);
	if (!merged)
		err = drain_make(world, &pending.err, &outcome->err);
	pending.pid = fork();
	if (pending.pid < 0)
		fail(world, "fork: errno %d", errno);
	if (pending.pid == 0)
		become(argv, cwd, input, out, merged ? out : err);
	out = fd_close(out);
	err = fd_close(err);
	source_add(world, &pending.source, (int)syscall(SYS_pidfd_open, pending.pid, 0), POLLIN,
		   gone_ready);
	if (!world_until(world, pending_done, &pending, limit_ms)) {
		(void)kill(-pending.pid, SIGKILL);
		if (!pending.gone)
			(void)waitpid(pending.pid, &pending.status, 0);
		outcome->status = -1;
	} else {
		outcome->status = WIFEXITED(pending.status) ? WEXITSTATUS(pending.status)
							    : 128 + WTERMSIG(pending.status);
	}
	source_close(world, &pending.source);
	source_close(world, &pending.out.source);
	source_close(world, &pending.err.source);
}

void outcome_done(struct outcome *outcome)
{
	buf_done(&outcome->out);
	buf_done(&outcome->err);
}
