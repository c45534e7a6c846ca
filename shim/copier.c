/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/copier.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/fd.h"

enum {
	COPIER_STEP_BYTES = 64 << 10, /* of one splice: a pipe's default size */
	COPIER_READ_BYTES = 4096,     /* of one read: a line discipline's buffer */
	COPIER_STEPS_PER_TURN = 8,    /* then the others have their turn */
	COPIER_RETRY_MS = 100, /* longer than a line discipline needs to pass on what was written */
};

enum step { STEP_AGAIN, STEP_WAIT_SOURCE, STEP_WAIT_TARGET, STEP_END, STEP_HANGUP };

void copier_stop(struct copier *copier)
{
	loop_remove(copier->loop, &copier->from);
	loop_remove(copier->loop, &copier->to);
	loop_timer_stop(&copier->retry);
	copier->from_fd = fd_close(copier->from_fd);
	copier->to_fd = fd_close(copier->to_fd);
	buf_done(&copier->pending);
	copier->done = true;
}

static void finish(struct copier *copier)
{
	copier_stop(copier);
	copier->on_done(copier);
}

bool copier_is_drained(const struct copier *copier)
{
	return copier->done || (copier->pending.len == 0 && fd_queued(copier->from_fd) == 0);
}

static enum step step_splice(struct copier *copier)
{
	ssize_t n = splice(copier->from_fd, NULL, copier->to_fd, NULL, COPIER_STEP_BYTES,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0 || (n < 0 && errno == EINTR))
		return STEP_AGAIN;
	if (n == 0)
		return STEP_END;
	if (errno != EAGAIN)
		return STEP_END; /* nobody reads the target any more */
	return fd_queued(copier->from_fd) > 0 ? STEP_WAIT_TARGET : STEP_WAIT_SOURCE;
}

static enum step write_pending(struct copier *copier)
{
	struct buf *pending = &copier->pending;
	ssize_t n = write(copier->to_fd, pending->data, pending->len);

	if (n < 0 && errno == EINTR)
		return STEP_AGAIN;
	if (n < 0)
		return errno == EAGAIN ? STEP_WAIT_TARGET : STEP_END;
	buf_drop(pending, (size_t)n);
	if (pending->len == 0)
		buf_done(pending);
	return STEP_AGAIN;
}

static enum step step_read(struct copier *copier)
{
	uint8_t bytes[COPIER_READ_BYTES];
	ssize_t n;
	ssize_t written;

	if (copier->pending.len > 0)
		return write_pending(copier);
	n = read(copier->from_fd, bytes, sizeof(bytes));
	if (n < 0 && errno == EINTR)
		return STEP_AGAIN;
	if (n < 0 && errno == EAGAIN)
		return STEP_WAIT_SOURCE;
	if (n < 0 && errno == EIO && copier->terminal && !copier->ended)
		return STEP_HANGUP;
	if (n <= 0)
		return STEP_END;
	written = write(copier->to_fd, bytes, (size_t)n);
	if (written < 0 && errno != EAGAIN && errno != EINTR)
		return STEP_END;
	if (written < 0)
		written = 0;
	if (written < n && buf_add(&copier->pending, bytes + written, (size_t)(n - written),
				   COPIER_READ_BYTES) < 0)
		return STEP_END;
	return STEP_AGAIN;
}

/* Watch what is waited for and nothing else. */
static void wait_for(struct copier *copier, bool source, bool target)
{
	int code = 0;

	if (source && !loop_has(&copier->from))
		code = loop_add(copier->loop, &copier->from, copier->from_fd, EPOLLIN);
	if (!source)
		loop_remove(copier->loop, &copier->from);
	if (target && !loop_has(&copier->to))
		code = loop_add(copier->loop, &copier->to, copier->to_fd, EPOLLOUT);
	if (!target)
		loop_remove(copier->loop, &copier->to);
	if (code <
	    0) /* a plain file is always ready; without memory to watch it, look again soon */
		loop_timer_start(copier->loop, &copier->retry,
				 code == -EPERM ? 0 : COPIER_RETRY_MS);
}

/*
 * Nothing to read for a while, and the process is gone: what still holds its terminal open must not
 * keep the client from its end of file (containerd runtime/v2/runc/platform.go, ShutdownConsole).
 */
static bool is_over(const struct copier *copier, enum step step)
{
	return step == STEP_WAIT_SOURCE && copier->terminal && copier->ended && copier->quiet;
}

static void run(struct copier *copier)
{
	enum step step = STEP_AGAIN;

	for (int i = 0; i < COPIER_STEPS_PER_TURN && step == STEP_AGAIN; i++)
		step = copier->splice ? step_splice(copier) : step_read(copier);
	if (is_over(copier, step))
		step = STEP_END;
	copier->quiet = false;
	switch (step) {
	case STEP_END:
		finish(copier);
		return;
	case STEP_HANGUP: /* level-triggered EPOLLHUP would never end */
		wait_for(copier, false, false);
		loop_timer_start(copier->loop, &copier->retry, COPIER_RETRY_MS);
		return;
	case STEP_WAIT_TARGET:
		wait_for(copier, false, true);
		return;
	case STEP_AGAIN:
	case STEP_WAIT_SOURCE:
		if (copier->pending.len > 0)
			wait_for(copier, false, true);
		else
			wait_for(copier, true, false);
		if (copier->terminal && copier->ended)
			loop_timer_start(copier->loop, &copier->retry, COPIER_RETRY_MS);
		return;
	}
}

static void on_from(struct loop_source *source, uint32_t events)
{
	(void)events;
	run(owner_of(source, struct copier, from));
}

static void on_to(struct loop_source *source, uint32_t events)
{
	(void)events;
	run(owner_of(source, struct copier, to));
}

static void on_retry(struct loop_timer *timer)
{
	struct copier *copier = owner_of(timer, struct copier, retry);

	copier->quiet = true;
	run(copier);
}

void copier_init(struct copier *copier, struct loop *loop, copier_fn *on_done)
{
	*copier = (struct copier){
		.loop = loop,
		.from_fd = -1,
		.to_fd = -1,
		.done = true,
		.on_done = on_done,
	};
	loop_source_init(&copier->from, on_from);
	loop_source_init(&copier->to, on_to);
	loop_timer_init(&copier->retry, on_retry);
}

static bool is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

int copier_start_take(struct copier *copier, int *from_fd, int *to_fd, bool terminal)
{
	int code;

	copier->from_fd = fd_take(from_fd);
	copier->to_fd = fd_take(to_fd);
	copier->done = false;
	copier->terminal = terminal;
	copier->splice = is_pipe(copier->from_fd) && is_pipe(copier->to_fd);
	code = fd_set_nonblock(copier->from_fd, true);
	if (code == 0)
		code = fd_set_nonblock(copier->to_fd, true);
	if (code == 0)
		code = loop_add(copier->loop, &copier->from, copier->from_fd, EPOLLIN);
	if (code == -EPERM) {
		loop_timer_start(copier->loop, &copier->retry, 0);
		code = 0;
	}
	if (code < 0)
		copier_stop(copier);
	return code;
}

void copier_finish(struct copier *copier)
{
	copier->ended = true;
	if (copier->done || loop_has(&copier->to))
		return;
	run(copier);
}
