/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/kmsg.h"
#include "tests/unit/test.h"

static bool tells(const char *record, pid_t pid)
{
	return kmsg_is_oom_kill(record, &(struct kmsg_victim){ .pid = pid });
}

static bool tells_of(const char *record, const char *cgroup, int64_t since_us)
{
	return kmsg_is_oom_kill(record, &(struct kmsg_victim){ 1, cgroup, since_us });
}

TEST(knows_a_kill_for_want_of_memory)
{
	static const char record[] =
		"3,1442,20512345,-;Memory cgroup out of memory: Killed process 4711 (tail) "
		"total-vm:32768kB, anon-rss:30000kB, file-rss:0kB, shmem-rss:0kB, UID:0 "
		"pgtables:104kB oom_score_adj:0\n";

	CHECK(tells(record, 4711));
	CHECK(!tells(record, 471));
	CHECK(!tells(record, 47110));
	CHECK(tells("3,1,2,c,caller=T7;Out of memory: Killed process 1 (a)\n", 1));
}

TEST(believes_the_kernel_alone)
{
	/* LOG_USER | LOG_ERR, and systemd's own facility */
	CHECK(!tells("11,1,2,-;Out of memory: Killed process 1 (a)\n", 1));
	CHECK(!tells("30,1,2,-;systemd[1]: Killed process 1 (a)\n", 1));
	CHECK(!tells("3,1,2,-;oom_reaper: reaped process 1 (a)\n", 1));
	CHECK(!tells("3,Killed process 1 (a)\n", 1));
	CHECK(!tells("x,1,2,-;Killed process 1 (a)\n", 1));
	CHECK(!tells("", 1));
}

/* A shell may live through the kill of its child, and tell it with a status of its own. */
TEST(knows_a_kill_in_a_cgroup)
{
	static const char record[] =
		"6,1441,20512340,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),"
		"cpuset=azl-a.scope,mems_allowed=0,oom_memcg=/pods.slice,"
		"task_memcg=/pods.slice/azl-a.scope,task=tail,pid=4711,uid=0\n";
	static const char below[] = "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,"
				    "task_memcg=/pods.slice/azl-a.scope/b,task=tail,pid=4,uid=0\n";

	CHECK(tells_of(record, "/pods.slice/azl-a.scope", 0));
	CHECK(tells_of(below, "/pods.slice/azl-a.scope", 0));
	CHECK(!tells_of(record, "/pods.slice/azl-a", 0));
	CHECK(!tells_of(record, "/pods.slice/azl-a.scope2", 0));
	CHECK(!tells_of(record, "/azl-a.scope", 0));
	CHECK(!tells_of(record, NULL, 0));
	CHECK(!tells_of("6,1,2,-;x: oom-kill:,task_memcg=/a,", "/a", 0));
	CHECK(!tells_of("14,1,2,-;oom-kill:,task_memcg=/a,", "/a", 0));
	CHECK(!tells_of("6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG", "/a", 0));
}

/* Pids and names come again; the two clocks are seconds apart at most. */
TEST(leaves_out_what_was_before)
{
	static const char record[] = "6,1,100000000,-;oom-kill:,task_memcg=/a,task=b";

	CHECK(tells_of(record, "/a", 99000000));
	CHECK(tells_of(record, "/a", 104000000));
	CHECK(!tells_of(record, "/a", 106000000));
	CHECK(!tells_of("6,1,x,-;oom-kill:,task_memcg=/a,task=b", "/a", 0));
	CHECK(!tells_of("6;oom-kill:,task_memcg=/a,task=b", "/a", 0));
	CHECK(!tells_of("6,1;oom-kill:,task_memcg=/a,task=b", "/a", 0));
	CHECK(kmsg_now_us() > 0);
}

/* Whatever this machine's log says: the read ends. */
TEST(comes_to_an_end)
{
	CHECK(!kmsg_tells_oom_kill(&(struct kmsg_victim){ -1, "/", 0 }));
}
