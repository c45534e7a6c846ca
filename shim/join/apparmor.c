/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile of AppArmor that the program gets at its execve.
 *
 * What the container has mounted on /proc may be anything, and a descriptor of the host's would be
 * in the container's sight. So P makes a procfs of its own, of the container's PID namespace and
 * with nothing but processes, and keeps one file of it: its own attribute, which nobody else may
 * write. Source: runc, libcontainer/apparmor/apparmor_linux.go; Linux, fs/proc/base.c
 * (proc_pid_attr_write).
 */
#include "shim/join/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include "shim/join/sys.h"

/* Newer kernels have a folder for each security module. */
static const char *attribute(bool old)
{
	return old ? "attr/exec" : "attr/apparmor/exec";
}

static long set(long context, const char *key, const char *value)
{
	return sys5(SYS_fsconfig, context, FSCONFIG_SET_STRING, sys_at(key), sys_at(value), 0);
}

/* A procfs that is mounted nowhere. */
static long mount_proc(void)
{
	long context = sys2(SYS_fsopen, sys_at("proc"), FSOPEN_CLOEXEC);
	long code;

	if (context < 0)
		return context;
	code = set(context, "subset", "pid");
	if (code == 0)
		code = set(context, "hidepid", "ptraceable");
	if (code == 0)
		code = sys5(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (code == 0)
		code = sys3(SYS_fsmount, context, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	(void)sys_close((int)context);
	return code;
}

static long open_attribute(long proc, bool old)
{
	const struct open_how how = {
		.flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	struct text path = { 0 };

	text_add(&path, "thread-self/");
	text_add(&path, attribute(old));
	return sys4(SYS_openat2, proc, sys_at(path.bytes), sys_at(&how), sizeof(how));
}

long join_profile_open(struct join *join)
{
	long proc;
	long fd;

	if (!join_span(join, join->plan->apparmor))
		return 0;
	proc = mount_proc();
	if (proc < 0)
		return proc;
	fd = open_attribute(proc, false);
	join->old_attribute = fd == -ENOENT;
	if (join->old_attribute)
		fd = open_attribute(proc, true);
	(void)sys_close((int)proc);
	return fd;
}

void join_profile(const struct join *join)
{
	struct plan_span span = join->plan->apparmor;
	const char *order = join_span(join, span);
	const char *folder = join_span(join, join->plan->apparmor_folder);
	struct text said = { 0 };
	long code;

	if (!order)
		return;
	do
		code = sys_write(JOIN_FD_PROFILE, order, span.bytes - 1);
	while (code == -EINTR);
	if (code < 0) {
		text_add(&said, "apparmor failed to apply profile: write ");
		text_add(&said, folder ? folder : "");
		text_add(&said, attribute(join->old_attribute));
		join_fail(join, code, said.bytes);
	}
	(void)sys_close(JOIN_FD_PROFILE);
}
