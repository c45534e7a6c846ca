/* SPDX-License-Identifier: Apache-2.0 */
/* A real child, filtered, that waits in the open of a FIFO as runc's init does. */
#include "shim/seccomp_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static const char copy_name[] = "azl-seccomp.bpf";

/* Allows everything; add_key says EPERM, so that the program has more than one instruction. */
static struct sock_filter program[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_add_key, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static void filter_install(void)
{
	struct sock_fprog fprog = { .len = sizeof(program) / sizeof(program[0]),
				    .filter = program };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) < 0)
		_exit(99);
}

/* Ends with 0 when its open of the FIFO ended well. */
static pid_t init_start(const struct folder *folder, int filters)
{
	pid_t init;

	if (mkfifoat(folder->fd, "exec.fifo", 0622) < 0)
		abort();
	init = fork();
	if (init == 0) {
		int fd;

		for (int i = 0; i < filters; i++)
			filter_install();
		fd = openat(folder->fd, "exec.fifo", O_WRONLY | O_CLOEXEC);
		_exit(fd >= 0 && write(fd, "0", 1) == 1 ? 0 : 1);
	}
	if (init < 0)
		abort();
	return init;
}

/* Whether a process waits in openat, by the number of its system call. */
static bool waits_in_open(pid_t pid)
{
	char path[64];
	char text[128] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)!read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return strtol(text, NULL, 10) == SYS_openat && text[0] != 'r';
}

static void init_await(pid_t init)
{
	const struct timespec step = { .tv_nsec = 1000000 };

	for (int i = 0; i < 30000 && !waits_in_open(init); i++)
		(void)nanosleep(&step, NULL);
}

/* Read what init writes, as start does. Returns how it ended. */
static int init_finish(const struct folder *folder, pid_t init)
{
	int fd = openat(folder->fd, "exec.fifo", O_RDONLY | O_CLOEXEC);
	char byte = 0;
	int status = -1;

	CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == '0');
	(void)close(fd);
	CHECK(waitpid(init, &status, 0) == init);
	return status;
}

/* seccomp_copy in a child of its own, a sibling of init. Returns its code. */
static int copy_in_child(const struct folder *folder, pid_t init, bool filtered)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct err err = { 0 };
		int code;

		if (filtered)
			filter_install();
		code = seccomp_copy(init, folder->fd, &err);
		if (code < 0 && (err.code != code || !err.msg[0]))
			code = -98;
		_exit(-code);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return -WEXITSTATUS(status);
}

TEST(the_program_is_copied_and_init_does_not_see_it)
{
	struct folder folder = folder_new();
	pid_t init = init_start(&folder, 1);
	struct buf bpf = { 0 };
	struct err err;

	init_await(init);
	CHECK(copy_in_child(&folder, init, false) == 0);
	CHECK(folder_mode(&folder, copy_name) == 0600);
	CHECK(folder_count(&folder) == 2);
	CHECK(seccomp_read(folder.fd, &bpf, &err) == 0);
	CHECK(bpf.len == sizeof(program) && memcmp(bpf.data, program, sizeof(program)) == 0);
	CHECK(waits_in_open(init));
	CHECK(init_finish(&folder, init) == 0);
	buf_done(&bpf);
	folder_done(&folder);
}

TEST(an_older_copy_is_replaced)
{
	struct folder folder = folder_new();
	pid_t init = init_start(&folder, 1);
	struct buf bpf = { 0 };
	struct err err;

	folder_put_text(&folder, copy_name, "other");
	init_await(init);
	CHECK(copy_in_child(&folder, init, false) == 0);
	CHECK(seccomp_read(folder.fd, &bpf, &err) == 0 && bpf.len == sizeof(program));
	CHECK(init_finish(&folder, init) == 0);
	buf_done(&bpf);
	folder_done(&folder);
}

TEST(no_filter_and_two_filters_are_told)
{
	struct folder folder = folder_new();
	pid_t init = init_start(&folder, 0);

	init_await(init);
	CHECK(copy_in_child(&folder, init, false) == -ENOENT);
	CHECK(init_finish(&folder, init) == 0);
	folder_done(&folder);

	folder = folder_new();
	init = init_start(&folder, 2);
	init_await(init);
	CHECK(copy_in_child(&folder, init, false) == -EOPNOTSUPP);
	CHECK(folder_count(&folder) == 1);
	CHECK(init_finish(&folder, init) == 0);
	folder_done(&folder);
}

TEST(who_is_filtered_may_not_ask)
{
	struct folder folder = folder_new();
	pid_t init = init_start(&folder, 1);

	init_await(init);
	CHECK(copy_in_child(&folder, init, true) == -EACCES);
	CHECK(folder_count(&folder) == 1);
	CHECK(init_finish(&folder, init) == 0);
	folder_done(&folder);
}

TEST(a_signal_on_its_way_still_arrives)
{
	struct folder folder = folder_new();
	pid_t init = init_start(&folder, 1);
	int status = 0;

	init_await(init);
	for (int i = 0; i < 20; i++)
		CHECK(copy_in_child(&folder, init, false) == 0);
	CHECK(kill(init, SIGTERM) == 0);
	CHECK(waitpid(init, &status, 0) == init && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGTERM);
	folder_done(&folder);
}

TEST(a_dead_init_is_told)
{
	struct folder folder = folder_new();
	pid_t init = init_start(&folder, 1);
	siginfo_t info;
	int code;

	init_await(init);
	CHECK(kill(init, SIGKILL) == 0);
	CHECK(waitid(P_PID, (id_t)init, &info, WEXITED | WNOWAIT) == 0);
	code = copy_in_child(&folder, init, false);
	CHECK(code == -ESRCH || code == -EPERM); /* a zombie */
	CHECK(waitpid(init, NULL, 0) == init);
	CHECK(copy_in_child(&folder, init, false) == -ESRCH);
	CHECK(folder_count(&folder) == 1);
	folder_done(&folder);
}

static int read_code(const struct folder *folder)
{
	struct buf bpf = { 0 };
	struct err err = { 0 };
	int code = seccomp_read(folder->fd, &bpf, &err);

	CHECK(code == 0 || (err.code == code && err.msg[0] && bpf.len == 0));
	buf_done(&bpf);
	return code;
}

TEST(a_wrong_copy_is_not_read)
{
	struct folder folder = folder_new();
	static char many[SECCOMP_MAX_BYTES + 8];

	CHECK(read_code(&folder) == -ENOENT);
	folder_put(&folder, copy_name, many, 7);
	CHECK(read_code(&folder) == -EBADMSG);
	folder_put(&folder, copy_name, many, 0);
	CHECK(read_code(&folder) == -EBADMSG);
	folder_put(&folder, copy_name, many, sizeof(many));
	CHECK(read_code(&folder) == -EFBIG);
	folder_put(&folder, copy_name, many, SECCOMP_MAX_BYTES);
	CHECK(read_code(&folder) == 0);
	CHECK(fchmodat(folder.fd, copy_name, 0666, 0) == 0);
	CHECK(read_code(&folder) == -EPERM);
	CHECK(renameat(folder.fd, copy_name, folder.fd, "other") == 0);
	CHECK(fchmodat(folder.fd, "other", 0600, 0) == 0);
	CHECK(symlinkat("other", folder.fd, copy_name) == 0);
	CHECK(read_code(&folder) == -EPERM);
	CHECK(unlinkat(folder.fd, copy_name, 0) == 0);
	CHECK(mkfifoat(folder.fd, copy_name, 0600) == 0);
	CHECK(read_code(&folder) == -EPERM);
	folder_done(&folder);
}
