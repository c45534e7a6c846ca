/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete without `runc delete`: the cgroup is removed, then runc's state folder. In this order a
 * crash between the two leaves what `runc delete --force` finishes.
 *
 * Source: runc libcontainer/state_linux.go, destroy; container_linux.go, createExecFifo, saveState.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/kill.h"
#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/container.h"
#include "shim/fast.h"

/* Files that runc keeps there, and the temporary ones that it writes them as. */
static bool is_runc_file(const char *name)
{
	return strcmp(name, "state.json") == 0 || strcmp(name, "exec.fifo") == 0 ||
	       strncmp(name, "state-", 6) == 0;
}

/* Look, or remove. Returns 0 or negative; a name that is not runc's is -ENOTEMPTY. */
static int each_file(int dir, bool remove, struct err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	int code = 0;

	if (!list) {
		(void)err_errno(err, "read runc's state folder");
		(void)fd_close(copy);
		return err->code;
	}
	while (code == 0 && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!is_runc_file(entry->d_name))
			code = err_set(err, -ENOTEMPTY, "runc's state folder holds %.64s",
				       entry->d_name);
		else if (remove && unlinkat(dir, entry->d_name, 0) < 0 && errno != ENOENT)
			code = err_errno(err, "remove %.64s", entry->d_name);
	}
	(void)closedir(list);
	return code;
}

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
	if (each_file(dir, false, why) < 0 || remove_cgroup(container, why) < 0 ||
	    each_file(dir, true, why) < 0)
		return why->code;
	if (unlinkat(root, container->id, AT_REMOVEDIR) < 0)
		return err_errno(why, "remove runc's state folder");
	operation_ended(operation, NULL);
	return 0;
}
