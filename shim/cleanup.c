/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/events.h"
#include "cgroups/kill.h"
#include "cgroups/root.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/loop.h"
#include "shim/mounts.h"
#include "shim/runc_state.h"
#include "shim/spawn.h"

#define CLEANUP_RUNC_ROOT "/run/containerd/runc" /* containerd pkg/process/utils.go, RuncRoot */

enum {
	CLEANUP_STEP_MS = 5,
	CLEANUP_LOOK_MS = 100, /* where the kernel tells of the change */
};

char *cleanup_runc_root(const char *root, const char *ns)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", root ? root : CLEANUP_RUNC_ROOT, ns) < 0 ? NULL : path;
}

/* Wait for a child until a moment; then it is killed. Returns its exit status, -1 when it was
 * killed. */
static int wait_for(pid_t pid, int64_t until_ms)
{
	own_fd int pidfd = pidfd_open(pid, 0);
	struct pollfd ready = { .fd = pidfd, .events = POLLIN };
	int64_t left = until_ms - loop_now_ms();
	int status = 0;

	if (pidfd >= 0 && poll(&ready, 1, left > 0 ? (int)left : 0) == 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int runc_delete(const struct cleanup *cleanup, int64_t until_ms, struct err *err)
{
	char program[PATH_MAX];
	char log[PATH_MAX];
	const char *argv[] = { cleanup->runc_name,
			       "--root",
			       cleanup->runc_root,
			       "--log",
			       log,
			       "--log-format",
			       "json",
			       "delete",
			       "--force",
			       cleanup->id,
			       NULL,
			       NULL };
	struct spawn spawn = spawn_blank();
	pid_t pid;
	int status;

	(void)snprintf(log, sizeof(log), "%s/log.json", cleanup->bundle);
	if (cleanup->systemd_cgroup) {
		memmove(argv + 8, argv + 7, 3 * sizeof(argv[0]));
		argv[7] = "--systemd-cgroup";
	}
	if (spawn_find_program(cleanup->runc_name, program, sizeof(program), err) < 0)
		return err->code;
	spawn.program = program;
	spawn.argv = argv;
	spawn.cwd_fd = cleanup->bundle_fd;
	pid = spawn_start(&spawn, err);
	if (pid < 0)
		return err->code;
	status = wait_for(pid, until_ms);
	if (status != 0)
		return err_set(err, -EIO, "%s delete --force %s failed, see %s", cleanup->runc_name,
			       cleanup->id, log);
	return 0;
}

/*
 * The cgroup's path from linux.cgroupsPath: as it is with cgroupfs, and for systemd's
 * "slice:prefix:name" the scope in its slice, whose name spells its ancestors ("a-b.slice" is in
 * "a.slice"). Returns false when it is not plainly this container's own.
 */
static bool own_cgroup(const struct cleanup *cleanup, char *path, size_t room)
{
	const char *from = cleanup->cgroups_path;
	const char *prefix = from ? strchr(from, ':') : NULL;
	const char *last;
	size_t used = 0;

	if (!from)
		return false;
	if (!prefix) {
		last = strrchr(from, '/');
		return last && strcmp(last + 1, cleanup->id) == 0 &&
		       (size_t)snprintf(path, room, "%s", from) < room;
	}
	last = strrchr(from, ':');
	if (last == prefix || strcmp(last + 1, cleanup->id) != 0)
		return false;
	path[0] = '\0';
	for (const char *at = from; at < prefix && used < room; at++)
		if (*at == '-')
			used += (size_t)snprintf(path + used, room - used, "/%.*s.slice",
						 (int)(at - from), from);
	if (used < room)
		used += (size_t)snprintf(path + used, room - used, "/%.*s/%.*s-%s.scope",
					 (int)(prefix - from), from, (int)(last - prefix - 1),
					 prefix + 1, cleanup->id);
	return used < room;
}

/* Kill what is left in the cgroup, wait until it is empty, remove it. */
static int remove_cgroup(const struct cleanup *cleanup, int64_t until_ms, struct err *err)
{
	char path[PATH_MAX];
	own_fd int root = -1;
	own_fd int dir = -1;
	struct cg_events events;
	struct pollfd watch = { .events = POLLPRI };
	int code;

	if (!own_cgroup(cleanup, path, sizeof(path)) || cg_root_open(&root, err) < 0 ||
	    cg_open_below(root, path, &dir, err) < 0)
		return 0;
	code = cg_kill(dir, err);
	if (code < 0 && code != -ENOENT)
		return code;
	watch.fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	while (cg_events_read(dir, &events, err) == 0 && events.populated) {
		char text[256];

		if (loop_now_ms() > until_ms) {
			(void)fd_close(watch.fd);
			return err_set(err, -EBUSY, "processes in cgroup %s do not end", path);
		}
		(void)poll(&watch, 1, watch.fd < 0 ? CLEANUP_STEP_MS : CLEANUP_LOOK_MS);
		if (pread(watch.fd, text, sizeof(text), 0) < 0) /* rearms the notification */
			watch.fd = fd_close(watch.fd);
	}
	(void)fd_close(watch.fd);
	while ((code = cg_remove(root, path, err)) == -EBUSY && loop_now_ms() < until_ms)
		(void)poll(NULL, 0, CLEANUP_STEP_MS);
	return code;
}

/* Is init, if it lives, in this cgroup or below? One that may write to the host's cgroups can
 * leave. */
static bool holds_init(const struct cleanup *cleanup, const char *path)
{
	char at[PATH_MAX];
	own_fd int dir = -1;
	struct err err;
	size_t len = strlen(path);

	if (cleanup->init <= 0)
		return false;
	if (cg_open_of_pid(cleanup->init, &dir, at, sizeof(at), &err) < 0)
		return err.code == -ESRCH;
	return strncmp(at, path, len) == 0 && (at[len] == '\0' || at[len] == '/');
}

/* Is its cgroup there, where its path says, and init in it? Then all its processes are. */
static bool has_own_cgroup(const struct cleanup *cleanup)
{
	char path[PATH_MAX];
	own_fd int root = -1;
	own_fd int dir = -1;
	struct err ignored;

	return own_cgroup(cleanup, path, sizeof(path)) && path[0] == '/' &&
	       cg_root_open(&root, &ignored) == 0 &&
	       cg_open_below(root, path, &dir, &ignored) == 0 && holds_init(cleanup, path);
}

int cleanup_run(const struct cleanup *cleanup, struct err *err)
{
	int64_t until_ms = loop_now_ms() + cleanup->limit_ms;
	own_fd int root = open(cleanup->runc_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int state = -1;
	char path[PATH_MAX];
	struct err failure;
	bool ours = false; /* to remove runc's state */
	int code = 0;

	if (root >= 0)
		state = openat(root, cleanup->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (state >= 0)
		ours = cleanup->fast && has_own_cgroup(cleanup) &&
		       runc_state_check(state, &failure) == 0;
	if (state >= 0 && !ours) {
		code = runc_delete(cleanup, until_ms - cleanup->limit_ms / 3, err);
		ours = code < 0 && own_cgroup(cleanup, path, sizeof(path));
	}
	if (remove_cgroup(cleanup, until_ms, &failure) < 0) {
		*err = failure;
		code = err->code;
	} else if (ours) {
		/* the processes are certainly gone; what is foreign is not ours to judge */
		(void)runc_state_remove(root, cleanup->id, state, &failure);
	}
	if (cleanup->rootfs && mounts_remove(cleanup->rootfs, &failure) < 0) {
		*err = failure;
		code = err->code;
	}
	return code;
}
