/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_plan.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/exec_facts.h"
#include "shim/join/plan.h"
#include "tests/unit/test.h"

static const struct runtime_version v1_1 = { 1, 1, 15 };
static const struct runtime_version v1_2 = { 1, 2, 8 };
static const struct runtime_version v1_3 = { 1, 3, 3 };
static const struct runtime_version v1_5 = { 1, 5, 1 };

static const uint64_t filter[2] = { 1, 2 };

/* One plan and what it was made from; each test starts with plain facts. */
static struct exec_facts facts;
static struct exec_plan_input input;
static struct buf out;
static struct err err;

static void begin(void)
{
	facts = (struct exec_facts){ .uids = UINT32_MAX, .gids = UINT32_MAX };
	input = (struct exec_plan_input){ .facts = &facts, .version = v1_3, .id = "box" };
}

static int make(const char *json)
{
	int code;

	buf_done(&out);
	err = (struct err){ 0 };
	input.process = json;
	input.process_len = strlen(json);
	code = exec_plan_make(&input, &out, &err);
	CHECK(code == 0 ? out.len > 0 : err.code == code && err.msg[0] && out.len == 0);
	return code;
}

static const struct plan *plan(void)
{
	return (const struct plan *)(const void *)out.data;
}

static const void *at(const struct plan_span *span)
{
	return out.data + span->offset;
}

/* The strings of a span, each followed by '|'. */
static const char *strings(const struct plan_span *span)
{
	static char text[4096];

	if (span->bytes >= sizeof(text))
		return "too long";
	if (span->bytes > 0)
		memcpy(text, at(span), span->bytes);
	for (uint32_t i = 0; i < span->bytes; i++)
		text[i] = text[i] ? text[i] : '|';
	text[span->bytes] = '\0';
	return text;
}

#define PLAIN "\"args\":[\"sh\"],\"cwd\":\"/\""

TEST(a_whole_process_is_planned)
{
	begin();
	facts.namespaces = CLONE_NEWPID | CLONE_NEWNS;
	facts.has_oom_score_adj = true;
	facts.oom_score_adj = -5;
	CHECK(make("{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":65616},"
		   "\"user\":{\"uid\":1000,\"gid\":1001,\"umask\":18,\"additionalGids\":[5,6,5],"
		   "\"username\":\"x\"},\"args\":[\"sh\",\"\",\"-c\"],"
		   "\"env\":[\"A=1\",\"HOME=/h\"],\"cwd\":\"/w d\","
		   "\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_NONE\"],"
		   "\"effective\":[\"CAP_CHOWN\"],\"inheritable\":[],\"permitted\":[\"CAP_CHOWN\"]}"
		   ","
		   "\"rlimits\":[{\"hard\":18446744073709551615,\"soft\":1024,"
		   "\"type\":\"RLIMIT_NOFILE\"},{\"type\":\"RLIMIT_RTTIME\",\"soft\":1,\"hard\":2}]"
		   ","
		   "\"noNewPrivileges\":true,\"oomScoreAdj\":999,\"apparmorProfile\":\"\","
		   "\"commandLine\":\"x\"}") == 0);
	CHECK(plan()->magic == PLAN_MAGIC && plan()->size == out.len);
	CHECK(plan()->flags == (PLAN_NO_NEW_PRIVS | PLAN_TERMINAL | PLAN_CAPS | PLAN_OOM_SCORE_ADJ |
				PLAN_ENV | PLAN_AFFINITY_RESET | PLAN_STDIO_GROUP));
	CHECK(plan()->namespaces == (CLONE_NEWPID | CLONE_NEWNS));
	CHECK(plan()->oom_score_adj == -5);
	CHECK(plan()->uid == 1000 && plan()->gid == 1001);
	CHECK(plan()->rows == 24 && plan()->columns == 80);
	CHECK(plan()->argc == 3);
	CHECK_TEXT(strings(&plan()->argv), "sh||-c|");
	CHECK(plan()->envc == 2);
	CHECK_TEXT(strings(&plan()->env), "A=1|HOME=/h|");
	CHECK_TEXT(strings(&plan()->cwd), "/w d|");
	CHECK_TEXT(strings(&plan()->keyring), "_ses.box|");
	CHECK(plan()->caps[PLAN_CAP_BOUNDING] == UINT64_C(1) << CAP_KILL);
	CHECK(plan()->caps[PLAN_CAP_PERMITTED] == UINT64_C(1) << CAP_CHOWN);
	CHECK(plan()->caps[PLAN_CAP_AMBIENT] == 0);
	CHECK(plan()->groups.bytes == 12 && ((const uint32_t *)at(&plan()->groups))[1] == 6);
	CHECK(plan()->limits.bytes == 2 * sizeof(struct plan_limit));
	CHECK(((const struct plan_limit *)at(&plan()->limits))[0].hard == UINT64_MAX);
	CHECK(((const struct plan_limit *)at(&plan()->limits))[0].soft == 1024);
	CHECK(((const struct plan_limit *)at(&plan()->limits))[0].resource == RLIMIT_NOFILE);
	CHECK(((const struct plan_limit *)at(&plan()->limits))[1].resource == RLIMIT_RTTIME);
	CHECK(plan()->limits.offset % 8 == 0);
	buf_done(&out);
}

TEST(what_runc_refuses_first_is_told_in_its_words)
{
	static const char *const cases[][2] = {
		{ "{}", "exec failed: Cwd property must not be empty" },
		{ "{\"cwd\":\"\",\"args\":[\"a\"]}",
		  "exec failed: Cwd property must not be empty" },
		{ "{\"cwd\":\"tmp\"}", "exec failed: Cwd must be an absolute path" },
		{ "{\"cwd\":\"/\"}", "exec failed: args must not be empty" },
		{ "{\"cwd\":\"/\",\"args\":[]}", "exec failed: args must not be empty" },
		{ "{\"cwd\":\"/\",\"args\":null}", "exec failed: args must not be empty" },
		{ "{" PLAIN ",\"rlimits\":[{\"type\":\"RLIMIT_CPU\"},{\"type\":\"RLIMIT_X\"},"
		  "{\"type\":\"RLIMIT_Y\"}]}",
		  "exec failed: wrong rlimit value: RLIMIT_X" },
		{ "{" PLAIN ",\"rlimits\":[{}]}", "exec failed: wrong rlimit value: " },
	};

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(make(cases[i][0]) == -EINVAL);
		CHECK_TEXT(err.msg, cases[i][1]);
	}
}

TEST(what_is_not_known_here_is_left_to_runc)
{
	static const char *const cases[] = {
		"{" PLAIN ",\"future\":1}",
		"{" PLAIN ",\"Env\":[]}",
		"{" PLAIN ",\"cwd\":\"/tmp\"}",
		"{" PLAIN ",\"user\":{\"future\":1}}",
		"{" PLAIN ",\"user\":{\"uid\":4294967295}}",
		"{" PLAIN ",\"user\":{\"uid\":4294967296}}",
		"{" PLAIN ",\"user\":{\"gid\":-1}}",
		"{" PLAIN ",\"user\":{\"additionalGids\":[4294967295]}}",
		"{" PLAIN ",\"user\":{\"additionalGids\":[null]}}",
		"{" PLAIN ",\"user\":[1]}",
		"{" PLAIN ",\"consoleSize\":{\"depth\":1}}",
		"{" PLAIN ",\"selinuxLabel\":\"a:b\"}",
		"{" PLAIN ",\"apparmorProfile\":5}",
		"{" PLAIN ",\"apparmorProfile\":[\"p\"]}",
		"{" PLAIN ",\"noNewPrivileges\":\"yes\"}",
		"{" PLAIN ",\"env\":[5]}",
		"{" PLAIN ",\"env\":[\"A=\\u0000\"]}",
		"{" PLAIN ",\"env\":[\"A\"]}", /* 1.3 tells it behind chdir */
		"{" PLAIN ",\"capabilities\":{\"future\":[]}}",
		"{" PLAIN ",\"capabilities\":[]}",
		"{" PLAIN ",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\"}}",
		"{" PLAIN ",\"scheduler\":{\"nice\":1}}",
		"{" PLAIN ",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"future\":1}}",
		"{" PLAIN ",\"ioPriority\":{\"priority\":1}}",
		"{" PLAIN ",\"execCPUAffinity\":{\"initial\":\"x\"}}",
		"{" PLAIN ",\"execCPUAffinity\":{\"final\":\"3-1\"}}",
		"{" PLAIN ",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":-1}]}",
		"{" PLAIN ",\"rlimits\":[5]}",
		"{\"args\":[null],\"cwd\":\"/\"}",
		"{\"args\":[\"a\\u0000b\"],\"cwd\":\"/\"}",
		"{\"args\":\"sh\",\"cwd\":\"/\"}",
		"[]",
	};

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = make(cases[i]);

		if (code != -EOPNOTSUPP)
			printf("# %d for %s\n", code, cases[i]);
		CHECK(code == -EOPNOTSUPP);
	}
	CHECK(make("{") == -EBADMSG);
}

TEST(many_or_long_things_are_left_to_runc)
{
	size_t room = 4 << 20;
	char *json = malloc(room);
	size_t used;

	begin();
	if (!json)
		abort();
	used = (size_t)snprintf(json, room, "{" PLAIN ",\"env\":[\"A=b\"");
	for (int i = 0; i < EXEC_PLAN_STRINGS_MAX; i++)
		used += (size_t)snprintf(json + used, room - used, ",\"A%d=b\"", i);
	(void)snprintf(json + used, room - used, "]}");
	CHECK(make(json) == -EOPNOTSUPP);
	used = (size_t)snprintf(json, room, "{" PLAIN ",\"user\":{\"additionalGids\":[1");
	for (int i = 0; i < EXEC_PLAN_GROUPS_MAX; i++)
		used += (size_t)snprintf(json + used, room - used, ",%d", i);
	(void)snprintf(json + used, room - used, "]}}");
	CHECK(make(json) == -EOPNOTSUPP);
	used = (size_t)snprintf(json, room, "{" PLAIN ",\"rlimits\":[{\"type\":\"");
	memset(json + used, 'x', 5000);
	(void)snprintf(json + used + 5000, room - used - 5000, "\"}]}");
	CHECK(make(json) == -EOPNOTSUPP);
	free(json);
}

TEST(the_environment_follows_the_version)
{
	static const char json[] =
		"{" PLAIN ",\"env\":[\"A=1\",\"HOME=/a\",\"B=2\",\"A=3\",\"HOME=\",\"C==\"]}";

	begin();
	CHECK(make(json) == 0);
	CHECK_TEXT(strings(&plan()->env), "B=2|A=3|C==|");
	CHECK(plan()->envc == 3 && plan()->flags & PLAN_HOME && plan()->flags & PLAN_ENV);
	input.version = v1_2;
	CHECK(make(json) == 0);
	CHECK_TEXT(strings(&plan()->env), "A=3|HOME=|B=2|C==|");
	CHECK(plan()->envc == 4 && plan()->flags & PLAN_HOME);
	CHECK(make("{" PLAIN ",\"env\":[\"HOME=/a\"]}") == 0 && !(plan()->flags & PLAN_HOME));
}

TEST(an_absent_environment_has_no_home_since_1_3)
{
	begin();
	CHECK(make("{" PLAIN "}") == 0);
	CHECK(!(plan()->flags & (PLAN_ENV | PLAN_HOME)) && plan()->envc == 0);
	CHECK(make("{" PLAIN ",\"env\":[]}") == 0);
	CHECK(plan()->flags & PLAN_ENV && plan()->flags & PLAN_HOME);
	input.version = v1_1;
	CHECK(make("{" PLAIN ",\"env\":null}") == 0);
	CHECK(!(plan()->flags & PLAN_ENV) && plan()->flags & PLAN_HOME);
}

TEST(a_wrong_entry_is_told_as_1_2_does)
{
	begin();
	input.version = v1_1;
	CHECK(make("{" PLAIN ",\"env\":[\"A=1\",\"B\",\"=\"]}") == -EINVAL);
	CHECK_TEXT(err.msg, "exec failed: unable to start container process: "
			    "invalid environment variable: missing '='");
	input.version = v1_2;
	CHECK(make("{" PLAIN ",\"env\":[\"=x\",\"B\"]}") == -EINVAL);
	CHECK_TEXT(err.msg, "exec failed: unable to start container process: "
			    "invalid environment variable: name cannot be empty");
}

TEST(many_names_of_one_hash_slot_stay_apart)
{
	char json[8192];
	size_t used;

	begin();
	used = (size_t)snprintf(json, sizeof(json), "{" PLAIN ",\"env\":[\"HOME=/\"");
	for (int i = 0; i < 400; i++)
		used += (size_t)snprintf(json + used, sizeof(json) - used, ",\"V%d=%d\"", i % 200,
					 i);
	(void)snprintf(json + used, sizeof(json) - used, "]}");
	CHECK(make(json) == 0 && plan()->envc == 201);
	CHECK(strncmp(strings(&plan()->env), "HOME=/|V0=200|V1=201|", 21) == 0);
	input.version = v1_1;
	CHECK(make(json) == 0 && plan()->envc == 201);
	CHECK(strncmp(strings(&plan()->env), "HOME=/|V0=200|V1=201|", 21) == 0);
}

TEST(capabilities_come_from_the_process_or_the_container)
{
	begin();
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_CAPS));
	input.version = v1_2; /* drops all */
	CHECK(make("{" PLAIN "}") == 0 && plan()->flags & PLAN_CAPS && plan()->caps[0] == 0);
	input.version = v1_3;
	facts.attributes.has_caps = true;
	facts.attributes.caps[PLAN_CAP_BOUNDING] = 7;
	CHECK(make("{" PLAIN ",\"capabilities\":null}") == 0);
	CHECK(plan()->flags & PLAN_CAPS && plan()->caps[PLAN_CAP_BOUNDING] == 7);
	CHECK(make("{" PLAIN ",\"capabilities\":{}}") == 0);
	CHECK(plan()->flags & PLAN_CAPS && plan()->caps[PLAN_CAP_BOUNDING] == 0);
}

TEST(the_umask_is_the_containers_since_1_2)
{
	begin();
	facts.has_umask = true;
	facts.umask = 01077;
	CHECK(make("{" PLAIN ",\"user\":{\"umask\":18}}") == 0);
	CHECK(plan()->flags & PLAN_UMASK && plan()->umask == 077);
	input.version = v1_1;
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_UMASK));
}

TEST(flags_of_versions)
{
	begin();
	input.version = v1_1;
	CHECK(make("{" PLAIN "}") == 0);
	CHECK(plan()->flags & PLAN_STDIO_GROUP && plan()->flags & PLAN_EXEC_FAILS_WITH_1);
	CHECK(!(plan()->flags & PLAN_AFFINITY_RESET));
	input.version = v1_2;
	CHECK(make("{" PLAIN "}") == 0);
	CHECK(plan()->flags & PLAN_STDIO_GROUP && !(plan()->flags & PLAN_EXEC_FAILS_WITH_1));
	CHECK(plan()->flags & PLAN_AFFINITY_RESET);
	input.version = v1_5;
	CHECK(make("{" PLAIN "}") == 0);
	CHECK(!(plan()->flags & PLAN_STDIO_GROUP) && plan()->flags & PLAN_AFFINITY_RESET);
	input.version = (struct runtime_version){ 1, 3, 0 };
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_AFFINITY_RESET));
	input.version = (struct runtime_version){ 1, 2, 6 };
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_AFFINITY_RESET));
	input.no_new_keyring = true;
	CHECK(make("{" PLAIN "}") == 0 && plan()->keyring.bytes == 0);
}

TEST(seccomp_needs_the_copy_and_its_flags)
{
	begin();
	input.seccomp = filter;
	input.seccomp_len = sizeof(filter);
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_SECCOMP));
	facts.has_seccomp = true;
	CHECK(make("{" PLAIN "}") == 0 && plan()->flags & PLAN_SECCOMP);
	CHECK(plan()->seccomp_flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	CHECK(plan()->seccomp.bytes == 16 && plan()->seccomp.offset % 8 == 0);
	CHECK(memcmp(at(&plan()->seccomp), filter, sizeof(filter)) == 0);
	facts.has_seccomp_flags = true;
	facts.seccomp_flags = SECCOMP_FILTER_FLAG_LOG;
	CHECK(make("{" PLAIN "}") == 0 && plan()->seccomp_flags == SECCOMP_FILTER_FLAG_LOG);
	input.version = v1_1;
	CHECK(make("{" PLAIN "}") == 0 && plan()->seccomp_flags == 0);
	input.seccomp_len = 12;
	CHECK(make("{" PLAIN "}") == -EOPNOTSUPP);
	input.seccomp_len = 4097 * 8;
	CHECK(make("{" PLAIN "}") == -EOPNOTSUPP);
	input.seccomp_len = 0;
	CHECK(make("{" PLAIN "}") == -EOPNOTSUPP);
}

/* An empty name is none: the container's own is not kept by runc. */
TEST(a_profile_of_apparmor_is_planned_where_it_is_on)
{
	static const char named[] = "{" PLAIN ",\"apparmorProfile\":\"cri-containerd.apparmor.d\"}";

	begin();
	CHECK(make(named) == -EOPNOTSUPP);
	CHECK_TEXT(err.msg, "a profile of AppArmor, which is off");
	CHECK(make("{" PLAIN ",\"apparmorProfile\":\"unconfined\"}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN ",\"apparmorProfile\":\"\"}") == 0 && plan()->apparmor.bytes == 0);
	input.apparmor = true;
	CHECK(make(named) == 0);
	CHECK_TEXT(strings(&plan()->apparmor), "exec cri-containerd.apparmor.d|");
	CHECK_TEXT(strings(&plan()->apparmor_folder), "fsmount:fscontext:proc/thread-self/|");
	CHECK(make("{" PLAIN ",\"apparmorProfile\":\"unconfined\"}") == 0);
	CHECK_TEXT(strings(&plan()->apparmor), "exec unconfined|");
	CHECK(make("{" PLAIN ",\"apparmorProfile\":\"\"}") == 0 && plan()->apparmor.bytes == 0);
	CHECK(make("{" PLAIN ",\"apparmorProfile\":null}") == 0 && plan()->apparmor.bytes == 0);
	CHECK(make("{" PLAIN "}") == 0 && plan()->apparmor_folder.bytes == 0);
	input.version = v1_1;
	CHECK(make(named) == 0);
	CHECK_TEXT(strings(&plan()->apparmor_folder), "/proc/self/|");
}

TEST(the_name_of_a_profile_has_a_limit)
{
	char json[2048];

	begin();
	input.apparmor = true;
	for (int len = 1023; len <= 1024; len++) {
		(void)snprintf(json, sizeof(json), "{" PLAIN ",\"apparmorProfile\":\"%0*d\"}", len,
			       0);
		CHECK(make(json) == (len == 1023 ? 0 : -EOPNOTSUPP));
	}
}

TEST(ids_that_runc_may_refuse_are_left_to_it)
{
	begin();
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":4294967294,\"gid\":2147483648}}") == 0);
	input.version = v1_2;
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":2147483648}}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":2147483647}}") == 0);
	facts.namespaces = CLONE_NEWUSER | CLONE_NEWPID;
	facts.uids = 65536;
	facts.gids = 65536;
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":65535}}") == 0);
	CHECK(plan()->flags & PLAN_USER_NAMESPACE && plan()->namespaces == CLONE_NEWPID);
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":65536}}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN ",\"user\":{\"additionalGids\":[65536]}}") == -EOPNOTSUPP);
	facts.uids = facts.gids = 0; /* not known */
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":9}}") == 0);
	input.version = v1_1;
	CHECK(make("{" PLAIN ",\"user\":{\"uid\":9}}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN "}") == 0);
}

TEST(groups_are_given_once_up_to_1_2)
{
	begin();
	input.version = v1_1;
	CHECK(make("{" PLAIN ",\"user\":{\"additionalGids\":[5,6,5,5,7]}}") == 0);
	CHECK(plan()->groups.bytes == 12 && ((const uint32_t *)at(&plan()->groups))[2] == 7);
}

TEST(scheduler_and_io_priority_follow_the_version)
{
	static const char json[] = "{" PLAIN ",\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":"
				   "9,\"runtime\":1,\"deadline\":2,\"period\":3}}";

	begin();
	facts.attributes.has_scheduler = true;
	facts.attributes.scheduler.policy = SCHED_BATCH;
	facts.attributes.scheduler.nice = 4;
	CHECK(make(json) == 0 && plan()->flags & PLAN_SCHEDULER);
	CHECK(plan()->scheduler.policy == SCHED_RR && plan()->scheduler.priority == 9);
	CHECK(plan()->scheduler.nice == 0 && plan()->scheduler.period == 3);
	input.version = v1_2;
	CHECK(make(json) == 0 && plan()->scheduler.policy == SCHED_BATCH);
	CHECK(plan()->scheduler.nice == 4);
	input.version = v1_1;
	CHECK(make(json) == 0 && !(plan()->flags & PLAN_SCHEDULER));
	input.version = v1_3;
	facts.has_cpuset = true;
	CHECK(make(json) == -EOPNOTSUPP);

	begin();
	facts.attributes.has_io_priority = true;
	facts.attributes.io_class = 3;
	CHECK(make("{" PLAIN "}") == 0 && plan()->flags & PLAN_IO_PRIORITY);
	CHECK(plan()->io_priority == 3 << 13);
	CHECK(make("{" PLAIN ",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":7}}") ==
	      0);
	CHECK(plan()->io_priority == (1 << 13 | 7));
	input.version = v1_2;
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_IO_PRIORITY));
	CHECK(make("{" PLAIN ",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":7}}") ==
	      -EOPNOTSUPP);
}

TEST(affinity_is_of_the_process_or_the_container)
{
	char theirs[] = "4";
	const uint64_t *cpus;

	begin();
	facts.attributes.final_cpus = theirs;
	CHECK(make("{" PLAIN ",\"execCPUAffinity\":{\"initial\":\"\"}}") == 0);
	CHECK(plan()->initial_cpus.bytes == 0 && plan()->final_cpus.bytes == 128);
	cpus = at(&plan()->final_cpus);
	CHECK(cpus[0] == 16 && !(plan()->flags & PLAN_AFFINITY_RESET));
	CHECK(make("{" PLAIN ",\"execCPUAffinity\":{\"initial\":\" 0-2 ,,70, 1023\"}}") == 0);
	CHECK(plan()->final_cpus.bytes == 0 && plan()->initial_cpus.bytes == 128);
	cpus = at(&plan()->initial_cpus);
	CHECK(cpus[0] == 7 && cpus[1] == 64 && cpus[15] == UINT64_C(1) << 63);
	CHECK(make("{" PLAIN ",\"execCPUAffinity\":{\"initial\":\"1024\"}}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN ",\"execCPUAffinity\":{\"initial\":\"0-\"}}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN ",\"execCPUAffinity\":{\"initial\":\" , \"}}") == -EOPNOTSUPP);
	input.version = v1_2;
	CHECK(make("{" PLAIN "}") == 0 && plan()->final_cpus.bytes == 0);
}

TEST(personality_is_the_containers_since_1_2)
{
	begin();
	facts.has_personality = true;
	facts.personality = 8;
	CHECK(make("{" PLAIN "}") == 0 && plan()->flags & PLAN_PERSONALITY);
	CHECK(plan()->personality == 8);
	facts.has_seccomp = true;
	input.seccomp = filter;
	input.seccomp_len = sizeof(filter);
	CHECK(make("{" PLAIN "}") == -EOPNOTSUPP);
	CHECK(make("{" PLAIN ",\"noNewPrivileges\":true}") == 0);
	input.version = v1_1;
	CHECK(make("{" PLAIN "}") == 0 && !(plan()->flags & PLAN_PERSONALITY));
	buf_done(&out);
}
