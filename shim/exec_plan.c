/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_plan.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/apparmor.h"
#include "shim/exec_env.h"
#include "shim/exec_facts.h"
#include "shim/exec_process.h"
#include "shim/join/plan.h"

enum {
	SPAN_ALIGN = 8,
	BPF_INSN_BYTES = 8, /* sizeof(struct sock_filter) */
	IOPRIO_CLASS_SHIFT = 13,
	WRONG_NAME_MAX = 200, /* longest name told in a text of ours, bytes */
};

struct making {
	const struct exec_plan_input *input;
	struct exec_process process;
	struct plan plan;
	struct buf *out;
	struct err *err;
};

static bool is_since(const struct making *making, unsigned int minor, unsigned int patch)
{
	return runtime_version_at_least(&making->input->version, 1, minor, patch);
}

static int leave(struct making *making, const char *why)
{
	return err_set(making->err, -EOPNOTSUPP, "%s", why);
}

/* ---- what runc checks before it begins ---- */

/* Source: runc utils_linux.go, validateProcessSpec and newProcess, in their order. */
static int process_check(struct making *making)
{
	const struct exec_process *process = &making->process;
	const char *cwd = process->cwd.len ? (const char *)process->cwd.data : "";
	const char *wrong = (const char *)process->wrong_limit.data;

	if (cwd[0] == '\0')
		return err_set(making->err, -EINVAL, "exec failed: Cwd property must not be empty");
	if (cwd[0] != '/')
		return err_set(making->err, -EINVAL, "exec failed: Cwd must be an absolute path");
	if (process->argc == 0)
		return err_set(making->err, -EINVAL, "exec failed: args must not be empty");
	if (process->wrong_limit.len == 0)
		return 0;
	if (process->wrong_limit.len > WRONG_NAME_MAX)
		return leave(making, "a limit that nobody knows");
	return err_set(making->err, -EINVAL, "exec failed: wrong rlimit value: %s", wrong);
}

/* ---- ids ---- */

/* Whether runc and the kernel take an id without an error that we would have to foresee. */
static bool id_is_plain(const struct making *making, uint32_t id, uint32_t mapped)
{
	if (id == UINT32_MAX || (id > INT32_MAX && !is_since(making, 3, 0)))
		return false;
	if (mapped == UINT32_MAX)
		return true;
	if (mapped == 0)
		return id == 0 || is_since(making, 2, 0);
	return id < mapped;
}

static int ids_check(struct making *making)
{
	const struct exec_facts *facts = making->input->facts;
	const struct exec_process *process = &making->process;
	size_t count = process->groups.len / sizeof(uint32_t);

	if (!id_is_plain(making, process->uid, facts->uids) ||
	    !id_is_plain(making, process->gid, facts->gids))
		return leave(making, "an id that runc may refuse");
	for (size_t i = 0; i < count; i++) {
		uint32_t group;

		memcpy(&group, process->groups.data + i * sizeof(group), sizeof(group));
		if (!id_is_plain(making, group, facts->gids))
			return leave(making, "an additional group that runc may refuse");
	}
	making->plan.uid = process->uid;
	making->plan.gid = process->gid;
	return 0;
}

/* runc <= 1.2 gives each group once; the kernel sorts them. */
static void groups_unique(struct buf *groups)
{
	uint32_t *list = (uint32_t *)(void *)groups->data;
	size_t count = groups->len / sizeof(*list);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < kept && list[at] != list[i])
			at++;
		if (at == kept)
			list[kept++] = list[i];
	}
	groups->len = kept * sizeof(*list);
}

/* ---- what the container has where the process has nothing ---- */

/* Source: runc libcontainer/container_linux.go, newInitConfig; init_linux.go, finalizeNamespace. */
static void caps_merge(struct making *making)
{
	const struct exec_attributes *own = &making->process.attributes;
	const struct exec_attributes *theirs = &making->input->facts->attributes;
	struct plan *plan = &making->plan;

	if (own->has_caps)
		memcpy(plan->caps, own->caps, sizeof(plan->caps));
	else if (theirs->has_caps)
		memcpy(plan->caps, theirs->caps, sizeof(plan->caps));
	else if (is_since(making, 3, 0))
		return; /* before, all are dropped */
	plan->flags |= PLAN_CAPS;
}

static int scheduler_merge(struct making *making)
{
	const struct exec_facts *facts = making->input->facts;
	const struct exec_attributes *from = &facts->attributes;
	struct plan *plan = &making->plan;

	if (is_since(making, 3, 0) && making->process.attributes.has_scheduler)
		from = &making->process.attributes;
	if (!from->has_scheduler || !is_since(making, 2, 0))
		return 0;
	if (from->scheduler.policy == UINT32_MAX)
		return leave(making, "a scheduler without a policy");
	if (facts->has_cpuset)
		return leave(making, "a scheduler together with a set of processors");
	plan->scheduler.policy = from->scheduler.policy;
	plan->scheduler.nice = from->scheduler.nice;
	plan->scheduler.priority = from->scheduler.priority;
	plan->scheduler.flags = from->scheduler.flags;
	plan->scheduler.runtime = from->scheduler.runtime;
	plan->scheduler.deadline = from->scheduler.deadline;
	plan->scheduler.period = from->scheduler.period;
	plan->flags |= PLAN_SCHEDULER;
	return 0;
}

static int io_priority_merge(struct making *making)
{
	const struct exec_attributes *own = &making->process.attributes;
	const struct exec_attributes *from = &making->input->facts->attributes;

	if (!is_since(making, 3, 0)) {
		/* 1.2 sets it on a thread of runc and hopes that the process inherits it. */
		return own->has_io_priority && is_since(making, 2, 0)
			       ? leave(making, "an I/O priority with runc 1.2")
			       : 0;
	}
	if (own->has_io_priority)
		from = own;
	if (!from->has_io_priority)
		return 0;
	if (from->io_class == 0)
		return leave(making, "an I/O priority without a class");
	making->plan.io_priority = from->io_class << IOPRIO_CLASS_SHIFT | from->io_level;
	making->plan.flags |= PLAN_IO_PRIORITY;
	return 0;
}

/* ---- spans ---- */

static int span_add(struct making *making, struct plan_span *span, const void *bytes, size_t len)
{
	static const uint8_t padding[SPAN_ALIGN];
	struct buf *out = making->out;
	size_t gap = (SPAN_ALIGN - out->len % SPAN_ALIGN) % SPAN_ALIGN;
	int code;

	if (len == 0)
		return 0;
	code = buf_add(out, padding, gap, EXEC_PLAN_MAX_BYTES);
	span->offset = (uint32_t)out->len;
	span->bytes = (uint32_t)len;
	if (code == 0)
		code = buf_add(out, bytes, len, EXEC_PLAN_MAX_BYTES);
	return code < 0 ? err_set(making->err, code, "plan: %s", err_reason(-code)) : 0;
}

/* Source: runc libcontainer/process_linux.go, setFinalCPUAffinity and tryResetCPUAffinity. */
static int affinity_add(struct making *making)
{
	const struct exec_attributes *own = &making->process.attributes;
	const struct exec_attributes *from = &making->input->facts->attributes;
	uint64_t cpus[EXEC_CPUS_WORDS];
	int code = 0;

	if (own->initial_cpus || own->final_cpus)
		from = own;
	if (!is_since(making, 3, 0) || (!from->initial_cpus && !from->final_cpus)) {
		bool resets = is_since(making, 3, 1) ||
			      (is_since(making, 2, 7) && !is_since(making, 3, 0));

		making->plan.flags |= resets ? PLAN_AFFINITY_RESET : 0;
		return 0;
	}
	if (from->initial_cpus) {
		if (exec_cpus_parse(from->initial_cpus, cpus) < 0)
			return leave(making, "execCPUAffinity.initial is no list of processors");
		code = span_add(making, &making->plan.initial_cpus, cpus, sizeof(cpus));
	}
	if (code == 0 && from->final_cpus) {
		if (exec_cpus_parse(from->final_cpus, cpus) < 0)
			return leave(making, "execCPUAffinity.final is no list of processors");
		code = span_add(making, &making->plan.final_cpus, cpus, sizeof(cpus));
	}
	return code;
}

static int seccomp_add(struct making *making)
{
	const struct exec_plan_input *input = making->input;
	const struct exec_facts *facts = input->facts;
	struct plan *plan = &making->plan;

	if (!facts->has_seccomp)
		return 0;
	if (input->seccomp_len == 0)
		return leave(making, "the container's seccomp program is not at hand");
	if (input->seccomp_len % BPF_INSN_BYTES != 0 ||
	    input->seccomp_len > (size_t)BPF_MAXINSNS * BPF_INSN_BYTES)
		return leave(making, "the copy of the seccomp program is broken");
	plan->flags |= PLAN_SECCOMP;
	if (is_since(making, 2, 0))
		plan->seccomp_flags = facts->has_seccomp_flags ? facts->seccomp_flags
							       : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return span_add(making, &plan->seccomp, input->seccomp, input->seccomp_len);
}

static int env_add(struct making *making)
{
	const struct exec_process *process = &making->process;
	struct plan *plan = &making->plan;
	struct buf env = { 0 };
	bool needs_home = true;
	int code;

	plan->envc = process->envc;
	code = exec_env_write((const char *)process->env.data, &making->input->version,
			      EXEC_PLAN_MAX_BYTES, &env, &plan->envc, &needs_home, making->err);
	if (code == -EINVAL)
		(void)err_wrap(making->err, "exec failed: unable to start container process");
	if (code == 0)
		code = span_add(making, &plan->env, env.data, env.len);
	buf_done(&env);
	if (process->has_env)
		plan->flags |= PLAN_ENV;
	/* An absent array has no HOME either since 1.3. */
	if (needs_home && (process->has_env || !is_since(making, 3, 0)))
		plan->flags |= PLAN_HOME;
	return code;
}

static int keyring_add(struct making *making)
{
	static const char prefix[] = "_ses.";
	char name[sizeof(prefix) + EXEC_PLAN_ID_MAX];
	size_t len = strlen(making->input->id);

	if (making->input->no_new_keyring)
		return 0;
	if (len > EXEC_PLAN_ID_MAX)
		return leave(making, "the id of the container is too long");
	memcpy(name, prefix, sizeof(prefix) - 1);
	memcpy(name + sizeof(prefix) - 1, making->input->id, len + 1);
	return span_add(making, &making->plan.keyring, name, sizeof(prefix) + len);
}

/* A name that says "unconfined" is one like any other: the kernel knows it. */
static int apparmor_add(struct making *making)
{
	static const char verb[] = "exec ";
	const struct buf *name = &making->process.apparmor;
	const char *folder = apparmor_runc_folder(&making->input->version);
	char order[sizeof(verb) + APPARMOR_NAME_MAX];
	int code;

	if (name->len == 0)
		return 0;
	if (!making->input->apparmor)
		return leave(making, "a profile of AppArmor, which is off");
	if (name->len > APPARMOR_NAME_MAX)
		return leave(making, "the name of the AppArmor profile is too long");
	memcpy(order, verb, sizeof(verb) - 1);
	memcpy(order + sizeof(verb) - 1, name->data, name->len);
	code = span_add(making, &making->plan.apparmor, order, sizeof(verb) - 1 + name->len);
	return code < 0 ? code
			: span_add(making, &making->plan.apparmor_folder, folder,
				   strlen(folder) + 1);
}

static int spans_add(struct making *making)
{
	struct exec_process *process = &making->process;
	struct plan *plan = &making->plan;
	int code = span_add(making, &plan->argv, process->args.data, process->args.len);

	plan->argc = process->argc;
	if (!is_since(making, 3, 0))
		groups_unique(&process->groups);
	if (code == 0)
		code = env_add(making);
	if (code == 0)
		code = span_add(making, &plan->cwd, process->cwd.data, process->cwd.len);
	if (code == 0)
		code = keyring_add(making);
	if (code == 0)
		code = span_add(making, &plan->groups, process->groups.data, process->groups.len);
	if (code == 0)
		code = span_add(making, &plan->limits, process->limits.data, process->limits.len);
	if (code == 0)
		code = affinity_add(making);
	if (code == 0)
		code = apparmor_add(making);
	return code < 0 ? code : seccomp_add(making);
}

/* ---- the rest ---- */

static int container_merge(struct making *making)
{
	const struct exec_facts *facts = making->input->facts;
	struct plan *plan = &making->plan;

	plan->namespaces = facts->namespaces & ~(uint32_t)CLONE_NEWUSER;
	if (facts->namespaces & CLONE_NEWUSER)
		plan->flags |= PLAN_USER_NAMESPACE;
	if (making->input->setgroups_denied)
		plan->flags |= PLAN_SETGROUPS_DENIED;
	if (facts->has_oom_score_adj) {
		plan->flags |= PLAN_OOM_SCORE_ADJ;
		plan->oom_score_adj = facts->oom_score_adj;
	}
	if (facts->has_umask && is_since(making, 2, 0)) {
		plan->flags |= PLAN_UMASK;
		plan->umask = facts->umask & 0777;
	}
	if (facts->has_personality && is_since(making, 2, 0)) {
		/* 1.2 and 1.3 set it behind a filter that may forbid it. */
		if (facts->has_seccomp && !making->process.no_new_privs && !is_since(making, 4, 0))
			return leave(making, "a personality behind seccomp");
		plan->flags |= PLAN_PERSONALITY;
		plan->personality = facts->personality;
	}
	return 0;
}

static void process_take(struct making *making)
{
	const struct exec_process *process = &making->process;
	struct plan *plan = &making->plan;

	plan->magic = PLAN_MAGIC;
	if (process->terminal)
		plan->flags |= PLAN_TERMINAL;
	if (process->rows && process->columns) {
		plan->rows = process->rows;
		plan->columns = process->columns;
	}
	if (process->no_new_privs)
		plan->flags |= PLAN_NO_NEW_PRIVS;
	if (!is_since(making, 4, 0))
		plan->flags |= PLAN_STDIO_GROUP;
	if (!is_since(making, 2, 0))
		plan->flags |= PLAN_EXEC_FAILS_WITH_1;
}

static int plan_make(struct making *making)
{
	int code = process_check(making);

	if (code == 0)
		code = ids_check(making);
	if (code < 0)
		return code;
	process_take(making);
	caps_merge(making);
	code = container_merge(making);
	if (code == 0)
		code = scheduler_merge(making);
	if (code == 0)
		code = io_priority_merge(making);
	if (code == 0)
		code = buf_add(making->out, &making->plan, sizeof(making->plan),
			       EXEC_PLAN_MAX_BYTES);
	if (code == 0)
		code = spans_add(making);
	if (code < 0)
		return code;
	making->plan.size = (uint32_t)making->out->len;
	memcpy(making->out->data, &making->plan, sizeof(making->plan));
	return 0;
}

int exec_plan_make(const struct exec_plan_input *input, struct buf *out, struct err *err)
{
	struct making making = { .input = input, .out = out, .err = err };
	int code = exec_process_read(input->process, input->process_len, &making.process, err);

	if (code < 0)
		return code;
	code = plan_make(&making);
	exec_process_done(&making.process);
	if (code < 0)
		buf_done(out);
	return code;
}
