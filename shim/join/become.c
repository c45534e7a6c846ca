/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first instruction in the container's PID namespace to the program.
 *
 * The order is that of runc, since it can be seen: what an error hides, what the filter of system
 * calls forbids, as which user a path is looked up. Source: runc, libcontainer/setns_init_linux.go
 * and init_linux.go (finalizeNamespace).
 */
#include "shim/join/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "shim/join/sys.h"

enum {
	BECOME_LATE = CLONE_NEWCGROUP | CLONE_NEWTIME,
	BECOME_CPUS_BYTES = 8192, /* every CPU that a kernel may have */
	BECOME_WHO_PROCESS = 1,	  /* linux/ioprio.h */
};

/* linux/sched/types.h */
struct become_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
	uint32_t util_min;
	uint32_t util_max;
};

struct become_limit {
	uint64_t soft;
	uint64_t hard;
};

/* S knows us by now, and may hear that the runtime has to try. */
static void keep_profile(const struct join *join, long profile)
{
	if (profile < 0)
		join_fail(join, profile, "open the attribute of AppArmor");
	if (profile > 0 && profile != JOIN_FD_PROFILE) {
		long code = sys3(SYS_dup3, profile, JOIN_FD_PROFILE, O_CLOEXEC);

		if (code < 0)
			join_fail(join, code, "keep the attribute of AppArmor");
	}
	if (profile == 0)
		(void)sys_close(JOIN_FD_PROFILE);
}

static void join_rest(struct join *join, int go)
{
	const struct plan *plan = join->plan;
	long late = (long)(plan->namespaces & (uint32_t)BECOME_LATE);
	long profile;
	char byte;
	long code;

	/* S is the parent: without it nobody waits for what becomes of us */
	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	code = late == 0 ? 0 : sys2(SYS_setns, PLAN_FD_INIT, late);
	if (code < 0)
		join_fail(join, code, "join the namespaces");
	profile = join_profile_open(join);
	if (plan->flags & PLAN_USER_NAMESPACE) {
		code = sys2(SYS_setns, PLAN_FD_INIT, CLONE_NEWUSER);
		if (code < 0)
			join_fail(join, code, "join the user namespace");
		code = sys3(SYS_setresuid, 0, 0, 0);
		if (code == 0)
			code = sys3(SYS_setresgid, 0, 0, 0);
		if (code < 0)
			join_fail(join, code, "become root in the user namespace");
	}
	(void)sys_close(PLAN_FD_INIT);
	do
		code = sys_read(go, &byte, 1);
	while (code == -EINTR);
	if (code != 1)
		sys_exit(JOIN_EXIT_FAILED);
	(void)sys_close(go);
	keep_profile(join, profile);
	/* nothing but the streams and the control is left; if there were, it would end here */
	(void)sys_close_range(PLAN_FD_CONTROL + 1, ~0U);
	(void)sys1(SYS_setsid, 0);
}

static void final_affinity(const struct join *join)
{
	static unsigned char every[BECOME_CPUS_BYTES];
	struct plan_span cpus = join->plan->final_cpus;
	long code;

	if (cpus.bytes > 0) {
		code = sys3(SYS_sched_setaffinity, 0, (long)cpus.bytes,
			    sys_at(join_span(join, cpus)));
		if (code < 0)
			join_fail(join, code, "error setting final CPU affinity");
	} else if (join->plan->flags & PLAN_AFFINITY_RESET) {
		for (size_t i = 0; i < sizeof(every); i++)
			every[i] = 0xff;
		(void)sys3(SYS_sched_setaffinity, 0, sizeof(every), sys_at(every));
	}
}

static void join_keyring(const struct join *join)
{
	const char *name = join_span(join, join->plan->keyring);
	long code;

	if (!name)
		return;
	code = sys2(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, sys_at(name));
	if (code < 0 && code != -ENOSYS)
		join_fail(join, code,
			  "unable to join session keyring: unable to create session key");
}

static void set_scheduler(const struct join *join)
{
	const struct plan *plan = join->plan;
	const struct become_sched_attr attr = {
		.size = sizeof(attr),
		.policy = plan->scheduler.policy,
		.flags = plan->scheduler.flags,
		.nice = plan->scheduler.nice,
		.priority = plan->scheduler.priority,
		.runtime = plan->scheduler.runtime,
		.deadline = plan->scheduler.deadline,
		.period = plan->scheduler.period,
	};
	long code;

	if (!(plan->flags & PLAN_SCHEDULER))
		return;
	code = sys3(SYS_sched_setattr, 0, sys_at(&attr), 0);
	if (code < 0)
		join_fail(join, code, "error setting scheduler");
}

static void set_attributes(const struct join *join)
{
	const struct plan *plan = join->plan;
	long code;

	if (plan->flags & PLAN_NO_NEW_PRIVS) {
		code = sys_prctl(PR_SET_NO_NEW_PRIVS, 1);
		if (code < 0)
			join_fail(join, code, "prctl");
	}
	if (plan->flags & PLAN_UMASK)
		(void)sys1(SYS_umask, (long)plan->umask);
	set_scheduler(join);
	if (plan->flags & PLAN_IO_PRIORITY) {
		code = sys3(SYS_ioprio_set, BECOME_WHO_PROCESS, 0, (long)plan->io_priority);
		if (code < 0)
			join_fail(join, code, "failed to set io priority");
	}
	if (plan->flags & PLAN_PERSONALITY) {
		code = sys1(SYS_personality, (long)plan->personality);
		if (code < 0)
			join_fail(join, code, "set_personality");
	}
}

/* In a user namespace we may not raise any: S does it from the host. */
static void set_limits(const struct join *join)
{
	const struct plan *plan = join->plan;
	const struct plan_limit *limits = join_span(join, plan->limits);
	char byte;
	long code;

	if (!limits)
		return;
	if (plan->flags & PLAN_USER_NAMESPACE) {
		join_say(PLAN_MSG_LIMITS, join->stage, 0, NULL);
		do
			code = sys_read(PLAN_FD_CONTROL, &byte, 1);
		while (code == -EINTR);
		if (code != 1)
			sys_exit(JOIN_EXIT_FAILED);
		return;
	}
	for (size_t i = 0; i < plan->limits.bytes / sizeof(*limits); i++) {
		const struct become_limit limit = { limits[i].soft, limits[i].hard };
		struct text said = { 0 };

		code = sys4(SYS_prlimit64, 0, (long)limits[i].resource, sys_at(&limit), 0);
		if (code == 0)
			continue;
		text_add(&said,
			 "error setting rlimits for ready process: error setting rlimit type ");
		text_add_number(&said, limits[i].resource);
		join_fail(join, code, said.bytes);
	}
}

static void install_filter(const struct join *join)
{
	struct plan_span span = join->plan->seccomp;
	const struct sock_fprog program = {
		.len = (unsigned short)(span.bytes / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)join_span(join, span),
	};
	long code = sys3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (long)join->plan->seccomp_flags,
			 sys_at(&program));

	if (code != 0)
		join_fail(join, code < 0 ? code : -ESRCH,
			  "unable to init seccomp: error loading seccomp filter into kernel: "
			  "error loading seccomp filter");
}

static void __attribute__((noreturn)) fail_cwd(const struct join *join, long code, const char *cwd)
{
	struct text said = { 0 };

	text_add(&said, "chdir to cwd (");
	text_add_quoted(&said, cwd);
	text_add(&said, ") set in config.json failed");
	join_fail(join, code, said.bytes);
}

/* Returns whether it must be tried again as the user. */
static bool enter_cwd(const struct join *join, bool again)
{
	const char *cwd = join_span(join, join->plan->cwd);
	long code = cwd ? sys1(SYS_chdir, sys_at(cwd)) : 0;

	if (code < 0 && (again || (code != -EACCES && code != -EPERM)))
		fail_cwd(join, code, cwd);
	return code < 0;
}

/* A folder outside of the container's root has a name that says so, or none. */
static void check_cwd(const struct join *join)
{
	static char cwd[PATH_MAX];
	long code = sys2(SYS_getcwd, sys_at(cwd), sizeof(cwd));
	struct text said = { 0 };

	if (code > 0 && cwd[0] == '/')
		return;
	if (code > 0 || code == -ENOENT) {
		text_add(&said, "current working directory is outside of container mount namespace "
				"root -- possible container breakout detected");
		join_fail_text(join, ENOENT, &said);
	}
	join_fail(join, code, "failed to verify if current working directory is safe: getwd");
}

static void check_environment(const struct join *join)
{
	struct text said = { 0 };

	for (uint32_t i = 0; i < join->envc; i++) {
		const char *at = join->envp[i];

		while (*at != '\0' && *at != '=')
			at++;
		if (*at == '=' && at != join->envp[i])
			continue;
		text_add(&said, "invalid environment variable: ");
		text_add(&said, *at == '=' ? "name cannot be empty" : "missing '='");
		join_fail_text(join, EINVAL, &said);
	}
}

static void complete_environment(struct join *join)
{
	uint32_t at = 0;

	check_environment(join);
	if (!(join->plan->flags & PLAN_HOME))
		return;
	/* older versions replace an empty one, newer ones append: the plan has none then */
	while (at < join->envc && !text_begins(join->envp[at], "HOME="))
		at++;
	join->envp[at] = join_home(join->plan->uid);
	if (at == join->envc)
		join->envc++;
}

const char *join_variable(const struct join *join, const char *name)
{
	size_t len = text_length(name);
	const char *value = NULL;

	for (uint32_t i = 0; i < join->envc; i++)
		if (text_begins(join->envp[i], name) && join->envp[i][len] == '=')
			value = join->envp[i] + len + 1;
	return value;
}

/* After the last check nothing is ours to report: the process failed, and says so itself. */
static void __attribute__((noreturn)) execute(const struct join *join, const char *path)
{
	struct text said = { 0 };
	long code;

	(void)sys_close(PLAN_FD_CONTROL);
	do
		code = sys3(SYS_execve, sys_at(path), sys_at(join->argv), sys_at(join->envp));
	while (code == -EINTR);
	text_add(&said, "exec ");
	text_add(&said, path);
	text_add(&said, ": ");
	text_add_reason(&said, (int)-code);
	text_add(&said, "\n");
	(void)sys_write(PLAN_FD_STDERR, said.bytes, said.used);
	sys_exit(join->plan->flags & PLAN_EXEC_FAILS_WITH_1 ? 1 : JOIN_EXIT_FAILED);
}

void join_become(struct join *join, int go)
{
	bool filtered = join->plan->flags & PLAN_SECCOMP;
	bool late = join->plan->flags & PLAN_NO_NEW_PRIVS;
	const char *path;
	bool again;

	join_rest(join, go);
	join->stage = PLAN_STAGE_BECOME;
	final_affinity(join);
	join_keyring(join);
	if (join->plan->flags & PLAN_TERMINAL)
		join_terminal(join);
	set_attributes(join);
	set_limits(join);
	if (filtered && !late) {
		(void)sys_prctl(PR_SET_PDEATHSIG, 0);
		install_filter(join);
	}
	again = enter_cwd(join, false);
	complete_environment(join);
	join_bound(join);
	(void)sys_prctl(PR_SET_KEEPCAPS, 1);
	join_user(join);
	/* a change of ids makes a process dumpable again where fs.suid_dumpable says so */
	if (!filtered || late)
		(void)sys_prctl(PR_SET_DUMPABLE, 0);
	if (again)
		(void)enter_cwd(join, true);
	check_cwd(join);
	(void)sys_prctl(PR_SET_KEEPCAPS, 0);
	join_capabilities(join);
	join_profile(join);
	path = join_lookup(join);
	if (!filtered || late)
		(void)sys_prctl(PR_SET_PDEATHSIG, 0);
	join_say(PLAN_MSG_RUN, join->stage, 0, NULL);
	if (filtered && late)
		install_filter(join);
	execute(join, path);
}
