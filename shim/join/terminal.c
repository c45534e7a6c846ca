/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal for the process, out of what the container calls /dev/pts.
 *
 * Nothing there is trusted before it is known to be the multiplexer of a devpts, and /proc is not
 * asked. Source: runc, libcontainer/console_linux.go (safeAllocPty).
 */
#include "shim/join/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "shim/join/sys.h"

enum { PTMX_INODE = 2, PTMX_DEVICE = 5 << 8 | 2 };

static bool is_ptmx(int fd)
{
	struct stat st = { 0 };
	struct statfs fs = { 0 };

	return sys2(SYS_fstat, fd, sys_at(&st)) == 0 && sys2(SYS_fstatfs, fd, sys_at(&fs)) == 0 &&
	       fs.f_type == DEVPTS_SUPER_MAGIC && st.st_ino == PTMX_INODE && S_ISCHR(st.st_mode) &&
	       st.st_rdev == PTMX_DEVICE;
}

/* The master side of a new terminal. */
static int open_ptmx(const struct join *join)
{
	const struct open_how how = {
		.flags = O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_BENEATH,
	};
	struct text said = { 0 };
	struct statfs fs = { 0 };
	long handle = sys_open(AT_FDCWD, "/dev/pts/ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	long folder;
	long fd;

	if (handle < 0)
		join_fail(join, handle, "open /dev/pts/ptmx");
	if (!is_ptmx((int)handle)) {
		text_add(&said, "verify ptmx handle: ptmx handle is not a real ptmx device");
		join_fail_text(join, EINVAL, &said);
	}
	(void)sys_close((int)handle);
	/* Opening has effects on other devices: only what lies on the devpts itself is opened. */
	folder = sys_open(AT_FDCWD, "/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		join_fail(join, folder, "open /dev/pts");
	if (sys2(SYS_fstatfs, folder, sys_at(&fs)) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC) {
		text_add(&said, "verify ptmx handle: /dev/pts is not a real devpts mount");
		join_fail_text(join, EINVAL, &said);
	}
	fd = sys4(SYS_openat2, folder, sys_at("ptmx"), sys_at(&how), sizeof(how));
	if (fd < 0)
		join_fail(join, fd, "reopen ptmx to get new pty pair");
	if (!is_ptmx((int)fd)) {
		text_add(&said, "verify ptmx handle: ptmx handle is not a real ptmx device");
		join_fail_text(join, EINVAL, &said);
	}
	(void)sys_close((int)folder);
	return (int)fd;
}

static void send_master(const struct join *join, int master)
{
	struct plan_msg msg = { .kind = PLAN_MSG_TTY };
	struct iovec part = { .iov_base = &msg, .iov_len = offsetof(struct plan_msg, text) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	long code;

	*(int *)(void *)CMSG_DATA(&control.header) = master;
	do
		code = sys3(SYS_sendmsg, PLAN_FD_CONTROL, sys_at(&header), MSG_NOSIGNAL);
	while (code == -EINTR);
	if (code < 0)
		join_fail(join, code, "sendmsg");
}

void join_terminal(const struct join *join)
{
	const struct winsize size = { .ws_row = join->plan->rows, .ws_col = join->plan->columns };
	int master = open_ptmx(join);
	const int unlock = 0;
	long code = sys_ioctl(master, TIOCSPTLCK, sys_at(&unlock));
	long slave;

	if (code < 0)
		join_fail(join, code, "unlock the terminal");
	slave = sys_ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		join_fail(join, slave,
			  "failed to get peer end of newly-allocated console: ioctl TIOCGPTPEER");
	if (size.ws_row != 0 && size.ws_col != 0) {
		code = sys_ioctl(master, TIOCSWINSZ, sys_at(&size));
		if (code < 0)
			join_fail(join, code, "resize the terminal");
	}
	send_master(join, master);
	for (int i = PLAN_FD_STDIN; i <= PLAN_FD_STDERR; i++) {
		code = sys3(SYS_dup3, slave, i, 0);
		if (code < 0)
			join_fail(join, code, "dup3");
	}
	(void)sys_close(master);
	(void)sys_close((int)slave);
	code = sys_ioctl(PLAN_FD_STDIN, TIOCSCTTY, 0);
	if (code < 0)
		join_fail(join, code, "ioctl TIOCSCTTY");
}
