/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "config/base/num.h"
#include "config/json.h"
#include "shim/runtime_store.h"
#include "shim/sealed.h"
#include "shim/shim.h"
#include "shim/spawn.h"
#include "shim/status.h"

enum {
	RUNC_LOG_MAX_BYTES = 64 << 10, /* looked at, from the end */
	RUNC_READ_BYTES = 4096,
};

struct runc_request runc_request_blank(void)
{
	return (struct runc_request){ .stdin_fd = -1, .extra_fd = -1 };
}

void runc_arg(struct runc_request *request, const char *arg)
{
	int n = 0;

	while (request->args[n])
		n++;
	if (arg && n + 1 < RUNC_ARGS_MAX)
		request->args[n] = arg;
	else if (arg)
		request->too_many = true;
}

bool runc_is_running(const struct runc_call *call)
{
	return call->child.pid != 0;
}

void runc_cancel(struct runc_call *call)
{
	if (!runc_is_running(call))
		return;
	call->cancelled = true;
	(void)kill(call->child.pid, SIGKILL);
}

void runc_limit(struct runc_call *call, int64_t limit_ms)
{
	if (runc_is_running(call))
		loop_timer_start(&call->shim->loop, &call->timeout, limit_ms);
}

/* Take what it printed; beyond the limit read on so that it does not block, and forget. */
static bool read_output(struct runc_call *call)
{
	uint8_t bytes[RUNC_READ_BYTES];
	ssize_t n = read(call->output_fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		loop_remove(&call->shim->loop, &call->output);
		return false;
	}
	(void)buf_add(&call->captured, bytes, (size_t)n, RUNC_OUTPUT_MAX_BYTES);
	return true;
}

static void on_output(struct loop_source *source, uint32_t events)
{
	(void)events;
	(void)read_output(owner_of(source, struct runc_call, output));
}

static void on_timeout(struct loop_timer *timer)
{
	struct runc_call *call = owner_of(timer, struct runc_call, timeout);

	call->timed_out = true;
	(void)kill(call->child.pid, SIGKILL);
}

static void close_call(struct runc_call *call)
{
	loop_remove(&call->shim->loop, &call->output);
	loop_timer_stop(&call->timeout);
	call->output_fd = fd_close(call->output_fd);
	call->report_fd = fd_close(call->report_fd);
	buf_done(&call->captured);
}

/* What went wrong, in go-runc's words. */
static void explain(struct runc_call *call, const struct child_exit *ended)
{
	struct err *failed = &call->failed;
	struct spawn_report said;

	if (read(call->report_fd, &said, sizeof(said)) == (ssize_t)sizeof(said)) {
		said.err.msg[sizeof(said.err.msg) - 1] = '\0';
		*failed = said.err;
		call->prepare_failed = !said.prepared;
		return;
	}
	while (call->output_fd >= 0 && read_output(call))
		;
	(void)err_set(failed, -EIO, "%s did not terminate successfully: exit status %u%s%.*s",
		      call->runc->name, ended->status, call->output_fd >= 0 ? ": " : "",
		      (int)call->captured.len,
		      call->captured.data ? (const char *)call->captured.data : "");
}

static void on_ended(struct child *child, const struct child_exit *ended)
{
	struct runc_call *call = owner_of(child, struct runc_call, child);
	bool failed = ended->status != 0;

	if (failed)
		explain(call, ended);
	if (failed && (call->timed_out || call->cancelled))
		(void)err_set(&call->failed, -ETIMEDOUT,
			      call->timed_out ? "%s was killed: it did not end in time"
					      : "%s was killed: the request was cancelled",
			      call->runc->name);
	close_call(call);
	call->runc->calls--;
	call->done(call, failed ? &call->failed : NULL);
}

/* Captured output, and the pipe on which a child that never became the runtime reports why. */
static int open_pipes(struct runc_call *call, bool capture, int *output, int *report,
		      struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(err, "pipe");
	call->report_fd = ends[0];
	*report = ends[1];
	if (!capture)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	call->output_fd = ends[0];
	*output = ends[1];
	(void)fd_set_nonblock(call->output_fd, true);
	if (loop_add(&call->shim->loop, &call->output, call->output_fd, EPOLLIN) < 0)
		return err_set(err, -ENOMEM, "no memory to watch a pipe");
	return 0;
}

static off_t log_size(const struct runc *runc)
{
	struct stat st;

	return fstatat(runc->bundle_fd, "log.json", &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : 0;
}

/*
 * Where this call's lines will begin. The runtime only appends, and a probe that fails every few
 * seconds for weeks would fill the memory behind /run: while nobody writes, a long log starts
 * afresh.
 */
static off_t log_begin(const struct runc *runc)
{
	off_t size = log_size(runc);
	own_fd int fd = -1;

	if (size <= RUNC_LOG_KEEP_BYTES || runc->calls > 0)
		return size;
	fd = openat(runc->bundle_fd, "log.json", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && ftruncate(fd, 0) == 0 ? 0 : size;
}

static void fill_argv(const struct runc *runc, const struct runc_request *request,
		      const char **argv)
{
	int n = 0;

	argv[n++] = runc->name;
	argv[n++] = "--root";
	argv[n++] = runc->root;
	argv[n++] = "--log";
	argv[n++] = runc->log_path;
	argv[n++] = "--log-format";
	argv[n++] = "json";
	if (runc->systemd_cgroup)
		argv[n++] = "--systemd-cgroup";
	for (int i = 0; request->args[i]; i++)
		argv[n++] = request->args[i];
	argv[n] = NULL;
}

/* Only these run `runc init`, before which runc 1.1 copies itself. */
static bool starts_init(const struct runc_request *request)
{
	static const char commands[][8] = { "create", "exec", "restore" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(request->args[0], commands[i]) == 0)
			return true;
	return false;
}

static pid_t launch(struct runc_call *call, const struct runc_request *request, int output,
		    int report, struct err *err)
{
	const char *argv[RUNC_ARGS_MAX + 9];
	char program[PATH_MAX];
	char copy[SEALED_PATH_ROOM];
	own_fd int sealed = -1;
	struct spawn spawn = spawn_blank();

	if (request->args[0]) {
		if (spawn_find_program(call->runc->name, program, sizeof(program), err) < 0)
			return err->code;
		fill_argv(call->runc, request, argv);
		spawn.program = program;
		if (call->runc->sealed && starts_init(request) &&
		    sealed_open(RUNTIME_STORE_PATH, program, &sealed, copy, err) == 0) {
			spawn.program = copy;
			spawn.fallback = program;
		}
		spawn.argv = argv;
		spawn.cwd_fd = call->runc->bundle_fd;
	}
	spawn.report_fd = report;
	spawn.prepare = request->prepare;
	spawn.owner = request->owner;
	if (request->stdio) {
		memcpy(spawn.stdio, request->stdio, sizeof(spawn.stdio));
	} else {
		spawn.stdio[0] = request->stdin_fd;
		spawn.stdio[1] = output;
		spawn.stdio[2] = output;
	}
	if (request->extra_fd >= 0)
		spawn.extra[spawn.n_extra++] = request->extra_fd;
	return spawn_start(&spawn, err);
}

int runc_start(struct runc_call *call, struct shim *shim, struct runc *runc,
	       const struct runc_request *request, runc_fn *done, struct err *err)
{
	own_fd int output = -1;
	own_fd int report = -1;
	pid_t pid = -1;

	*call = (struct runc_call){
		.shim = shim,
		.runc = runc,
		.done = done,
		.output_fd = -1,
		.report_fd = -1,
		.log_from = log_begin(runc),
	};
	child_init(&call->child, on_ended);
	loop_source_init(&call->output, on_output);
	loop_timer_init(&call->timeout, on_timeout);
	if (request->too_many)
		(void)err_set(err, STATUS_E_INVALID,
			      "%s %s: more than %d arguments; give fewer options", runc->name,
			      request->args[0], RUNC_ARGS_MAX - 1);
	else if (open_pipes(call, !request->stdio, &output, &report, err) == 0)
		pid = launch(call, request, output, report, err);
	if (pid < 0) {
		close_call(call);
		return err->code;
	}
	runc->calls++;
	log_debug(NULL, "%s %s: pid %d", runc->name,
		  request->args[0] ? request->args[0] : "preparation", (int)pid);
	(void)reaper_watch(&shim->reaper, &call->child, pid, &(struct child_exit){ 0 });
	if (request->timeout_ms > 0)
		loop_timer_start(&shim->loop, &call->timeout, request->timeout_ms);
	return 0;
}

/* ---- the runtime's log ---- */

struct log_scan {
	bool is_error;
	char *msg; /* of the record under way */
	size_t room;
	bool seen;
};

static int on_log_value(void *owner, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	struct log_scan *scan = owner;

	if (type != JSON_STRING)
		return 0;
	if (json_path_is(path, "level", NULL))
		scan->is_error = len == 5 && strncmp(text, "error", 5) == 0;
	if (json_path_is(path, "msg", NULL)) {
		(void)snprintf(scan->msg, scan->room, "%.*s", (int)len, text);
		scan->seen = true;
	}
	return 0;
}

static void trim(char *text)
{
	size_t len = strlen(text);
	size_t skip = strspn(text, " \t\r\n");

	while (len > skip && strchr(" \t\r\n", text[len - 1]))
		len--;
	memmove(text, text + skip, len - skip);
	text[len - skip] = '\0';
}

/*
 * The message of the last record of level error that this call appended.
 * Returns 1 when found, 0 when there is none, -ENOENT when there is no log.
 */
static int last_error(const struct runc_call *call, char *msg, size_t room)
{
	char text[ERR_MSG_MAX];
	struct err ignored;
	struct buf log = { 0 };
	off_t size = log_size(call->runc);
	off_t from = call->log_from;
	own_fd int fd =
		openat(call->runc->bundle_fd, "log.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = -1;
	int found = 0;

	if (fd < 0)
		return -ENOENT;
	if (size - from > RUNC_LOG_MAX_BYTES)
		from = size - RUNC_LOG_MAX_BYTES;
	if (size > from && buf_reserve(&log, (size_t)(size - from), RUNC_LOG_MAX_BYTES))
		n = pread(fd, log.data, (size_t)(size - from), from);
	for (const char *at = (const char *)log.data; n > 0;) {
		const char *end = memchr(at, '\n', (size_t)n);
		size_t len = end ? (size_t)(end - at) : (size_t)n;
		struct log_scan scan = { .msg = text, .room = sizeof(text) };

		if (json_scan(at, len, on_log_value, &scan, &ignored) >= 0 && scan.is_error &&
		    scan.seen) {
			(void)snprintf(msg, room, "%s", text);
			found = 1;
		}
		len += end != NULL;
		at += len;
		n -= (ssize_t)len;
	}
	buf_done(&log);
	if (found)
		trim(msg);
	return found && *msg ? 1 : 0;
}

int runc_error(const struct runc_call *call, const char *prefix, const struct err *failed,
	       struct err *err)
{
	char msg[ERR_MSG_MAX];
	int found;

	if (call->prepare_failed)
		return err_set(err, failed->code, "%s", failed->msg);
	found = last_error(call, msg, sizeof(msg));
	if (found > 0)
		return err_set(err, -EIO, "%s: %s", prefix, msg);
	if (found == 0)
		return err_set(err, -EIO, "%s: %s", prefix, failed->msg);
	return err_set(
		err, -EIO,
		"%s: unable to retrieve OCI runtime error (open %s: no such file or directory): %s",
		prefix, call->runc->log_path, failed->msg);
}

int runc_read_pid(int bundle_fd, const char *name, pid_t *pid, struct err *err)
{
	char text[32];
	ssize_t len = fd_read_text(bundle_fd, name, text, sizeof(text));
	uint64_t value;

	if (len < 0)
		return err_set(err, -EIO, "open %s: %s", name, err_reason((int)-len));
	if (num_u64_parse(text, (size_t)len, &value) < 0 || value < 2 || value > INT_MAX)
		return err_set(err, -EIO, "%s holds no process id: \"%s\"", name, text);
	*pid = (pid_t)value;
	return 0;
}
