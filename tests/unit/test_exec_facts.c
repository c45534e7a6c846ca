/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_facts.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static int read_text(const char *text, struct exec_facts *facts, struct err *err)
{
	struct folder folder = folder_new();
	int code;

	folder_put_text(&folder, "config.json", text);
	code = exec_facts_read(folder.fd, facts, err);
	CHECK(code == 0 || (code < 0 && err->code == code && err->msg[0]));
	folder_done(&folder);
	return code;
}

/* Refused, with these words in the reason. */
static bool refused(const char *text, const char *words)
{
	struct exec_facts facts;
	struct err err = { 0 };
	int code = read_text(text, &facts, &err);

	if (code == 0)
		exec_facts_done(&facts);
	if (code != -EOPNOTSUPP || !strstr(err.msg, words))
		printf("# %d: %s\n", code, err.msg);
	return code == -EOPNOTSUPP && strstr(err.msg, words);
}

TEST(nothing_set_is_nothing)
{
	struct exec_facts facts;
	struct err err;

	CHECK(read_text("{}", &facts, &err) == 0);
	CHECK(facts.namespaces == 0 && facts.uids == UINT32_MAX && facts.gids == UINT32_MAX);
	CHECK(!facts.has_oom_score_adj && !facts.has_umask && !facts.has_personality);
	CHECK(!facts.has_cpuset && !facts.has_seccomp && !facts.attributes.has_caps);
	CHECK(!facts.attributes.has_scheduler && !facts.attributes.has_io_priority);
	exec_facts_done(&facts);
}

TEST(all_that_an_exec_takes_is_read)
{
	static const char text[] =
		"{\"process\":{\"terminal\":true,\"user\":{\"uid\":1,\"gid\":2,\"umask\":63,"
		"\"additionalGids\":[5]},\"args\":[\"sh\"],\"oomScoreAdj\":-998,"
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FUTURE\"],\"ambient\":[]},"
		"\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":-3,"
		"\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":5},"
		"\"execCPUAffinity\":{\"initial\":\"0-1\",\"final\":\"\"},"
		"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":2}],"
		"\"apparmorProfile\":\"p\",\"selinuxLabel\":\"\"},"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"path\":\"/"
		"x\",\"type\":\"network\"},"
		"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"},"
		"{\"type\":\"user\"},{\"type\":\"time\"}],"
		"\"uidMappings\":[{\"containerID\":70000,\"hostID\":1,\"size\":1},"
		"{\"size\":65536,\"hostID\":100000,\"containerID\":0}],"
		"\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":4294967295}],"
		"\"resources\":{\"cpu\":{\"cpus\":\"0-3\"}},\"personality\":{\"domain\":"
		"\"LINUX32\"},"
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_"
		"X86\"],"
		"\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\"],"
		"\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}}}";
	struct exec_facts facts;
	struct err err;

	CHECK(read_text(text, &facts, &err) == 0);
	CHECK(facts.namespaces == (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
				   CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUSER | CLONE_NEWTIME));
	CHECK(facts.uids == 65536 && facts.gids == UINT32_MAX);
	CHECK(facts.has_umask && facts.umask == 077);
	CHECK(facts.has_oom_score_adj && facts.oom_score_adj == -998);
	CHECK(facts.has_personality && facts.personality == 8);
	CHECK(facts.has_cpuset && facts.has_seccomp && facts.has_seccomp_flags);
	CHECK(facts.seccomp_flags == SECCOMP_FILTER_FLAG_LOG);
	CHECK(facts.attributes.has_caps);
	CHECK(facts.attributes.caps[PLAN_CAP_BOUNDING] == UINT64_C(1) << CAP_KILL);
	CHECK(facts.attributes.caps[PLAN_CAP_AMBIENT] == 0);
	CHECK(facts.attributes.has_scheduler && facts.attributes.scheduler.policy == SCHED_BATCH);
	CHECK(facts.attributes.scheduler.nice == -3 && facts.attributes.scheduler.flags == 1);
	CHECK(facts.attributes.io_class == 2 && facts.attributes.io_level == 5);
	CHECK_TEXT(facts.attributes.initial_cpus, "0-1");
	CHECK(!facts.attributes.final_cpus);
	exec_facts_done(&facts);
}

TEST(seccomp_that_does_nothing_is_none)
{
	struct exec_facts facts;
	struct err err;

	CHECK(read_text("{\"linux\":{\"seccomp\":null}}", &facts, &err) == 0 && !facts.has_seccomp);
	CHECK(read_text("{\"linux\":{\"seccomp\":{\"defaultAction\":\"\",\"syscalls\":[]}}}",
			&facts, &err) == 0 &&
	      !facts.has_seccomp);
	CHECK(read_text("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
			"\"flags\":[]}}}",
			&facts, &err) == 0 &&
	      facts.has_seccomp && facts.has_seccomp_flags && facts.seccomp_flags == 0);
	CHECK(read_text("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
			"\"flags\":null}}}",
			&facts, &err) == 0 &&
	      facts.has_seccomp && !facts.has_seccomp_flags);
}

TEST(another_user_namespace_tells_no_mapping)
{
	struct exec_facts facts;
	struct err err;

	CHECK(read_text("{\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/p\"}]}}",
			&facts, &err) == 0);
	CHECK(facts.namespaces == CLONE_NEWUSER && facts.uids == 0 && facts.gids == 0);
}

TEST(what_is_not_done_here_is_refused_with_its_reason)
{
	static const char *const cases[][2] = {
		{ "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
		  "[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}}}",
		  "listener" },
		{ "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}}}", "listener" },
		{ "{\"linux\":{\"seccomp\":{\"flags\":[\"SECCOMP_FILTER_FLAG_FUTURE\"]}}}",
		  "flag" },
		{ "{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}}}", "linux.memoryPolicy" },
		{ "{\"linux\":{\"intelRdt\":{}}}", "linux.intelRdt" },
		{ "{\"linux\":{\"future\":1}}", "linux.future" },
		{ "{\"linux\":{\"Seccomp\":{}}}", "linux.Seccomp" },
		{ "{\"process\":{\"future\":1}}", "process.future" },
		{ "{\"process\":{\"user\":{\"future\":1}}}", "process.user.future" },
		{ "{\"process\":{\"selinuxLabel\":\"a:b:c\"}}", "SELinux" },
		{ "{\"process\":{\"capabilities\":{\"future\":[]}}}", "capabilities" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_DEADLINE\"}}}", "scheduler" },
		{ "{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}}",
		  "ioPriority" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"future\"}]}}", "namespace" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":"
		  "[{\"containerID\":1,\"hostID\":1,\"size\":5}]}}",
		  "id 0" },
		{ "{\"linux\":{\"personality\":{\"domain\":\"HPUX\"}}}", "personality" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(refused(cases[i][0], cases[i][1]));
}

TEST(null_is_absent)
{
	struct exec_facts facts;
	struct err err;

	CHECK(read_text("{\"process\":{\"oomScoreAdj\":null,\"capabilities\":null,"
			"\"user\":{\"umask\":null},\"scheduler\":null},"
			"\"linux\":{\"intelRdt\":null,\"memoryPolicy\":null,\"namespaces\":null}}",
			&facts, &err) == 0);
	CHECK(!facts.has_oom_score_adj && !facts.attributes.has_caps && !facts.has_umask);
	CHECK(!facts.attributes.has_scheduler);
}

TEST(a_file_that_is_missing_or_broken_is_told)
{
	struct folder folder = folder_new();
	struct exec_facts facts;
	struct err err;

	CHECK(exec_facts_read(folder.fd, &facts, &err) == -ENOENT);
	folder_done(&folder);
	CHECK(read_text("{\"linux\":", &facts, &err) == -EBADMSG);
	CHECK(read_text("[]", &facts, &err) == -EINVAL);
	CHECK(read_text("{\"process\":{\"execCPUAffinity\":{\"initial\":\"1\"},\"scheduler\":5}}",
			&facts, &err) == -EOPNOTSUPP); /* frees what it had */
}
