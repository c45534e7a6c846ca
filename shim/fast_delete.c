/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete without `runc delete`: the cgroup is removed, then runc's state folder. In this order a
 * crash between the two leaves what `runc delete --force` finishes.
 *
 * Source: runc libcontainer/state_linux.go, destroy; container_linux.go, createExecFifo, saveState.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cgroups/kill.h"
#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/container.h"
#include "shim/fast.h"
#include "shim/runc_state.h"

static int remove_cgroup(const struct container *container, struct err *why)
{
	own_fd int root = -1;

	if (!container->cgroup_path)
		return err_set(why, -ENOENT, "its cgroup is not known");
	if (cg_root_open(&root, why) < 0)
		return why->code;
	return cg_remove(root, container->cgroup_path, why);
}

int fast_delete(struct operation *operation, struct err *why)
{
	struct container *container = operation->container;
	const struct runc *runc = &container->runc;
	own_fd int root = open(runc->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int dir = -1;

	if (!container->init.exited || container->init.pid == 0)
		return err_set(why, -EAGAIN, "it has not run");
	if (runc->systemd_cgroup)
		return err_set(why, -EOPNOTSUPP, "systemd must stop its scope");
	if (container->spec.has_poststop)
		return err_set(why, -EOPNOTSUPP, "it has poststop hooks");
	if (container->spec.has_intel_rdt)
		return err_set(why, -EOPNOTSUPP, "linux.intelRdt is set");
	if (root < 0)
		return err_errno(why, "open %s", runc->root);
	dir = openat(root, container->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return err_set(why, -EAGAIN, "runc does not know it");
	if (runc_state_check(dir, why) < 0 || remove_cgroup(container, why) < 0 ||
	    runc_state_remove(root, container->id, dir, why) < 0)
		return why->code;
	operation_ended(operation, NULL);
	return 0;
}
