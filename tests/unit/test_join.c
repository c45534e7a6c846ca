/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test_join_world.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>

/* One container for all, one with a user namespace: made by the first test that wants it. */
static struct world *plain(void)
{
	static struct world world;

	if (world.cgroup == 0)
		world = world_new(false);
	return world.init > 0 ? &world : NULL;
}

static struct said run(const struct world *world, const char *command)
{
	return join_run(world, draft_new(world, command));
}

static bool has(const struct said *said, const char *words)
{
	if (strstr(said->out, words))
		return true;
	printf("# no '%s' in '%s' (error '%s')\n", words, said->out, said->error.text);
	return false;
}

TEST(a_process_runs_and_its_number_comes_first)
{
	struct world *world = plain();
	struct said said;

	if (!world)
		return;
	said = run(world, "echo out; echo err >&2; exit 7");
	CHECK(said.pid > 0 && said.pid_first && said.error.kind == 0);
	CHECK(said.status == 7);
	CHECK_TEXT(said.out, "out\nerr\n");
}

TEST(a_process_is_in_every_namespace_of_the_container)
{
	static const char *const kinds[] = { "mnt", "pid", "uts", "ipc", "net", "cgroup", "time" };
	struct world *world = plain();
	struct said said;

	if (!world)
		return;
	said = run(world, "cd /proc/self/ns; readlink *; readlink /proc/1/ns/pid");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char path[64];
		char link[64] = { 0 };

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)world->init, kinds[i]);
		CHECK(readlink(path, link, sizeof(link) - 1) > 0);
		CHECK(has(&said, link));
	}
}

TEST(nothing_is_open_but_the_streams)
{
	struct world *world = plain();
	struct said said;

	if (!world)
		return;
	said = run(world, "exec ls /proc/self/fd");
	CHECK_TEXT(said.out, "0\n1\n2\n3\n"); /* 3: the folder that ls reads */
}

TEST(a_process_leads_a_session_without_a_terminal)
{
	struct world *world = plain();
	struct said said;

	if (!world)
		return;
	said = run(world, "set -- $(cat /proc/$$/stat); test $1 = $6 && test $1 = $5 && echo $7");
	CHECK_TEXT(said.out, "0\n");
}

TEST(signals_are_neither_blocked_nor_ignored)
{
	struct world *world = plain();
	struct said said;
	sigset_t set;

	if (!world)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	(void)sigfillset(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	said = run(world, "exec grep -E 'Sig(Blk|Ign)' /proc/self/status");
	(void)sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGUSR1, SIG_DFL);
	CHECK_TEXT(said.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(ids_groups_and_owner_of_the_streams_are_set)
{
	static const uint32_t groups[] = { 7, 4000000000U };
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "grep -E '^(Uid|Gid|Groups)' /proc/self/status; stat -Lc %u:%g "
				 "/proc/self/fd/1");
	draft->plan.uid = 1000;
	draft->plan.gid = 1001;
	draft->plan.groups = draft_add(draft, groups, sizeof(groups));
	said = join_run(world, draft);
	CHECK(has(&said, "Uid:\t1000\t1000\t1000\t1000\n"));
	CHECK(has(&said, "Gid:\t1001\t1001\t1001\t1001\n"));
	CHECK(has(&said, "Groups:\t7 4000000000 \n"));
	CHECK(has(&said, "1000:0\n"));
}

/* Those of the daemon would stay. */
TEST(no_groups_means_none)
{
	const gid_t ours[] = { 11, 12 };
	struct world *world = plain();
	struct said said;

	if (!world)
		return;
	CHECK(setgroups(2, ours) == 0);
	said = run(world, "grep ^Groups /proc/self/status");
	CHECK(setgroups(0, NULL) == 0);
	CHECK_TEXT(said.out, "Groups:\t \n");
}

TEST(capabilities_are_those_of_the_plan)
{
	const uint64_t kill_only = 1U << CAP_KILL;
	const uint64_t two = kill_only | 1U << CAP_CHOWN;
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "exec grep ^Cap /proc/self/status");
	draft->plan.flags |= PLAN_CAPS;
	draft->plan.uid = 1000;
	draft->plan.caps[PLAN_CAP_BOUNDING] = two;
	draft->plan.caps[PLAN_CAP_EFFECTIVE] = kill_only;
	draft->plan.caps[PLAN_CAP_PERMITTED] = two;
	draft->plan.caps[PLAN_CAP_INHERITABLE] = kill_only;
	draft->plan.caps[PLAN_CAP_AMBIENT] = kill_only | 1ULL << CAP_SYS_ADMIN;
	said = join_run(world, draft);
	CHECK_TEXT(said.out, "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\n"
			     "CapEff:\t0000000000000020\nCapBnd:\t0000000000000021\n"
			     "CapAmb:\t0000000000000020\n");
}

TEST(without_capabilities_in_the_plan_the_kernels_rules_hold)
{
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "exec grep -E '^Cap(Prm|Amb)' /proc/self/status");
	draft->plan.uid = 1000;
	said = join_run(world, draft);
	CHECK_TEXT(said.out, "CapPrm:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

TEST(limits_are_set)
{
	const struct plan_limit limits[] = { { 100, 200, RLIMIT_NOFILE, 0 },
					     { 0, 0, RLIMIT_CORE, 0 } };
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "ulimit -Sn; ulimit -Hn; ulimit -Hc");
	draft->plan.limits = draft_add(draft, limits, sizeof(limits));
	said = join_run(world, draft);
	CHECK_TEXT(said.out, "100\n200\n0\n");
}

TEST(umask_nice_personality_and_io_priority_are_set)
{
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "umask; cat /proc/self/personality; set -- $(cat /proc/$$/stat); "
				 "echo nice ${19}; ionice");
	draft->plan.flags |= PLAN_UMASK | PLAN_PERSONALITY | PLAN_SCHEDULER | PLAN_IO_PRIORITY;
	draft->plan.umask = 027;
	draft->plan.personality = 0x0040000; /* ADDR_NO_RANDOMIZE */
	draft->plan.scheduler.nice = 3;
	draft->plan.io_priority = 3U << 13; /* idle */
	said = join_run(world, draft);
	CHECK(strncmp(said.out, "0027\n00040000\nnice 3\nidle", 24) == 0 || !has(&said, "0027"));
}

TEST(score_for_the_oom_killer_is_set)
{
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "cat /proc/self/oom_score_adj");
	draft->plan.flags |= PLAN_OOM_SCORE_ADJ;
	draft->plan.oom_score_adj = 321;
	said = join_run(world, draft);
	CHECK_TEXT(said.out, "321\n");
}

TEST(affinity_is_that_of_the_plan_or_every_cpu)
{
	const unsigned long first = 1;
	struct world *world = plain();
	union draft *draft;
	struct said said;
	cpu_set_t before;
	cpu_set_t one;

	if (!world)
		return;
	draft = draft_new(world, "grep ^Cpus_allowed_list /proc/self/status");
	draft->plan.final_cpus = draft_add(draft, &first, sizeof(first));
	said = join_run(world, draft);
	CHECK_TEXT(said.out, "Cpus_allowed_list:\t0\n");
	CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	draft = draft_new(world, "nproc");
	draft->plan.flags |= PLAN_AFFINITY_RESET;
	said = join_run(world, draft);
	CHECK(sched_setaffinity(0, sizeof(before), &before) == 0);
	CHECK(atoi(said.out) == CPU_COUNT(&before));
}

TEST(the_session_keyring_is_a_new_one_of_that_name)
{
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world || access("/proc/keys", R_OK) < 0)
		return;
	draft = draft_new(world, "cat /proc/keys");
	draft->plan.keyring = draft_add(draft, "_ses.azl-test", 14);
	said = join_run(world, draft);
	CHECK(has(&said, "_ses.azl-test"));
}

TEST(no_new_privileges_and_a_filter_hold)
{
	static const struct sock_filter allow[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct world *world = plain();
	struct said said;

	for (int late = 0; world && late < 2; late++) {
		union draft *draft = draft_new(world, "exec grep -E '^(NoNew|Seccomp)' "
						      "/proc/self/status");

		draft->plan.flags |= PLAN_SECCOMP | (late ? PLAN_NO_NEW_PRIVS : 0U);
		draft->plan.seccomp = draft_add(draft, allow, sizeof(allow));
		said = join_run(world, draft);
		CHECK(has(&said, late ? "NoNewPrivs:\t1\n" : "NoNewPrivs:\t0\n"));
		CHECK(has(&said, "Seccomp:\t2\nSeccomp_filters:\t1\n"));
	}
}

/* With the filter in place nothing is called but close and execve. */
TEST(a_late_filter_may_forbid_nearly_all)
{
	const struct sock_filter strict[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SYS_close },
		{ BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_execve },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
	};
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "true");
	draft->plan.flags |= PLAN_SECCOMP | PLAN_NO_NEW_PRIVS;
	draft->plan.seccomp = draft_add(draft, strict, sizeof(strict));
	said = join_run(world, draft);
	CHECK(said.error.kind == 0);
	CHECK(said.status == 128 + SIGSYS); /* the shell, not we */
}

TEST(a_terminal_is_the_containers_and_controls)
{
	struct world *world = plain();
	union draft *draft;
	struct said said;

	if (!world)
		return;
	draft = draft_new(world, "tty; stty size; stat -c %u $(tty); cut -d' ' -f 7 /proc/$$/stat");
	draft->plan.flags |= PLAN_TERMINAL;
	draft->plan.rows = 33;
	draft->plan.columns = 44;
	draft->plan.uid = 1000;
	said = join_run(world, draft);
	CHECK(said.tty >= 0);
	/* tty_nr of proc_pid_stat(5): major 136, minor 0 */
	CHECK(has(&said, "/dev/pts/0\r\n33 44\r\n1000\r\n34816\r\n"));
	(void)close(said.tty);
}

TEST(a_user_namespace_is_joined_and_limits_come_from_outside)
{
	const struct plan_limit limit = { 77, 99, RLIMIT_NOFILE, 0 };
	struct world world = world_new(true);
	union draft *draft;
	struct said said;

	if (world.init > 0) {
		draft = draft_new(&world, "cat /proc/self/uid_map; id -u; ulimit -n; "
					  "grep CapBnd /proc/self/status");
		draft->plan.flags |= PLAN_USER_NAMESPACE | PLAN_CAPS;
		draft->plan.caps[PLAN_CAP_BOUNDING] = 1;
		draft->plan.uid = 5;
		draft->plan.limits = draft_add(draft, &limit, sizeof(limit));
		said = join_run(&world, draft);
		CHECK(has(&said, "100000      65536\n5\n77\nCapBnd:\t0000000000000001\n"));
		draft = draft_new(&world, "true");
		draft->plan.flags |= PLAN_USER_NAMESPACE | PLAN_STDIO_GROUP;
		draft->plan.uid = WORLD_IDS;
		said = join_run(&world, draft);
		CHECK_TEXT(said.error.text,
			   "unable to start container process: unable to setup user: cannot setuid "
			   "to unmapped uid 65536 in user namespace");
	}
	world_done(&world);
}
