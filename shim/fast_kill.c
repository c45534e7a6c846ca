/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill without `runc kill`. The shim is init's parent: until it reaps init itself, the pid is
 * nobody else's. SIGKILL to a container that shares its PID namespace reaches all its processes
 * through cgroup.kill, as runc does from 1.2 on, and 1.1 with --all.
 *
 * Source: runc libcontainer/container_linux.go, Signal, signalAllProcesses; kill.go.
 */
#include <errno.h>
#include <signal.h>

#include "cgroups/kill.h"
#include "config/base/err.h"
#include "shim/container.h"
#include "shim/fast.h"
#include "shim/status.h"

/* Is more than init meant? */
static bool reaches_all(const struct operation *operation)
{
	const struct container *container = operation->container;

	if (operation->signal != SIGKILL)
		return false;
	return operation->all || (!container->spec.pid_namespace_private &&
				  runtime_version_at_least(&container->fast.version, 1, 2, 0));
}

int fast_kill(struct operation *operation, struct err *why)
{
	struct container *container = operation->container;
	pid_t pid = container->init.child.pid;
	bool all = reaches_all(operation);
	bool ended;
	struct err err = { 0 };

	if (operation->signal >= NSIG)
		return err_set(why, -EINVAL, "signal %u is none", operation->signal);
	if (operation->all && !all)
		return err_set(why, -EOPNOTSUPP, "signal %u to all processes differs by version",
			       operation->signal);
	if (container->init.pid == 0)
		return err_set(why, -ESRCH, "init is not known");
	if (all && container->cgroup_fd < 0)
		return err_set(why, -ENOENT, "its cgroup is not known");
	ended = fast_has_ended(container);
	if (ended && !operation->all) /* runc has the words for it, also when it has been deleted */
		return err_set(why, -EAGAIN, "init has ended");
	if (all && cg_kill(container->cgroup_fd, why) < 0 && why->code != -ENOENT)
		return why->code;
	/* A child that was not reaped yet: the pid is its own. */
	if ((ended || kill(pid, (int)operation->signal) < 0) && !operation->all)
		(void)err_set(&err, STATUS_E_NOT_FOUND, "process already finished");
	operation_ended(operation, err.code ? &err : NULL);
	return 0;
}
