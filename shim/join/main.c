/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/join/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "shim/join/sys.h"

enum { JOIN_SIGNALS = 64, JOIN_SIGSET_BYTES = 8, JOIN_CLONE_ARGS_BYTES = 88 };

/* What only P can join: a user namespace would own P's memory, cgroup.procs would be another one,
 * and a time namespace wants memory that nobody shares. */
enum { JOIN_LATE = CLONE_NEWCGROUP | CLONE_NEWTIME };

/* linux/fs.h and glibc quarrel; the kernel's own layout. */
struct join_clone_args {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;
	uint64_t stack_size;
	uint64_t tls;
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

struct join_sigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

void __attribute__((noreturn, used)) join_main(void);

#if defined(__x86_64__)
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	and $-16, %rsp\n"
	"	call join_main\n"
	"	ud2\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	bl join_main\n"
	"	udf #0\n");
#endif

const void *join_span(const struct join *join, struct plan_span span)
{
	return span.bytes == 0 ? NULL : (const char *)join->plan + span.offset;
}

void join_say(enum plan_msg_kind kind, enum plan_stage stage, int32_t value,
	      const struct text *text)
{
	struct plan_msg msg = { .kind = (uint8_t)kind, .stage = (uint8_t)stage, .value = value };
	size_t used = text ? text->used + 1 : 0;

	for (size_t i = 0; i < used; i++)
		msg.text[i] = text->bytes[i];
	while (sys_write(PLAN_FD_CONTROL, &msg, offsetof(struct plan_msg, text) + used) == -EINTR)
		;
}

void join_fail_text(const struct join *join, int value, const struct text *said)
{
	struct text whole = { 0 };

	text_add(&whole, "unable to start container process: ");
	text_add(&whole, said->bytes);
	join_say(PLAN_MSG_ERROR, join->stage, value, &whole);
	sys_exit(JOIN_EXIT_FAILED);
}

void join_fail(const struct join *join, long code, const char *what)
{
	struct text said = { 0 };

	text_add(&said, what);
	text_add(&said, ": ");
	text_add_reason(&said, (int)-code);
	join_fail_text(join, (int)-code, &said);
}

static bool span_fits(const struct plan *plan, struct plan_span span, bool words)
{
	const char *bytes = (const char *)plan + span.offset;

	return span.bytes == 0 || (span.offset >= sizeof(*plan) && span.offset <= plan->size &&
				   span.bytes <= plan->size - span.offset &&
				   (!words || bytes[span.bytes - 1] == '\0'));
}

static bool plan_fits(const struct plan *plan)
{
	return span_fits(plan, plan->argv, true) && span_fits(plan, plan->env, true) &&
	       span_fits(plan, plan->cwd, true) && span_fits(plan, plan->keyring, true) &&
	       span_fits(plan, plan->groups, false) && span_fits(plan, plan->limits, false) &&
	       span_fits(plan, plan->initial_cpus, false) &&
	       span_fits(plan, plan->final_cpus, false) && span_fits(plan, plan->seccomp, false) &&
	       span_fits(plan, plan->apparmor, true) &&
	       span_fits(plan, plan->apparmor_folder, true) && plan->argc > 0 &&
	       plan->argc <= plan->argv.bytes && plan->envc <= plan->env.bytes;
}

static void *map(const struct join *join, size_t bytes, int flags, int fd)
{
	long at = sys6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at < 0 && at > -4096)
		join_fail(join, at, "map the plan");
	return (void *)(uintptr_t)at;
}

/* Addresses of at most `count` words that lie one behind the other. Returns how many there are. */
static uint32_t spread(const struct join *join, struct plan_span span, uint32_t count, char **words)
{
	char *at = (char *)(uintptr_t)join_span(join, span);
	const char *end = at + span.bytes;
	uint32_t found = 0;

	for (; found < count && at < end; found++) {
		words[found] = at;
		at += text_length(at) + 1;
	}
	return found;
}

static void take_plan(struct join *join)
{
	struct plan head = { 0 };
	size_t words;

	if (sys4(SYS_pread64, PLAN_FD_PLAN, sys_at(&head), sizeof(head), 0) != sizeof(head) ||
	    head.magic != PLAN_MAGIC || head.size < sizeof(head))
		join_fail(join, -EINVAL, "read the plan");
	join->plan = map(join, head.size, MAP_PRIVATE, PLAN_FD_PLAN);
	if (!plan_fits(join->plan))
		join_fail(join, -EINVAL, "read the plan");
	(void)sys_close(PLAN_FD_PLAN);
	words = (size_t)head.argc + 1 + head.envc + 2;
	join->argv = map(join, words * sizeof(char *), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	join->envp = join->argv + head.argc + 1;
	(void)spread(join, head.argv, head.argc, join->argv);
	join->envc = spread(join, head.env, head.envc, join->envp);
}

/* Ignored and blocked signals would survive execve. */
static void reset_signals(void)
{
	const struct join_sigaction defaults = { 0 };
	const uint64_t none = 0;

	for (int i = 1; i <= JOIN_SIGNALS; i++)
		(void)sys4(SYS_rt_sigaction, i, sys_at(&defaults), 0, JOIN_SIGSET_BYTES);
	(void)sys4(SYS_rt_sigprocmask, SIG_SETMASK, sys_at(&none), 0, JOIN_SIGSET_BYTES);
}

/* By the host's /proc: that of the container may be anything. */
static void adjust_oom_score(const struct join *join)
{
	struct text score = { 0 };
	long adj = join->plan->oom_score_adj;
	long fd;
	long n;

	if (!(join->plan->flags & PLAN_OOM_SCORE_ADJ))
		return;
	if (adj < 0)
		text_add(&score, "-");
	text_add_number(&score, (uint64_t)(adj < 0 ? -adj : adj));
	fd = sys_open(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		join_fail(join, fd, "open /proc/self/oom_score_adj");
	n = sys_write((int)fd, score.bytes, score.used);
	if (n < 0)
		join_fail(join, n, "write /proc/self/oom_score_adj");
	(void)sys_close((int)fd);
}

/* No call of its own: a child that shares our stack would return from it first, and overwrite where
 * we are to return to. */
static inline __attribute__((always_inline)) long clone3(uint64_t flags, int cgroup)
{
	const struct join_clone_args args = {
		.flags = flags,
		.cgroup = (uint64_t)cgroup,
	};

	return sys6(SYS_clone3, sys_at(&args), sizeof(args), 0, 0, 0, 0);
}

/*
 * As K. P must not run before S knows its number, or S might see the end of a process that it has
 * never heard of: P waits for the pipe's byte; its end without one means that K is gone.
 */
static void __attribute__((noreturn)) enter(struct join *join)
{
	const struct plan *plan = join->plan;
	int go[2] = { -1, -1 };
	long code;

	(void)sys_close(PLAN_FD_CGROUP);
	code = sys2(SYS_setns, PLAN_FD_INIT, (long)(plan->namespaces & ~(uint32_t)JOIN_LATE));
	if ((plan->namespaces & ~(uint32_t)JOIN_LATE) != 0 && code < 0)
		join_fail(join, code, "join the namespaces");
	code = sys2(SYS_pipe2, sys_at(go), O_CLOEXEC);
	if (code < 0)
		join_fail(join, code, "make a pipe");
	code = clone3(CLONE_PARENT, 0);
	if (code < 0)
		join_fail(join, code, "make the process");
	if (code == 0) {
		(void)sys_close(go[1]);
		join_become(join, go[0]);
	}
	join_say(PLAN_MSG_PID, join->stage, (int32_t)code, NULL);
	(void)sys_write(go[1], "", 1);
	sys_exit(0);
}

void join_main(void)
{
	struct join join = { .stage = PLAN_STAGE_JOIN };
	struct plan_span cpus;
	long code;

	_Static_assert(sizeof(struct join_clone_args) == JOIN_CLONE_ARGS_BYTES, "clone_args");
	(void)sys_close_range(PLAN_FD_MAX, ~0U);
	(void)sys3(SYS_fcntl, PLAN_FD_CONTROL, F_SETFD, FD_CLOEXEC);
	take_plan(&join);
	reset_signals();
	adjust_oom_score(&join);
	(void)sys_prctl(PR_SET_DUMPABLE, 0);
	cpus = join.plan->initial_cpus;
	if (cpus.bytes > 0) {
		code = sys3(SYS_sched_setaffinity, 0, (long)cpus.bytes,
			    sys_at(join_span(&join, cpus)));
		if (code < 0)
			join_fail(&join, code, "error setting initial CPU affinity");
	}
	code = clone3(CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_INTO_CGROUP, PLAN_FD_CGROUP);
	if (code < 0)
		join_fail(&join, code, "enter the cgroup");
	if (code == 0)
		enter(&join);
	sys_exit(0);
}
