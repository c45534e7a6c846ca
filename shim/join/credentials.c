/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the process is: owner of its streams, groups, ids, capabilities.
 *
 * Source: runc, libcontainer/init_linux.go (setupUser, fixStdioPermissions) and
 * libcontainer/capabilities; moby/sys/capability.
 */
#include "shim/join/join.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "shim/join/sys.h"

enum { CAPS_MAX = 64, NULL_DEVICE = 1 << 8 | 3 };

struct caps {
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3];
};

static struct __user_cap_header_struct cap_header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

void join_bound(const struct join *join)
{
	struct __user_cap_header_struct header = cap_header();
	struct caps now = { 0 };
	long code;

	if (!(join->plan->flags & PLAN_CAPS))
		return;
	code = sys2(SYS_capget, sys_at(&header), sys_at(&now));
	if (code < 0)
		join_fail(join, code, "unable to apply bounding set");
	if (!(now.half[0].effective & 1U << CAP_SETPCAP))
		return;
	for (unsigned int i = 0; i < CAPS_MAX; i++) {
		if (join->plan->caps[PLAN_CAP_BOUNDING] >> i & 1)
			continue;
		code = sys_prctl(PR_CAPBSET_DROP, (long)i);
		if (code == -EINVAL) /* behind the last one that the kernel knows */
			break;
		if (code < 0)
			join_fail(join, code, "unable to apply bounding set");
	}
}

void join_capabilities(const struct join *join)
{
	const uint64_t *sets = join->plan->caps;
	struct __user_cap_header_struct header = cap_header();
	struct caps want = { 0 };
	long code;

	if (!(join->plan->flags & PLAN_CAPS))
		return;
	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		want.half[i].effective = (uint32_t)(sets[PLAN_CAP_EFFECTIVE] >> 32 * i);
		want.half[i].permitted = (uint32_t)(sets[PLAN_CAP_PERMITTED] >> 32 * i);
		want.half[i].inheritable = (uint32_t)(sets[PLAN_CAP_INHERITABLE] >> 32 * i);
	}
	code = sys2(SYS_capset, sys_at(&header), sys_at(&want));
	if (code < 0)
		join_fail(join, code, "unable to apply caps: can't apply capabilities");
	code = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
	if (code < 0 && code != -EINVAL)
		join_fail(join, code, "unable to apply caps");
	for (unsigned int i = 0; i < CAPS_MAX; i++)
		if (sets[PLAN_CAP_AMBIENT] >> i & 1)
			(void)sys5(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (long)i, 0, 0);
}

static void __attribute__((noreturn))
fail_stream(const struct join *join, long code, const char *act, int fd)
{
	struct text said = { 0 };

	text_add(&said, "unable to setup user: ");
	text_add(&said, act);
	text_add(&said, fd == 0 ? " /dev/stdin" : fd == 1 ? " /dev/stdout" : " /dev/stderr");
	join_fail(join, code, said.bytes);
}

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == NULL_DEVICE;
}

static void own_streams(const struct join *join)
{
	bool group = join->plan->flags & PLAN_STDIO_GROUP;

	for (int fd = PLAN_FD_STDIN; fd <= PLAN_FD_STDERR; fd++) {
		struct stat st = { 0 };
		long code = sys2(SYS_fstat, fd, sys_at(&st));

		if (code < 0)
			fail_stream(join, code, "fstat", fd);
		if (st.st_uid == join->plan->uid || is_null(&st))
			continue;
		code = sys3(SYS_fchown, fd, (long)join->plan->uid, group ? (long)st.st_gid : -1);
		if (code == 0 || code == -EPERM || code == -EROFS || (group && code == -EINVAL))
			continue;
		fail_stream(join, code, "chown", fd);
	}
}

static void __attribute__((noreturn))
fail_id(const struct join *join, long code, const char *unmapped, uint32_t id)
{
	struct text said = { 0 };

	text_add(&said, "unable to setup user: ");
	if (code != -EINVAL) {
		text_add_reason(&said, (int)-code);
	} else {
		text_add(&said, unmapped);
		text_add_number(&said, id);
		text_add(&said, " in user namespace");
	}
	join_fail_text(join, (int)-code, &said);
}

void join_user(const struct join *join)
{
	const struct plan *plan = join->plan;
	long code;

	own_streams(join);
	/* even when there are none: ours would stay */
	if (!(plan->flags & PLAN_SETGROUPS_DENIED)) {
		code = sys2(SYS_setgroups, (long)(plan->groups.bytes / sizeof(uint32_t)),
			    sys_at(join_span(join, plan->groups)));
		if (code < 0)
			join_fail(join, code, "unable to setup user: setgroups");
	}
	code = sys1(SYS_setgid, (long)plan->gid);
	if (code < 0)
		fail_id(join, code, "cannot setgid to unmapped gid ", plan->gid);
	code = sys1(SYS_setuid, (long)plan->uid);
	if (code < 0)
		fail_id(join, code, "cannot setuid to unmapped uid ", plan->uid);
}
