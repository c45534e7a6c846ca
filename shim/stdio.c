/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "shim/logger.h"
#include "shim/uri.h"

enum {
	STDIO_OPEN_MS = 30000, /* containerd gives the client as long */
	STDIO_OPEN_RETRY_MS = 2,
	STDIO_DRAIN_MS = 5000,	    /* well below the 10 s that CRI has for an exit */
	STDIO_DRAIN_QUIET_MS = 100, /* so long an empty pipe may still belong to someone */
	STDIO_DRAIN_STEP_MS = 20,
	STDIO_READ_MS = 1000, /* so long a client that is slow to read is waited for */
	STDIO_READ_STEP_MS = 2,
};

static void on_copied(struct copier *copier)
{
	(void)copier; /* both sides are closed; who waits for it, looks */
}

/* The end of a terminal's input hangs it up, as with containerd's own shim
 * (runtime/v2/runc/platform.go). */
static void on_stdin_copied(struct copier *copier)
{
	struct stdio *stdio = owner_of(copier, struct stdio, copy[STDIO_IN]);

	if (stdio->master < 0)
		return;
	copier_stop(&stdio->copy[STDIO_OUT]);
	stdio->master = fd_close(stdio->master);
}

static void on_open_timer(struct loop_timer *timer);
static void on_drain_timer(struct loop_timer *timer);

int stdio_init(struct stdio *stdio, struct loop *loop, const char *in, const char *out,
	       const char *err_uri, bool terminal)
{
	const char *uris[STDIO_MAX] = { in, out, err_uri };
	int code = 0;

	*stdio = (struct stdio){ .loop = loop, .terminal = terminal, .master = -1 };
	loop_timer_init(&stdio->open, on_open_timer);
	loop_timer_init(&stdio->drain, on_drain_timer);
	for (int i = 0; i < STDIO_MAX; i++) {
		stdio->child[i] = stdio->shim_side[i] = stdio->client_side[i] = stdio->spare[i] =
			-1;
		copier_init(&stdio->copy[i], loop, i == STDIO_IN ? on_stdin_copied : on_copied);
		stdio->uri[i] = strdup(uris[i] ? uris[i] : "");
		if (!stdio->uri[i])
			code = -ENOMEM;
	}
	return code;
}

/* A pipe for one stream: `child` keeps its end blocking and owned by the container's user. */
static int make_pipe(struct stdio *stdio, int i, const struct stdio_context *context,
		     struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "failed to create init process I/O: pipe");
	stdio->child[i] = ends[i == STDIO_IN ? 0 : 1];
	stdio->shim_side[i] = ends[i == STDIO_IN ? 1 : 0];
	if (fchown(stdio->child[i], context->uid, context->gid) < 0)
		return err_errno(err, "failed to create init process I/O: chown of a pipe");
	return 0;
}

/* file:///path: appended to by the process itself, where it may, and made with its folders. */
static int open_file_uri(struct stdio *stdio, const char *uri, const struct stdio_context *context,
			 struct err *err)
{
	own_mem char *path = uri_path(uri);

	if (!path || path[0] != '/')
		return err_set(err, -EINVAL,
			       "failed to create init process I/O: %s: the path must be absolute",
			       uri);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return err_errno(err, "failed to create init process I/O: mkdir %s", path);
		*at = '/';
	}
	stdio->client_side[STDIO_OUT] = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (stdio->client_side[STDIO_OUT] < 0)
		return err_errno(err, "failed to create init process I/O: open %s", path);
	if (stdio->terminal)
		return 0;
	stdio->client_side[STDIO_ERR] = fcntl(stdio->client_side[STDIO_OUT], F_DUPFD_CLOEXEC, 3);
	if (stdio->client_side[STDIO_ERR] < 0)
		return err_errno(err, "dup of %s", path);
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++) {
		if (!context->piped)
			stdio->child[i] = fd_take(&stdio->client_side[i]);
		else if (make_pipe(stdio, i, context, err) < 0)
			return err->code;
	}
	return 0;
}

static void on_logger(struct logger *logger, const struct err *err)
{
	struct stdio *stdio = logger->owner;

	stdio->on_open(stdio, err);
}

/* binary://: the process writes into pipes that the program reads. */
static int open_logger(struct stdio *stdio, const struct stdio_context *context, struct err *err)
{
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++)
		if (make_pipe(stdio, i, context, err) < 0)
			return err->code;
	stdio->logger = logger_start(context->loop, context->reaper, stdio->uri[STDIO_OUT],
				     context->id, context->ns, stdio->shim_side[STDIO_OUT],
				     stdio->shim_side[STDIO_ERR], on_logger, stdio, err);
	if (!stdio->logger)
		return err->code;
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++)
		stdio->shim_side[i] = fd_close(stdio->shim_side[i]);
	if (stdio->terminal) { /* copied from the terminal into the program's first pipe */
		stdio->client_side[STDIO_OUT] = fd_take(&stdio->child[STDIO_OUT]);
		stdio->child[STDIO_ERR] = fd_close(stdio->child[STDIO_ERR]);
	}
	return 0;
}

static bool is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* The path behind a URI without scheme or with fifo://, owned by the caller. */
static char *fifo_path(const char *uri)
{
	return uri_has_scheme(uri, "fifo") ? uri_path(uri) : strdup(uri);
}

/* stdin: our reader, then our writer, so that the reader never sees an end that the client did not
 * mean. */
static int open_stdin(struct stdio *stdio, const struct stdio_context *context, struct err *err)
{
	own_mem char *path = fifo_path(stdio->uri[STDIO_IN]);
	int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		return err_errno(err, "failed to open stdin fifo %s", stdio->uri[STDIO_IN]);
	if (!is_fifo(path) && !stdio->terminal) { /* a plain file is read by the process itself */
		(void)fcntl(fd, F_SETFL, 0);
		stdio->child[STDIO_IN] = fd;
		return 0;
	}
	stdio->client_side[STDIO_IN] = fd;
	stdio->spare[STDIO_IN] = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (stdio->spare[STDIO_IN] < 0 && is_fifo(path))
		return err_errno(err, "failed to open stdin fifo %s", path);
	return stdio->terminal ? 0 : make_pipe(stdio, STDIO_IN, context, err);
}

/* A plain file given as output, opened once when both streams name it (containerd
 * pkg/process/io.go). */
static int open_plain_file(struct stdio *stdio, int i, const char *path, struct err *err)
{
	if (i == STDIO_ERR && strcmp(stdio->uri[STDIO_OUT], stdio->uri[STDIO_ERR]) == 0 &&
	    stdio->client_side[STDIO_OUT] >= 0)
		stdio->client_side[i] = fcntl(stdio->client_side[STDIO_OUT], F_DUPFD_CLOEXEC, 3);
	else
		stdio->client_side[i] = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (stdio->client_side[i] < 0)
		return err_set(err, -errno,
			       "failed to start io pipe copy: containerd-shim: opening file \"%s\" "
			       "failed: "
			       "open %s: %s",
			       path, path,
			       errno == ENOENT ? "no such file or directory" : err_reason(errno));
	return 0;
}

/*
 * One output. Returns 0 when open, 1 when the client's reader is not there yet (the writer must not
 * open and close before it, or the client would wait for ever), or negative, err filled.
 */
static int open_output(struct stdio *stdio, int i, struct err *err)
{
	own_mem char *path = fifo_path(stdio->uri[i]);

	if (!path)
		return err_set(err, -ENOMEM, "no memory for a path");
	if (!is_fifo(path))
		return open_plain_file(stdio, i, path, err);
	stdio->client_side[i] = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (stdio->client_side[i] < 0 && errno == ENXIO)
		return 1;
	if (stdio->client_side[i] >= 0)
		stdio->spare[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (stdio->client_side[i] < 0 || stdio->spare[i] < 0)
		return err_set(
			err, -errno,
			"failed to start io pipe copy: containerd-shim: opening w/o fifo \"%s\" "
			"failed: %s",
			path, err_reason(errno));
	return 0;
}

static bool wants_output(const struct stdio *stdio, int i)
{
	return stdio->uri[i][0] != '\0' && !(i == STDIO_ERR && stdio->terminal);
}

/* Both outputs, as far as the client is there. Returns 0, 1 or negative as open_output. */
static int open_outputs(struct stdio *stdio, struct err *err)
{
	int late = 0;

	for (int i = STDIO_OUT; i <= STDIO_ERR; i++) {
		int code;

		if (!wants_output(stdio, i) || stdio->client_side[i] >= 0)
			continue;
		code = open_output(stdio, i, err);
		if (code < 0)
			return code;
		late |= code;
	}
	return late;
}

/* The outputs are open: the process gets them as they are, where that is safe; else the pipes stay.
 */
static void hand_over(struct stdio *stdio)
{
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++) {
		if (!wants_output(stdio, i) || stdio->child[i] >= 0 || stdio->terminal)
			continue;
		(void)fcntl(stdio->client_side[i], F_SETFL,
			    fcntl(stdio->client_side[i], F_GETFL) & ~O_NONBLOCK);
		stdio->child[i] = fd_take(&stdio->client_side[i]);
	}
}

static void on_open_timer(struct loop_timer *timer)
{
	struct stdio *stdio = owner_of(timer, struct stdio, open);
	struct err err = { 0 };
	int code = open_outputs(stdio, &err);

	if (code > 0 && loop_now_ms() < stdio->open_until_ms) {
		loop_timer_start(stdio->loop, &stdio->open, STDIO_OPEN_RETRY_MS);
		return;
	}
	if (code > 0)
		(void)err_set(
			&err, -ETIMEDOUT,
			"failed to start io pipe copy: nobody opened %s for reading within %d s",
			stdio->uri[STDIO_OUT], STDIO_OPEN_MS / 1000);
	if (code == 0)
		hand_over(stdio);
	stdio->on_open(stdio, code ? &err : NULL);
}

/*
 * Pipes for outputs that may not be handed over: whoever holds a FIFO keeps its reader waiting, so
 * only a process that is sure to be the last writer gets it. A plain file has no reader that waits.
 */
static int make_output_pipes(struct stdio *stdio, const struct stdio_context *context,
			     struct err *err)
{
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++) {
		own_mem char *path = NULL;

		if (!wants_output(stdio, i) || stdio->terminal || context->direct)
			continue;
		path = fifo_path(stdio->uri[i]);
		if (path && (context->piped || is_fifo(path)) &&
		    make_pipe(stdio, i, context, err) < 0)
			return err->code;
	}
	return 0;
}

static int begin_open(struct stdio *stdio, const struct stdio_context *context, struct err *err)
{
	const char *out = stdio->uri[STDIO_OUT];

	if (uri_has_scheme(out, "binary") || uri_has_scheme(out, "binary-v2"))
		return open_logger(stdio, context, err) < 0 ? err->code : 1;
	if (stdio->uri[STDIO_IN][0] != '\0' && open_stdin(stdio, context, err) < 0)
		return err->code;
	if (uri_has_scheme(out, "file"))
		return open_file_uri(stdio, out, context, err);
	if (uri_scheme_len(out) > 0 && !uri_has_scheme(out, "fifo"))
		return err_set(err, -EINVAL,
			       "failed to create init process I/O: unknown STDIO scheme %.*s",
			       (int)uri_scheme_len(out), out);
	if (make_output_pipes(stdio, context, err) < 0)
		return err->code;
	stdio->open_until_ms = loop_now_ms() + STDIO_OPEN_MS;
	on_open_timer(&stdio->open);
	return 1;
}

void stdio_open(struct stdio *stdio, const struct stdio_context *context, stdio_fn *on_open)
{
	struct err err = { 0 };
	int code;

	stdio->on_open = on_open;
	code = begin_open(stdio, context, &err);
	if (code <= 0)
		on_open(stdio, code < 0 ? &err : NULL);
}

static int start_copy(struct stdio *stdio, int i, int *from, int *to, bool terminal,
		      struct err *err)
{
	int code = copier_start_take(&stdio->copy[i], from, to, terminal);

	return code < 0 ? err_set(err, code, "failed to start io pipe copy: %s", err_reason(-code))
			: 0;
}

static int start_terminal(struct stdio *stdio, struct err *err)
{
	int in = stdio->client_side[STDIO_IN] < 0 ? -1 : fcntl(stdio->master, F_DUPFD_CLOEXEC, 3);
	int out = stdio->client_side[STDIO_OUT] < 0 ? -1 : fcntl(stdio->master, F_DUPFD_CLOEXEC, 3);

	if (out >= 0 &&
	    start_copy(stdio, STDIO_OUT, &out, &stdio->client_side[STDIO_OUT], true, err) < 0)
		return err->code;
	if (in >= 0 &&
	    start_copy(stdio, STDIO_IN, &stdio->client_side[STDIO_IN], &in, false, err) < 0)
		return err->code;
	return 0;
}

int stdio_started_take(struct stdio *stdio, int *master, struct err *err)
{
	for (int i = 0; i < STDIO_MAX; i++)
		stdio->child[i] = fd_close(stdio->child[i]);
	if (*master >= 0) {
		stdio->master = fd_take(master);
		return start_terminal(stdio, err);
	}
	if (stdio->shim_side[STDIO_IN] >= 0 &&
	    start_copy(stdio, STDIO_IN, &stdio->client_side[STDIO_IN], &stdio->shim_side[STDIO_IN],
		       false, err) < 0)
		return err->code;
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++)
		if (stdio->shim_side[i] >= 0 && start_copy(stdio, i, &stdio->shim_side[i],
							   &stdio->client_side[i], false, err) < 0)
			return err->code;
	return 0;
}

void stdio_exited(struct stdio *stdio)
{
	if (stdio->master >= 0)
		copier_finish(&stdio->copy[STDIO_OUT]);
	copier_stop(&stdio->copy[STDIO_IN]);
}

void stdio_close_stdin(struct stdio *stdio)
{
	stdio->spare[STDIO_IN] = fd_close(stdio->spare[STDIO_IN]);
}

int stdio_resize(struct stdio *stdio, uint16_t columns, uint16_t rows)
{
	struct winsize size = { .ws_col = columns, .ws_row = rows };

	if (stdio->master < 0)
		return 0;
	return ioctl(stdio->master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static bool all_copied(const struct stdio *stdio)
{
	return stdio->copy[STDIO_OUT].done && stdio->copy[STDIO_ERR].done;
}

static bool is_copying(const struct stdio *stdio)
{
	int64_t now_ms = loop_now_ms();
	bool empty = copier_is_drained(&stdio->copy[STDIO_OUT]) &&
		     copier_is_drained(&stdio->copy[STDIO_ERR]);
	int64_t quiet_since_ms = stdio->drain_until_ms - STDIO_DRAIN_MS + STDIO_DRAIN_QUIET_MS;

	return !all_copied(stdio) && now_ms < stdio->drain_until_ms &&
	       (!empty || now_ms < quiet_since_ms);
}

/* Nothing is written any more. Without our readers, those of clients are told from none. Returns
 * whether the FIFOs hold something. */
static bool end_copies(struct stdio *stdio)
{
	bool holds = false;

	if (!all_copied(stdio))
		log_debug(NULL, "output still held by another process, or unread: closing it");
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++) {
		copier_stop(&stdio->copy[i]);
		holds |= stdio->spare[i] >= 0 && fd_queued(stdio->spare[i]) > 0;
	}
	for (int i = STDIO_OUT; i <= STDIO_ERR && holds; i++)
		stdio->spare[i] = fd_close(stdio->spare[i]);
	return holds;
}

/* Somebody has a FIFO open for reading, and it is not empty. */
static bool is_unread(const struct stdio *stdio)
{
	for (int i = STDIO_OUT; i <= STDIO_ERR; i++) {
		own_mem char *path = wants_output(stdio, i) ? fifo_path(stdio->uri[i]) : NULL;
		own_fd int fd = -1;

		if (path && is_fifo(path))
			fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && fd_queued(fd) > 0)
			return true;
	}
	return false;
}

static void on_drain_timer(struct loop_timer *timer)
{
	struct stdio *stdio = owner_of(timer, struct stdio, drain);

	if (stdio->read_until_ms == 0) {
		if (is_copying(stdio)) {
			loop_timer_start(stdio->loop, &stdio->drain, STDIO_DRAIN_STEP_MS);
			return;
		}
		if (end_copies(stdio))
			stdio->read_until_ms = loop_now_ms() + STDIO_READ_MS;
	}
	if (loop_now_ms() < stdio->read_until_ms && is_unread(stdio)) {
		loop_timer_start(stdio->loop, &stdio->drain, STDIO_READ_STEP_MS);
		return;
	}
	stdio->on_drained(stdio, NULL);
}

void stdio_drain(struct stdio *stdio, stdio_fn *on_drained)
{
	stdio->on_drained = on_drained;
	stdio->drain_until_ms = loop_now_ms() + STDIO_DRAIN_MS;
	stdio->read_until_ms = 0;
	on_drain_timer(&stdio->drain);
}

void stdio_close(struct stdio *stdio)
{
	loop_timer_stop(&stdio->open);
	loop_timer_stop(&stdio->drain);
	logger_stop(stdio->logger);
	stdio->logger = NULL;
	stdio->master = fd_close(stdio->master);
	for (int i = 0; i < STDIO_MAX; i++) {
		copier_stop(&stdio->copy[i]);
		stdio->child[i] = fd_close(stdio->child[i]);
		stdio->shim_side[i] = fd_close(stdio->shim_side[i]);
		stdio->client_side[i] = fd_close(stdio->client_side[i]);
		stdio->spare[i] = fd_close(stdio->spare[i]);
	}
}

void stdio_done(struct stdio *stdio)
{
	stdio_close(stdio);
	for (int i = 0; i < STDIO_MAX; i++) {
		free(stdio->uri[i]);
		stdio->uri[i] = NULL;
	}
}
