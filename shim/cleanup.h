/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remove whatever there is of a container whose state nobody knows: after a failed creation, or
 * after its shim died. Idempotent. Runs in a process of its own and may block up to its limit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct cleanup {
	const char *id;
	const char *bundle; /* absolute path */
	int bundle_fd;	    /* borrowed */
	const char *runc_name;
	const char *runc_root; /* with the namespace */
	bool systemd_cgroup;
	bool fast;		  /* its cgroup and runc's state may go without runc */
	const char *cgroups_path; /* linux.cgroupsPath; NULL: unknown */
	pid_t init;		  /* 0: not known, then the runtime is asked even when `fast` */
	const char *rootfs;	  /* absolute path; NULL: nothing of ours is mounted */
	int64_t limit_ms;
};

/*
 * Kill and delete it with the runtime, where the runtime still knows it; then what remains in its
 * cgroup, the cgroup, and the mounts. With `fast` the runtime is asked only when its state folder
 * holds what is not its own, or the cgroup is not plainly this container's: `runc delete --force`
 * sleeps 100 ms at least.
 *
 * Returns 0, or negative with err filled with the last thing that could not be removed.
 */
int cleanup_run(const struct cleanup *cleanup, struct err *err);

/* The runtime's state folder: ROOT/NS; root NULL: containerd's default. Owned by the caller. */
char *cleanup_runc_root(const char *root, const char *ns);
