/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses from any IPAM plugin in CNI_PATH. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/ipam.h"
#include "cni/netconf.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/base/num.h"
#include "config/json.h"

enum {
	DELEGATE_OUT_MAX_BYTES = 1 << 20,
	DELEGATE_PIECE_BYTES = 4096,
	DELEGATE_BUSY_TRIES = 20, /* the plugin is being written: ETXTBSY */
	DELEGATE_BUSY_US = 50000,
	DELEGATE_UNDO_MS = 2000,
	DELEGATE_NAMES = 6, /* variables of CNI */
	DELEGATE_LOCK_FD = 3,
};

struct delegate {
	const struct ipam_request *request;
	const char *type;
	const char *verb;
	int64_t until_ms;
	pid_t pid;	  /* 0: reaped */
	int pidfd;	  /* owned */
	int out;	  /* owned */
	int status;	  /* of waitpid */
	struct buf reply; /* owned */
};

/* What an error object says. */
struct delegate_error {
	uint64_t code;
	char msg[400];
	char details[400];
};

static void delegate_keep(char *to, size_t room, const char *text, size_t len)
{
	(void)snprintf(to, room, "%.*s", (int)(len < room ? len : room - 1), text);
}

static int delegate_on_error(void *owner, const struct json_path *path, enum json_type type,
			     const char *text, size_t len)
{
	struct delegate_error *error = owner;

	if (type == JSON_NUMBER && json_path_is(path, "code", NULL))
		(void)num_u64_parse(text, len, &error->code);
	if (type == JSON_STRING && json_path_is(path, "msg", NULL))
		delegate_keep(error->msg, sizeof(error->msg), text, len);
	if (type == JSON_STRING && json_path_is(path, "details", NULL))
		delegate_keep(error->details, sizeof(error->details), text, len);
	return 0;
}

/* The plugin's file. Returns 0, CNI_CONFIG_INVALID. */
static int delegate_find(const struct delegate *delegate, char *path, size_t room, struct err *err)
{
	const char *at = delegate->request->args->path;

	if (!delegate->type || !delegate->type[0] || strchr(delegate->type, '/') ||
	    strcmp(delegate->type, ".") == 0 || strcmp(delegate->type, "..") == 0)
		return cni_err(err, CNI_CONFIG_INVALID, "ipam.type: not the name of a plugin: %s",
			       delegate->type ? delegate->type : "");
	while (at && *at) {
		size_t len = strcspn(at, ":");
		struct stat info;
		int n = snprintf(path, room, "%.*s/%s", (int)len, at, delegate->type);

		if (len > 0 && n > 0 && (size_t)n < room && stat(path, &info) == 0 &&
		    S_ISREG(info.st_mode) && access(path, X_OK) == 0)
			return 0;
		at += len + (at[len] == ':');
	}
	return cni_err(err, CNI_CONFIG_INVALID, "ipam.type: no plugin %s in CNI_PATH",
		       delegate->type);
}

/*
 * What the plugin is told: the attachment of the request, which need not be the one that our own
 * environment names (somebody dead is undone), and everything else as it is.
 */
struct delegate_environment {
	char *own[DELEGATE_NAMES]; /* owned */
	char **all;		   /* owned; the strings are ours, or environ's */
};

static const char *const delegate_names[DELEGATE_NAMES] = {
	"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH", "CNI_ARGS",
};

static bool delegate_is_own(const char *entry)
{
	for (size_t i = 0; i < DELEGATE_NAMES; i++) {
		size_t len = strlen(delegate_names[i]);

		if (strncmp(entry, delegate_names[i], len) == 0 && entry[len] == '=')
			return true;
	}
	return false;
}

static void delegate_environment_done(struct delegate_environment *environment)
{
	for (size_t i = 0; i < DELEGATE_NAMES; i++)
		free(environment->own[i]);
	free(environment->all);
}

/* Returns 0 or -ENOMEM; in either case to be given to delegate_environment_done(). */
static int delegate_environment_make(const struct delegate *delegate,
				     struct delegate_environment *environment)
{
	const struct cni_args *args = delegate->request->args;
	const char *const values[DELEGATE_NAMES] = {
		delegate->verb, args->container, args->netns, args->ifname, args->path, args->text,
	};
	size_t n = 0;
	size_t out = 0;

	*environment = (struct delegate_environment){ 0 };
	while (environ[n])
		n++;
	environment->all = calloc(n + DELEGATE_NAMES + 1, sizeof(*environment->all));
	if (!environment->all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!delegate_is_own(environ[i]))
			environment->all[out++] = environ[i];
	}
	for (size_t i = 0; i < DELEGATE_NAMES; i++) {
		if (asprintf(&environment->own[i], "%s=%s", delegate_names[i], values[i]) < 0) {
			environment->own[i] = NULL;
			return -ENOMEM;
		}
		environment->all[out++] = environment->own[i];
	}
	return 0;
}

/* The configuration as a file to read from: no pipe that could fill. */
static int delegate_input(const struct ipam_request *request, int *fd, struct err *err)
{
	own_fd int memory = memfd_create("cni-config", MFD_CLOEXEC);
	int code;

	if (memory < 0)
		return err_errno(err, "memfd_create");
	code = fd_write_all(memory, request->config, request->config_len);
	if (code < 0)
		return err_set(err, code, "hand over the configuration: %s", err_reason(-code));
	if (lseek(memory, 0, SEEK_SET) < 0)
		return err_errno(err, "lseek");
	*fd = fd_take(&memory);
	return 0;
}

/*
 * It holds the attachment's lock with us: when we are killed it goes on, and what it is about to
 * note must not be looked for before it has ended. Killing it with us would be worse: host-local
 * would leave a file without a name in it, which nobody gives back.
 */
static int delegate_files(const struct delegate *delegate, int in, int out,
			  posix_spawn_file_actions_t *actions)
{
	int lock = delegate->request->lock;
	int code = posix_spawn_file_actions_adddup2(actions, in, 0);

	code = code ? code : posix_spawn_file_actions_adddup2(actions, out, 1);
	if (code == 0 && lock >= 0)
		code = posix_spawn_file_actions_adddup2(actions, lock, DELEGATE_LOCK_FD);
	return code;
}

static int delegate_spawn(struct delegate *delegate, const char *path, int in, int out,
			  struct err *err)
{
	char name[256];
	char *argv[] = { name, NULL };
	struct delegate_environment environment;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int code;

	(void)snprintf(name, sizeof(name), "%s", delegate->type);
	code = delegate_environment_make(delegate, &environment);
	if (code < 0) {
		delegate_environment_done(&environment);
		return err_set(err, code, "no memory for the environment");
	}
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	(void)sigemptyset(&set);
	code = posix_spawnattr_setsigmask(&attributes, &set);
	(void)sigaddset(&set, SIGPIPE);
	code = code ? code : posix_spawnattr_setsigdefault(&attributes, &set);
	code = code ? code
		    : posix_spawnattr_setflags(&attributes,
					       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	code = code ? code : delegate_files(delegate, in, out, &actions);
	for (int i = 0; code == 0 && i < DELEGATE_BUSY_TRIES; i++) {
		code = posix_spawn(&delegate->pid, path, &actions, &attributes, argv,
				   environment.all);
		if (code != ETXTBSY || http_now_ms() >= delegate->until_ms)
			break;
		code = i + 1 == DELEGATE_BUSY_TRIES ? ETXTBSY : 0;
		(void)usleep(DELEGATE_BUSY_US);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	delegate_environment_done(&environment);
	if (code == 0)
		return 0;
	errno = code;
	return err_errno(err, "run %s", path);
}

static int delegate_start(struct delegate *delegate, struct err *err)
{
	char path[PATH_MAX];
	own_fd int in = -1;
	own_fd int out = -1;
	int ends[2];
	int code = delegate_find(delegate, path, sizeof(path), err);

	if (code == 0)
		code = delegate_input(delegate->request, &in, err);
	if (code < 0)
		return code;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	delegate->out = ends[0];
	out = ends[1];
	code = delegate_spawn(delegate, path, in, out, err);
	if (code < 0)
		return code;
	delegate->pidfd = (int)syscall(SYS_pidfd_open, delegate->pid, 0);
	return delegate->pidfd < 0 ? err_errno(err, "pidfd_open") : 0;
}

/* Take what the plugin printed. Returns 1 at the end, 0 to go on, or negative. */
static int delegate_take(struct delegate *delegate, struct err *err)
{
	uint8_t *to = buf_reserve(&delegate->reply, DELEGATE_PIECE_BYTES, DELEGATE_OUT_MAX_BYTES);
	ssize_t n;

	if (!to)
		return cni_err(err, CNI_DECODE, "ipam %s: prints too much", delegate->type);
	n = read(delegate->out, to, DELEGATE_PIECE_BYTES);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : err_errno(err, "read");
	delegate->reply.len += (size_t)n;
	return n == 0;
}

/* Until the plugin has ended: what it leaves running may keep its output open. */
static int delegate_wait(struct delegate *delegate, struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = delegate->out, .events = POLLIN },
		{ .fd = delegate->pidfd, .events = POLLIN },
	};

	for (;;) {
		int64_t left = delegate->until_ms - http_now_ms();
		int n = left <= 0 ? 0 : poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left);
		int code;

		if (n < 0 && errno != EINTR)
			return err_errno(err, "poll");
		if (n == 0)
			return cni_err(err, CNI_TRY_AGAIN, "ipam %s: no answer to %s in time",
				       delegate->type, delegate->verb);
		if (n > 0 && fds[0].revents != 0) {
			code = delegate_take(delegate, err);
			if (code < 0)
				return code;
			if (code > 0)
				fds[0].fd = -1;
		} else if (n > 0 && fds[1].revents != 0) {
			break;
		}
	}
	if (waitpid(delegate->pid, &delegate->status, 0) < 0)
		return err_errno(err, "waitpid");
	delegate->pid = 0;
	return 0;
}

/* What a failed plugin said. */
static int delegate_failed(const struct delegate *delegate, struct err *err)
{
	struct delegate_error error = { 0 };
	struct err ignored = { 0 };
	const char *reply = (const char *)delegate->reply.data;

	if (reply &&
	    json_scan(reply, delegate->reply.len, delegate_on_error, &error, &ignored) == 0 &&
	    error.code > 0 && error.code < 1000)
		return cni_err(err, error.code, "ipam %s: %s%s%s", delegate->type, error.msg,
			       error.details[0] ? ": " : "", error.details);
	return cni_err(err, CNI_IO, "ipam %s: %s failed (%s %d) and says no reason in JSON",
		       delegate->type, delegate->verb,
		       WIFSIGNALED(delegate->status) ? "signal" : "status",
		       WIFSIGNALED(delegate->status) ? WTERMSIG(delegate->status)
						     : WEXITSTATUS(delegate->status));
}

/* Run it to its end. reply: owned by the caller. */
static int delegate_run(const struct ipam_request *request, const char *verb, int64_t until_ms,
			struct buf *reply, struct err *err)
{
	struct delegate delegate = {
		.request = request,
		.type = request->netconf->ipam_type,
		.verb = verb,
		.until_ms = until_ms,
		.pidfd = -1,
		.out = -1,
	};
	int code = delegate_start(&delegate, err);

	if (code == 0)
		code = delegate_wait(&delegate, err);
	if (delegate.pid > 0) {
		(void)kill(delegate.pid, SIGKILL);
		(void)waitpid(delegate.pid, &delegate.status, 0);
	} else if (code == 0 && delegate.status != 0) {
		code = delegate_failed(&delegate, err);
	}
	(void)fd_close(delegate.pidfd);
	(void)fd_close(delegate.out);
	if (code == 0 && reply)
		*reply = delegate.reply;
	else
		buf_done(&delegate.reply);
	return code;
}

static int delegate_answer(const struct delegate *delegate, const struct buf *reply,
			   struct ipam_answer *answer, struct err *err)
{
	own_mem struct cni_result *result = calloc(1, sizeof(*result));
	int code;

	if (!result)
		return err_set(err, -ENOMEM, "no memory for the result");
	code = cni_result_parse((const char *)reply->data, reply->len, result, err);
	if (code < 0)
		return err_wrap(err, "ipam %s", delegate->type);
	if (result->n_ips == 0 || result->n_ips > IPAM_IPS_MAX) {
		cni_result_done(result);
		return cni_err(err, CNI_CONFIG_INVALID, "ipam %s: gave %zu addresses, want 1 to %d",
			       delegate->type, result->n_ips, IPAM_IPS_MAX);
	}
	memset(answer, 0, sizeof(*answer));
	answer->n_ips = result->n_ips;
	memcpy(answer->ips, result->ips, result->n_ips * sizeof(*result->ips));
	for (size_t i = 0; i < answer->n_ips; i++)
		answer->ips[i].interface = -1;
	answer->n_routes = result->n_routes;
	memcpy(answer->routes, result->routes, result->n_routes * sizeof(*result->routes));
	answer->dns = result->dns;
	result->dns = (struct cni_dns){ 0 };
	cni_result_done(result);
	return 0;
}

static int delegate_add(const struct ipam_request *request, struct ipam_answer *answer,
			struct err *err)
{
	struct delegate delegate = { .type = request->netconf->ipam_type };
	struct buf reply = { 0 };
	int code = delegate_run(request, "ADD", request->until_ms, &reply, err);

	if (code == 0)
		code = delegate_answer(&delegate, &reply, answer, err);
	buf_done(&reply);
	if (code < 0) {
		struct err ignored = { 0 };

		(void)delegate_run(request, "DEL", http_now_ms() + DELEGATE_UNDO_MS, NULL,
				   &ignored);
	}
	return code;
}

static int delegate_del(const struct ipam_request *request, struct err *err)
{
	return delegate_run(request, "DEL", request->until_ms, NULL, err);
}

static int delegate_check(const struct ipam_request *request, const struct cni_ip *ips,
			  size_t n_ips, struct err *err)
{
	(void)ips, (void)n_ips;
	if (request->netconf->version < CNI_V0_4_0)
		return 0;
	return delegate_run(request, "CHECK", request->until_ms, NULL, err);
}

/* GC and STATUS came with 1.1.0; plugins that do not know them yet say so. */
static int delegate_late_verb(const struct ipam_request *request, const char *verb, struct err *err)
{
	int code;

	if (request->netconf->version < CNI_V1_1_0)
		return 0;
	code = delegate_run(request, verb, request->until_ms, NULL, err);
	return code < 0 && strcasestr(err->msg, "unknown CNI_COMMAND") ? 0 : code;
}

static int delegate_status(const struct ipam_request *request, struct err *err)
{
	return delegate_late_verb(request, "STATUS", err);
}

static int delegate_gc(const struct ipam_request *request,
		       bool (*is_alive)(void *owner, const char *key), void *owner, struct err *err)
{
	(void)is_alive, (void)owner;
	return delegate_late_verb(request, "GC", err);
}

const struct ipam ipam_delegate = {
	.name = "delegate",
	.add = delegate_add,
	.del = delegate_del,
	.check = delegate_check,
	.status = delegate_status,
	.gc = delegate_gc,
};
