/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec without `runc exec`. A plan is made of the process object and what config.json says of the
 * container; the joiner (shim/join/), a small sealed program, enters the container by it and
 * becomes the process, which is the shim's own child. They talk through one socket:
 *
 *   pid       the process exists
 *   terminal  the master of its terminal
 *   limits    it is in a user namespace and wants its limits set from outside
 *   error     it failed, before or after it was in the container
 *   run       its program comes next
 *   end       the program runs, or nothing does
 *
 * Until the process exists nothing has happened in the container: whatever goes wrong, runc may
 * try. From then on an error is the answer.
 *
 * Source: runc libcontainer/process_linux.go, setnsProcess; setns_init_linux.go; nsexec.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/events.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "shim/apparmor.h"
#include "shim/container.h"
#include "shim/exec_facts.h"
#include "shim/exec_plan.h"
#include "shim/fast.h"
#include "shim/join/plan.h"
#include "shim/join_image.h"
#include "shim/runtime.h"
#include "shim/seccomp_copy.h"
#include "shim/shim.h"
#include "shim/spawn.h"

/* An exec under way. */
struct fast_exec {
	struct operation *operation;
	struct loop_source control;
	struct loop_timer limit;
	int control_fd; /* owned */
	pid_t joiner;
	pid_t pid;	   /* of the process; 0 until it exists */
	int master;	   /* owned; -1: no terminal came */
	struct buf plan;   /* kept for its limits in a user namespace alone */
	struct err failed; /* code 0: nothing has */
	bool run;	   /* its program comes next */
	bool undecided;	   /* it failed before anything was done: the runtime may try */
};

/* Kill a child that may have been reaped: then the pid is not ours. */
static void kill_child(pid_t pid)
{
	siginfo_t info;

	if (pid > 1 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		(void)kill(pid, SIGKILL);
}

static struct loop *loop_of(const struct fast_exec *exec)
{
	return &exec->operation->container->shim->loop;
}

static void forget(struct fast_exec *exec)
{
	exec->operation->fast_exec = NULL;
	loop_remove(loop_of(exec), &exec->control);
	loop_timer_stop(&exec->limit);
	(void)fd_close(exec->control_fd);
	(void)fd_close(exec->master);
	buf_done(&exec->plan);
	free(exec);
}

/* Nothing more will be said. */
static void end(struct fast_exec *exec)
{
	struct operation *operation = exec->operation;
	struct err failed = exec->failed;
	bool undecided = exec->undecided;

	if (failed.code) {
		kill_child(exec->joiner);
		kill_child(exec->pid);
	} else {
		operation->pid = exec->pid;
		operation->master_fd = fd_take(&exec->master);
	}
	forget(exec);
	if (undecided) {
		struct container *container = operation->container;

		/* as fast_try(): once; a probe meets a full pids.max every few seconds */
		if (container->fast.told & 1U << FAST_EXEC)
			log_debug(container->id, "exec %s goes to the runtime: %s",
				  operation->process->id, failed.msg);
		else
			log_info(container->id, "exec %s goes to the runtime: %s",
				 operation->process->id, failed.msg);
		container->fast.told |= 1U << FAST_EXEC;
		runtime_exec(operation);
	} else {
		operation_ended(operation, failed.code ? &failed : NULL);
	}
}

/* ---- what it says ---- */

/* In a user namespace nobody may raise limits: it waits until they are set from here. */
static void set_limits(struct fast_exec *exec)
{
	struct plan plan;
	char go = 'g';

	memcpy(&plan, exec->plan.data, sizeof(plan));
	for (uint32_t at = 0; at < plan.limits.bytes; at += (uint32_t)sizeof(struct plan_limit)) {
		struct plan_limit limit;
		struct rlimit new;

		memcpy(&limit, exec->plan.data + plan.limits.offset + at, sizeof(limit));
		new = (struct rlimit){ .rlim_cur = limit.soft, .rlim_max = limit.hard };
		if (exec->pid == 0 ||
		    prlimit(exec->pid, (enum __rlimit_resource)limit.resource, &new, NULL) < 0) {
			(void)err_set(&exec->failed, -errno,
				      "OCI runtime exec failed: exec failed: unable to start "
				      "container process: error setting rlimits for ready process: "
				      "error setting rlimit type %u: %s",
				      limit.resource, err_reason(errno));
			kill_child(exec->pid);
			return;
		}
	}
	if (send(exec->control_fd, &go, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		kill_child(exec->pid);
}

static void take_error(struct fast_exec *exec, const struct plan_msg *said)
{
	if (exec->failed.code) /* the first one counts */
		return;
	exec->undecided = said->stage == PLAN_STAGE_JOIN;
	(void)err_set(&exec->failed, -EIO, "%s%s",
		      exec->undecided ? "" : "OCI runtime exec failed: exec failed: ", said->text);
}

static void take(struct fast_exec *exec, const struct plan_msg *said, int *fd)
{
	switch ((enum plan_msg_kind)said->kind) {
	case PLAN_MSG_PID:
		exec->pid = said->value;
		break;
	case PLAN_MSG_TTY:
		exec->master = fd_take(fd);
		break;
	case PLAN_MSG_LIMITS:
		set_limits(exec);
		break;
	case PLAN_MSG_RUN:
		exec->run = true;
		break;
	case PLAN_MSG_ERROR:
		take_error(exec, said);
		break;
	}
}

/* One message. Returns its length, 0 at the end, negative when there is none now. */
static ssize_t receive(int control, struct plan_msg *said, int *fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = { 0 };
	struct iovec data = { .iov_base = said, .iov_len = sizeof(*said) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	ssize_t len = recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *header = len < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return len < 0 ? -errno : len;
}

/*
 * Was it killed before its program ran? A filter may have kept it from saying that it came so far:
 * then one that lives, or ended by itself, counts as run.
 */
static bool was_killed(const struct fast_exec *exec)
{
	struct reaper *reaper = &exec->operation->container->shim->reaper;
	siginfo_t info = { 0 };
	struct child_exit ended;

	if (exec->run || exec->pid == 0)
		return false;
	if (waitid(P_PID, (id_t)exec->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		return info.si_pid == exec->pid && info.si_code != CLD_EXITED;
	return reaper_has(reaper, exec->pid, &ended) && ended.status > 128;
}

static void on_control(struct loop_source *source, uint32_t events)
{
	struct fast_exec *exec = owner_of(source, struct fast_exec, control);

	(void)events;
	for (;;) {
		struct plan_msg said = { 0 };
		own_fd int fd = -1;
		ssize_t len = receive(exec->control_fd, &said, &fd);

		if (len == -EAGAIN || len == -EINTR)
			return;
		if (len <= 0)
			break;
		said.text[sizeof(said.text) - 1] = '\0';
		take(exec, &said, &fd);
	}
	if (!exec->failed.code && exec->pid == 0) {
		exec->undecided = true;
		(void)err_set(&exec->failed, -EIO, "the joiner ended without a word");
	}
	if (!exec->failed.code && was_killed(exec))
		(void)err_set(
			&exec->failed, -EIO,
			"OCI runtime exec failed: exec failed: unable to start container "
			"process: it was killed before its program ran (possibly OOM-killed)");
	end(exec);
}

static void on_limit(struct loop_timer *timer)
{
	struct fast_exec *exec = owner_of(timer, struct fast_exec, limit);

	if (!exec->failed.code)
		(void)err_set(&exec->failed, -ETIMEDOUT,
			      "OCI runtime exec failed: the process was killed: it did not start "
			      "in time");
	exec->undecided = false;
	end(exec);
}

void fast_exec_cancel(struct operation *operation)
{
	struct fast_exec *exec = operation->fast_exec;

	if (!exec)
		return;
	if (!exec->failed.code)
		(void)err_set(&exec->failed, -ECANCELED,
			      "OCI runtime exec failed: the request was cancelled");
	exec->undecided = false;
	kill_child(exec->joiner);
	kill_child(exec->pid);
}

void fast_exec_limit(struct operation *operation, int limit_ms)
{
	struct fast_exec *exec = operation->fast_exec;

	if (exec)
		loop_timer_start(loop_of(exec), &exec->limit, limit_ms);
}

/* ---- may I ---- */

/* What config.json says of the container, read once. */
static int know_container(struct container *container, struct err *why)
{
	struct exec_facts facts;
	int code;

	if (container->fast.facts)
		return 0;
	code = exec_facts_read(container->bundle_fd, &facts, why);
	if (code == -EOPNOTSUPP) /* for ever */
		container->fast.off |= 1U << FAST_EXEC;
	if (code < 0)
		return code;
	container->fast.facts = malloc(sizeof(facts));
	if (!container->fast.facts) {
		exec_facts_done(&facts);
		return err_set(why, -ENOMEM, "no memory for what execs need to know");
	}
	*container->fast.facts = facts;
	return 0;
}

void fast_exec_forget(struct container *container)
{
	if (!container->fast.facts)
		return;
	exec_facts_done(container->fast.facts);
	free(container->fast.facts);
	container->fast.facts = NULL;
}

/* A container that cannot take an exec now: runc has the words for it. */
static int is_ready(const struct container *container, struct err *why)
{
	struct cg_events events;

	if (container->cgroup_fd < 0)
		return err_set(why, -ENOENT, "its cgroup is not known");
	if (cg_events_read(container->cgroup_fd, &events, why) < 0)
		return why->code;
	if (events.frozen || container->init.state == TASK_PAUSED ||
	    container->init.state == TASK_PAUSING)
		return err_set(why, -EAGAIN, "the container is paused");
	if (fast_has_ended(container))
		return err_set(why, -EAGAIN, "init has ended");
	return 0;
}

/* A user namespace may be one in which nobody can set groups: runc then leaves them as they are.
 * Source: user_namespaces(7); runc libcontainer/init_linux.go, setupUser. */
static bool denies_setgroups(const struct container *container)
{
	char path[40];
	char text[16];

	if (!(container->fast.facts->namespaces & CLONE_NEWUSER))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)container->init.child.pid);
	return fd_read_text(AT_FDCWD, path, text, sizeof(text)) > 0 && strcmp(text, "deny") == 0;
}

static int make_plan(const struct operation *operation, struct buf *plan, struct err *err)
{
	struct container *container = operation->container;
	const struct buf *spec = &operation->process->spec;
	struct buf seccomp = { 0 };
	struct exec_plan_input input = {
		.process = (const char *)spec->data,
		.process_len = spec->len,
		.facts = container->fast.facts,
		.version = container->fast.version,
		.id = container->id,
		.apparmor = apparmor_is_on(AT_FDCWD),
		.no_new_keyring = container->options.no_new_keyring,
		.setgroups_denied = denies_setgroups(container),
	};
	int code = 0;

	if (container->fast.facts->has_seccomp)
		code = seccomp_read(container->bundle_fd, &seccomp, err);
	input.seccomp = seccomp.data;
	input.seccomp_len = seccomp.len;
	if (code < 0)
		code = -EOPNOTSUPP;
	else
		code = exec_plan_make(&input, plan, err);
	buf_done(&seccomp);
	return code;
}

/* ---- begin ---- */

static int plan_file(const struct buf *plan, struct err *err)
{
	own_fd int fd = memfd_create("plan", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, plan->data, plan->len) < 0)
		return err_errno(err, "write the plan of an exec");
	return fd_take(&fd);
}

static pid_t launch(struct operation *operation, const struct buf *plan, int control,
		    struct err *err)
{
	static const char *const argv[] = { "azl-join", NULL };
	static char *const envp[] = { NULL };
	struct container *container = operation->container;
	struct spawn spawn = spawn_blank();
	own_fd int init = pidfd_open(container->init.child.pid, 0);
	own_fd int image = join_image_open(err);
	own_fd int file = -1;

	if (image < 0)
		return image;
	if (init < 0)
		return err_errno(err, "open init");
	file = plan_file(plan, err);
	if (file < 0)
		return file;
	spawn.program = argv[0];
	spawn.program_fd = image;
	spawn.argv = argv;
	spawn.envp = envp;
	if (!operation->process->stdio.terminal)
		memcpy(spawn.stdio, operation->process->stdio.child, sizeof(spawn.stdio));
	spawn.extra[PLAN_FD_PLAN - 3] = file;
	spawn.extra[PLAN_FD_CONTROL - 3] = control;
	spawn.extra[PLAN_FD_INIT - 3] = init;
	spawn.extra[PLAN_FD_CGROUP - 3] = container->cgroup_fd;
	spawn.n_extra = PLAN_FD_MAX - 3;
	return spawn_start(&spawn, err);
}

static int begin(struct operation *operation, struct buf *plan, struct err *err)
{
	struct container *container = operation->container;
	struct fast_exec *exec = calloc(1, sizeof(*exec));
	int pair[2];

	if (!exec)
		return err_set(err, -ENOMEM, "no memory for an exec");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(exec);
		return err_errno(err, "socketpair");
	}
	exec->operation = operation;
	exec->control_fd = pair[0];
	exec->master = -1;
	loop_source_init(&exec->control, on_control);
	loop_timer_init(&exec->limit, on_limit);
	operation->fast_exec = exec;
	if (loop_add(&container->shim->loop, &exec->control, exec->control_fd, EPOLLIN) < 0)
		(void)err_set(err, -ENOMEM, "no memory to watch an exec");
	else
		exec->joiner = launch(operation, plan, pair[1], err);
	(void)close(pair[1]);
	if (exec->joiner <= 0) {
		forget(exec);
		return err->code;
	}
	if (container->fast.facts->namespaces & CLONE_NEWUSER) {
		exec->plan = *plan;
		*plan = (struct buf){ 0 };
	}
	if (operation->timeout_ms > 0)
		loop_timer_start(&container->shim->loop, &exec->limit, operation->timeout_ms);
	return 0;
}

int fast_exec(struct operation *operation, struct err *why)
{
	struct container *container = operation->container;
	struct buf plan = { 0 };
	struct err err;
	int code;

	if (exec_facts_host(why) < 0 || is_ready(container, why) < 0 ||
	    know_container(container, why) < 0)
		return why->code;
	code = make_plan(operation, &plan, why);
	if (code == -EINVAL) {
		err = *why;
		(void)err_wrap(&err, "OCI runtime exec failed");
		err.code = -EIO;
		operation_ended(operation, &err);
		return 0;
	}
	if (code == 0)
		code = begin(operation, &plan, why);
	buf_done(&plan);
	return code;
}

int fast_exec_prepare(void *owner, struct err *err)
{
	const struct operation *operation = owner;
	const struct container *container = operation->container;

	return seccomp_copy(container->init.pid, container->bundle_fd, err);
}
