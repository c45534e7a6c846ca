/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's seccomp program as the kernel holds it: copied once out of init, kept in the
 * bundle, given to every exec. So an exec has byte for byte what runc made.
 */
#pragma once

#include <sys/types.h>

struct buf;
struct err;

enum {
	SECCOMP_MAX_BYTES = 4096 * 8, /* BPF_MAXINSNS of struct sock_filter */
	SECCOMP_WAIT_MS = 200,	      /* longest that a copy waits for init to stop */
};

/*
 * Copy init's program into the bundle, as azl-seccomp.bpf with mode 0600; an older one is replaced.
 *
 * Init is stopped for the moment of the copy and does not see it: an open of exec.fifo goes on.
 * Waits, so it is called in a child of its own, which then ends: that lets init go even when a
 * detach was not possible. The child must not be filtered itself.
 *
 * init         in our PID namespace, not to be reaped by the caller (a sibling of it)
 * bundle_dir   directory descriptor, borrowed
 *
 * Returns 0 or
 *   -ENOENT       init has no filter; or the kernel cannot tell (no CONFIG_CHECKPOINT_RESTORE)
 *   -EOPNOTSUPP   it has more than one: an outer sandbox put its own in front
 *   -EACCES       we lack CAP_SYS_ADMIN, or are filtered ourselves
 *   -EPERM        ptrace is not allowed (Yama, a security module)
 *   -ESRCH        init is gone
 *   -ETIMEDOUT    it did not stop within SECCOMP_WAIT_MS
 *   what writing a file says
 *
 * Source: ptrace(2); kernel/seccomp.c, seccomp_get_filter.
 */
int seccomp_copy(pid_t init, int bundle_dir, struct err *err);

/*
 * Read the copy.
 *
 * bpf   empty; struct sock_filter each
 *
 * Returns 0 or
 *   -ENOENT    there is none
 *   -EBADMSG   not a whole number of instructions, or none
 *   -EFBIG     more than SECCOMP_MAX_BYTES
 *   -EPERM     not a regular file of ours that only we can write
 *   -ENOMEM, what read says
 */
int seccomp_read(int bundle_dir, struct buf *bpf, struct err *err);
