/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: read options from stdin, find the group, claim its socket, fork the daemon, write
 * the `address` file, print the address. Who finds a living shim at the socket only writes and
 * prints. Standard output and error are one stream for containerd: nothing else may appear there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"
#include "shim/args.h"
#include "shim/bootstrap.h"
#include "shim/commands.h"
#include "shim/options.h"
#include "shim/socket.h"
#include "shim/spec.h"

enum {
	START_GROUP_MAX = 256,
	START_OOM_SCORE_MAX = 1000,
};

/* linux/prctl.h */
#define START_SCHED_CORE_CREATE		     1
#define START_SCHED_CORE_SCOPE_PROCESS_GROUP 2

static int read_stdin(struct buf *input, struct err *err)
{
	for (;;) {
		uint8_t *at = buf_reserve(input, 4096, BOOTSTRAP_INPUT_MAX_BYTES + 4096);
		ssize_t n = at ? read(STDIN_FILENO, at, 4096) : -1;

		if (!at)
			return err_set(err, -EFBIG, "the options on standard input are too large");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) /* closed: as good as empty */
			return errno == EBADF ? 0 : err_errno(err, "read standard input");
		if (n == 0)
			return 0;
		input->len += (size_t)n;
	}
}

/* The daemon is a better victim than containerd, a worse one than its containers. */
static void adjust_oom_score(void)
{
	char path[64];
	char text[16];
	int64_t score;
	ssize_t len;
	own_fd int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)getppid());
	len = fd_read_text(AT_FDCWD, path, text, sizeof(text));
	if (len < 0 || num_i64_parse(text, (size_t)len, &score) < 0)
		return;
	score = score + 1 > START_OOM_SCORE_MAX ? START_OOM_SCORE_MAX : score + 1;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	len = snprintf(text, sizeof(text), "%d", (int)score);
	if (fd >= 0)
		(void)!write(fd, text, (size_t)len); /* refused to the unprivileged: so be it */
}

/* Move this process, and so the daemon, into the cgroup that the options name. */
static int join_shim_cgroup(const char *cgroup, struct err *err)
{
	char path[4096];
	own_fd int fd = -1;

	if (strstr(cgroup, ".."))
		return err_set(err, -EINVAL, "shim cgroup %s: must not contain \"..\"", cgroup);
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return err_errno(err, "failed to move the shim into cgroup %s", cgroup);
	return 0;
}

/* Standard streams belong to `start`, which containerd reads to their end. */
static void leave_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	if (null > 2)
		(void)close(null);
}

static int open_log(void)
{
	int fd = open("log", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 && errno == ENXIO ? open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC) : fd;
}

static int fork_daemon(const struct args *args, const struct bootstrap *bootstrap, const char *path,
		       int listen_fd, struct err *err)
{
	const char *ttrpc =
		bootstrap->ttrpc_address ? bootstrap->ttrpc_address : getenv("TTRPC_ADDRESS");
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0) {
		struct daemon_config config = {
			.ns = args->ns,
			.ttrpc_address = ttrpc,
			.socket_path = path,
			.listen_fd = listen_fd,
			.log_fd = open_log(),
			.debug = args->debug || bootstrap->debug,
		};

		(void)setpgid(0, 0); /* `start` ends, and its process group with it */
		leave_streams();
		if (chdir("/") < 0)
			_exit(1);
		_exit(daemon_run(&config));
	}
	return 0;
}

static int become_shim(const struct args *args, const struct bootstrap *bootstrap, const char *path,
		       int listen_fd, struct err *err)
{
	const char *sched_core = getenv("SCHED_CORE");
	struct options options = { 0 };
	int code = 0;

	/* An option type that we do not know must not keep `ctr sandbox` from starting. */
	if (options_parse(bootstrap->options, &options, err) >= 0 && options.shim_cgroup)
		code = join_shim_cgroup(options.shim_cgroup, err);
	options_done(&options);
	if (code < 0)
		return code;
	if (sched_core && *sched_core)
		(void)prctl(PR_SCHED_CORE, START_SCHED_CORE_CREATE, 0,
			    START_SCHED_CORE_SCOPE_PROCESS_GROUP, 0);
	adjust_oom_score();
	return fork_daemon(args, bootstrap, path, listen_fd, err);
}

/* The `address` file is what containerd 1.7 finds us by after its own restart. */
static int tell(const struct bootstrap *bootstrap, const char *path, struct err *err)
{
	char address[BOOTSTRAP_SOCKET_ROOM + 8];
	struct buf answer = { 0 };
	int len = snprintf(address, sizeof(address), "unix://%s", path);
	int code = fd_replace_file(AT_FDCWD, "address", address, (size_t)len, 0644, err);

	if (code < 0)
		return code;
	code = bootstrap_answer(bootstrap->versioned, getenv(BOOTSTRAP_VERSION_ENV), address,
				&answer);
	if (code == 0)
		code = fd_write_all(STDOUT_FILENO, answer.data, answer.len);
	buf_done(&answer);
	return code < 0 ? err_set(err, code, "write the address: %s", err_reason(-code)) : 0;
}

static int start(const struct args *args, struct bootstrap *bootstrap, struct err *err)
{
	struct buf input = { 0 };
	char group[START_GROUP_MAX];
	char path[BOOTSTRAP_SOCKET_ROOM];
	own_fd int listen_fd = -1;
	int found;
	int code = read_stdin(&input, err);

	if (code == 0)
		code = bootstrap_parse(input.data, input.len, args->id, args->ns, bootstrap, err);
	buf_done(&input);
	if (code < 0)
		return code;
	found = spec_read_group(AT_FDCWD, group, sizeof(group), err);
	if (found < 0)
		return found;
	if (bootstrap_socket_path(bootstrap->socket_dir ? bootstrap->socket_dir
							: BOOTSTRAP_SOCKET_DIR,
				  args->address, args->ns, found ? group : args->id, path, err) < 0)
		return err->code;
	code = socket_claim(path, &listen_fd, err);
	if (code < 0)
		return code;
	if (code > 0)
		return tell(bootstrap, path, err);
	code = tell(bootstrap, path, err);
	if (code == 0)
		code = become_shim(args, bootstrap, path, listen_fd, err);
	if (code < 0)
		(void)unlink(path);
	return code;
}

int command_start(const struct args *args)
{
	struct bootstrap bootstrap = { 0 };
	struct err err;
	int code;

	(void)umask(022);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0); /* the daemon inherits nothing by accident */
	code = start(args, &bootstrap, &err);
	if (code < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	bootstrap_done(&bootstrap);
	return code < 0;
}
