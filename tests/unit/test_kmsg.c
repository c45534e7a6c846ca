/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/kmsg.h"
#include "tests/unit/test.h"

TEST(knows_a_kill_for_want_of_memory)
{
	static const char record[] =
		"3,1442,20512345,-;Memory cgroup out of memory: Killed process 4711 (tail) "
		"total-vm:32768kB, anon-rss:30000kB, file-rss:0kB, shmem-rss:0kB, UID:0 "
		"pgtables:104kB oom_score_adj:0\n";

	CHECK(kmsg_is_oom_kill(record, 4711));
	CHECK(!kmsg_is_oom_kill(record, 471));
	CHECK(!kmsg_is_oom_kill(record, 47110));
	CHECK(kmsg_is_oom_kill("3,1,2,c,caller=T7;Out of memory: Killed process 1 (a)\n", 1));
}

TEST(believes_the_kernel_alone)
{
	/* LOG_USER | LOG_ERR, and systemd's own facility */
	CHECK(!kmsg_is_oom_kill("11,1,2,-;Out of memory: Killed process 1 (a)\n", 1));
	CHECK(!kmsg_is_oom_kill("30,1,2,-;systemd[1]: Killed process 1 (a)\n", 1));
	CHECK(!kmsg_is_oom_kill("3,1,2,-;oom_reaper: reaped process 1 (a)\n", 1));
	CHECK(!kmsg_is_oom_kill("3,Killed process 1 (a)\n", 1));
	CHECK(!kmsg_is_oom_kill("x,1,2,-;Killed process 1 (a)\n", 1));
	CHECK(!kmsg_is_oom_kill("", 1));
}

/* Whatever this machine's log says: the read ends. */
TEST(comes_to_an_end)
{
	CHECK(!kmsg_tells_oom_kill(-1));
}
