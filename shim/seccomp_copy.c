/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/seccomp_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

static const char copy_name[] = "azl-seccomp.bpf";

enum {
	INSN_BYTES = 8, /* struct sock_filter */
	FILTER_ONLY = 0,
	FILTER_SECOND = 1,
	STEP_MS = 10, /* a lost SIGCHLD costs no more */
};

/* ---- stop and go ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for the stop; SIGCHLD is blocked. `status` as waitpid has it. */
static int stop_wait(pid_t init, int *status, struct err *err)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	int64_t deadline = now_ms() + SECCOMP_WAIT_MS;
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t got = waitpid(init, status, __WALL | WNOHANG);

		if (got < 0 && errno != EINTR)
			return err_errno(err, "wait for init to stop");
		if (got == init && WIFSTOPPED(*status))
			return 0;
		if (got == init)
			return err_set(err, -ESRCH, "init has ended");
		if (now_ms() >= deadline)
			return err_set(err, -ETIMEDOUT, "init did not stop within %d ms",
				       SECCOMP_WAIT_MS);
		(void)sigtimedwait(&child, NULL, &step);
	}
}

/* A signal that was on its way when init stopped is delivered after all. */
static void detach(pid_t init, int status)
{
	bool on_its_way = status >> 16 == 0;

	(void)ptrace(PTRACE_DETACH, init, NULL, on_its_way ? (long)WSTOPSIG(status) : 0L);
}

/* ---- filters ---- */

static int filter_error(struct err *err)
{
	switch (errno) {
	case ENOENT:
	case EINVAL:
		return err_set(err, -ENOENT,
			       "init has no seccomp filter, or this kernel does not tell it "
			       "(CONFIG_CHECKPOINT_RESTORE)");
	case EACCES:
		return err_set(
			err, -EACCES,
			"seccomp filter of init: needs CAP_SYS_ADMIN and no filter of our own");
	default:
		return err_errno(err, "seccomp filter of init");
	}
}

/* The only filter of a stopped process. */
static int filter_read(pid_t init, struct buf *bpf, struct err *err)
{
	long count = ptrace(PTRACE_SECCOMP_GET_FILTER, init, FILTER_ONLY, NULL);
	uint8_t *bytes;

	if (count < 0)
		return filter_error(err);
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, init, FILTER_SECOND, NULL) >= 0)
		return err_set(err, -EOPNOTSUPP, "init has more than one seccomp filter");
	if (errno != ENOENT)
		return filter_error(err);
	bytes = buf_reserve(bpf, (size_t)count * INSN_BYTES, SECCOMP_MAX_BYTES);
	if (!bytes)
		return err_set(err, -ENOMEM, "seccomp filter of init: no memory");
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, init, FILTER_ONLY, bytes) != count)
		return filter_error(err);
	bpf->len += (size_t)count * INSN_BYTES;
	return 0;
}

static int stop_and_read(pid_t init, struct buf *bpf, struct err *err)
{
	int status;
	int code;

	if (ptrace(PTRACE_SEIZE, init, NULL, NULL) < 0)
		return err_errno(err, "ptrace init");
	if (ptrace(PTRACE_INTERRUPT, init, NULL, NULL) < 0)
		return err_errno(err, "interrupt init");
	code = stop_wait(init, &status, err);
	if (code < 0)
		return code;
	code = filter_read(init, bpf, err);
	detach(init, status);
	return code;
}

int seccomp_copy(pid_t init, int bundle_dir, struct err *err)
{
	struct buf bpf = { 0 };
	sigset_t child;
	sigset_t before;
	int code;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &before);
	code = stop_and_read(init, &bpf, err);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (code == 0)
		code = fd_replace_file(bundle_dir, copy_name, bpf.data, bpf.len, 0600, err);
	buf_done(&bpf);
	return code;
}

/* ---- reading ---- */

static int copy_check(const struct stat *info, struct err *err)
{
	if (!S_ISREG(info->st_mode) || info->st_uid != geteuid() || info->st_mode & 022)
		return err_set(err, -EPERM, "%s: not a file that only we write", copy_name);
	if (info->st_size > SECCOMP_MAX_BYTES)
		return err_set(err, -EFBIG, "%s: larger than %d bytes", copy_name,
			       SECCOMP_MAX_BYTES);
	if (info->st_size == 0 || info->st_size % INSN_BYTES != 0)
		return err_set(err, -EBADMSG, "%s: not a seccomp program", copy_name);
	return 0;
}

int seccomp_read(int bundle_dir, struct buf *bpf, struct err *err)
{
	own_fd int fd = openat(bundle_dir, copy_name,
			       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat info;
	uint8_t *bytes;
	size_t want;
	int code;

	if (fd < 0 && errno == ELOOP)
		return err_set(err, -EPERM, "%s: a symbolic link", copy_name);
	if (fd < 0 || fstat(fd, &info) < 0)
		return err_errno(err, "%s", copy_name);
	code = copy_check(&info, err);
	if (code < 0)
		return code;
	want = (size_t)info.st_size;
	bytes = buf_reserve(bpf, want, SECCOMP_MAX_BYTES);
	if (!bytes)
		return err_set(err, -ENOMEM, "%s: no memory", copy_name);
	for (size_t have = 0; have < want;) {
		ssize_t n = read(fd, bytes + have, want - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read %s", copy_name);
		if (n == 0)
			return err_set(err, -EBADMSG, "%s: cut off", copy_name);
		have += (size_t)n;
	}
	bpf->len += want;
	return 0;
}
