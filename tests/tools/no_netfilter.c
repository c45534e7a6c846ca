/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command that may not program netfilter, as on AKS nodes where a BPF program of the LSM
 * refuses it: no socket to nf_tables, and no table of iptables replaced. Both fail with EPERM.
 *
 * usage: no_netfilter COMMAND...
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REPLACE = 64 }; /* IPT_SO_SET_REPLACE, IP6T_SO_SET_REPLACE */

#define LOAD(field)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP(k, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 0, (other))
#define SAME(k, then)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (then), 0)
#define RETURN(what)   BPF_STMT(BPF_RET | BPF_K, (what))

int main(int argc, char **argv)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		SKIP(__NR_socket, 5),
		LOAD(args[0]),
		SKIP(AF_NETLINK, 9),
		LOAD(args[2]),
		SKIP(NETLINK_NETFILTER, 7),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		SKIP(__NR_setsockopt, 5),
		LOAD(args[1]),
		SAME(SOL_IP, 1),
		SKIP(SOL_IPV6, 2),
		LOAD(args[2]),
		SAME(REPLACE, 1),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]),
					    .filter = filter };

	if (argc < 2)
		return 2;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("no_netfilter");
		return 1;
	}
	(void)execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
