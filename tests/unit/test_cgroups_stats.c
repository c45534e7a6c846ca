/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "cgroups/stats.h"
#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

/* memory.stat of a container on Linux 6.18, cut to what matters, with keys nobody knows. */
static const char memory_stat[] = "anon 155648\n"
				  "file 1085440\n"
				  "kernel 299008\n"
				  "kernel_stack 16384\n"
				  "pagetables 57344\n"
				  "sock 4096\n"
				  "shmem 8192\n"
				  "file_mapped 901120\n"
				  "file_dirty 12\n"
				  "file_writeback 13\n"
				  "anon_thp 2097152\n"
				  "inactive_anon 14\n"
				  "active_anon 15\n"
				  "inactive_file 16\n"
				  "active_file 17\n"
				  "unevictable 18\n"
				  "slab_reclaimable 100800\n"
				  "slab_unreclaimable 88128\n"
				  "slab 188928\n"
				  "workingset_refault_anon 1\n"
				  "workingset_refault_file 2\n"
				  "workingset_nodereclaim 3\n"
				  "pgscan 21\n"
				  "pgsteal 22\n"
				  "pgfault 1063\n"
				  "pgmajfault 8\n"
				  "pgrefill 23\n"
				  "pgactivate 24\n"
				  "pgdeactivate 25\n"
				  "pglazyfree 26\n"
				  "pglazyfreed 27\n"
				  "thp_fault_alloc 28\n"
				  "thp_collapse_alloc 29\n";

static void fill(struct tree *tree)
{
	tree_init(tree);
	tree_file(tree, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	tree_file(tree, "pids.current", "3\n");
	tree_file(tree, "pids.max", "max\n");
	tree_file(tree, "cpu.stat",
		  "usage_usec 300\nuser_usec 200\nsystem_usec 100\nnice_usec 5\nnr_periods 6\n"
		  "nr_throttled 7\nthrottled_usec 8\nnr_bursts 9\nburst_usec 10\n");
	tree_file(tree, "memory.stat", memory_stat);
	tree_file(tree, "memory.current", "1589248\n");
	tree_file(tree, "memory.max", "max\n");
	tree_file(tree, "memory.swap.current", "4096\n");
	tree_file(tree, "memory.swap.max", "0\n");
	tree_file(tree, "memory.peak", "2000000\n");
	tree_file(tree, "memory.events",
		  "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\nsock_throttled 7\n");
	tree_file(tree, "io.stat",
		  "8:0 rbytes=901120 wbytes=4096 rios=22 wios=1 dbytes=0 dios=0\n259:3 \n");
	tree_file(tree, "rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n");
	tree_file(tree, "rdma.max", "mlx4_0 hca_handle=3 hca_object=max\n");
}

TEST(reads_what_the_kernel_writes)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	fill(&tree);
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.pids.current == 3 && stats.pids.limit == UINT64_MAX);
	CHECK(stats.cpu.usage_usec == 300 && stats.cpu.user_usec == 200);
	CHECK(stats.cpu.system_usec == 100 && stats.cpu.nr_periods == 6);
	CHECK(stats.cpu.nr_throttled == 7 && stats.cpu.throttled_usec == 8);
	CHECK(stats.cpu.nr_bursts == 9 && stats.cpu.burst_usec == 10);
	CHECK(stats.memory.usage == 1589248 && stats.memory.usage_limit == UINT64_MAX);
	CHECK(stats.memory.swap_usage == 4096 && stats.memory.swap_limit == 0);
	CHECK(stats.memory.max_usage == 2000000 && stats.memory.swap_max_usage == 0);
	CHECK(stats.memory_events.present && stats.memory_events.low == 1);
	CHECK(stats.memory_events.high == 2 && stats.memory_events.max == 3);
	CHECK(stats.memory_events.oom == 4 && stats.memory_events.oom_kill == 5);
	CHECK(stats.memory_events.oom_group_kill == 6);
	cg_stats_done(&stats);
	CHECK(!stats.io.entry && !stats.memory_events.present);
	tree_done(&tree);
}

TEST(fills_every_memory_key_and_no_other)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	fill(&tree);
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.memory.anon == 155648 && stats.memory.file == 1085440);
	CHECK(stats.memory.kernel_stack == 16384 && stats.memory.slab == 188928);
	CHECK(stats.memory.sock == 4096 && stats.memory.shmem == 8192);
	CHECK(stats.memory.file_mapped == 901120 && stats.memory.file_dirty == 12);
	CHECK(stats.memory.file_writeback == 13 && stats.memory.anon_thp == 2097152);
	CHECK(stats.memory.inactive_anon == 14 && stats.memory.active_anon == 15);
	CHECK(stats.memory.inactive_file == 16 && stats.memory.active_file == 17);
	CHECK(stats.memory.unevictable == 18 && stats.memory.slab_reclaimable == 100800);
	CHECK(stats.memory.slab_unreclaimable == 88128);
	CHECK(stats.memory.workingset_refault == 0 && stats.memory.workingset_nodereclaim == 3);
	CHECK(stats.memory.pgscan == 21 && stats.memory.pgsteal == 22);
	CHECK(stats.memory.pgfault == 1063 && stats.memory.pgmajfault == 8);
	CHECK(stats.memory.pgrefill == 23 && stats.memory.pgactivate == 24);
	CHECK(stats.memory.pgdeactivate == 25 && stats.memory.pglazyfree == 26);
	CHECK(stats.memory.pglazyfreed == 27 && stats.memory.thp_fault_alloc == 28);
	CHECK(stats.memory.thp_collapse_alloc == 29);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(lists_devices_idle_ones_included)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	fill(&tree);
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.io.count == 2);
	CHECK(stats.io.entry[0].major == 8 && stats.io.entry[0].minor == 0);
	CHECK(stats.io.entry[0].rbytes == 901120 && stats.io.entry[0].wbytes == 4096);
	CHECK(stats.io.entry[0].rios == 22 && stats.io.entry[0].wios == 1);
	CHECK(stats.io.entry[1].major == 259 && stats.io.entry[1].rbytes == 0);
	CHECK(stats.rdma_current.count == 1 && stats.rdma_limit.count == 1);
	CHECK_TEXT(stats.rdma_current.entry[0].device, "mlx4_0");
	CHECK(stats.rdma_current.entry[0].hca_handles == 2);
	CHECK(stats.rdma_current.entry[0].hca_objects == 2000);
	CHECK(stats.rdma_limit.entry[0].hca_handles == 3);
	CHECK(stats.rdma_limit.entry[0].hca_objects == UINT32_MAX);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(reads_zero_from_a_cgroup_without_files)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	tree_init(&tree);
	tree_file(&tree, "cgroup.controllers", "\n");
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.pids.limit == 0 && stats.memory.usage_limit == 0 && stats.io.count == 0);
	CHECK(!stats.memory_events.present && !stats.cpu.psi.present && !stats.io.psi.present);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(says_that_the_cgroup_is_gone)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	tree_init(&tree);
	CHECK(cg_stats_read(tree.dir, &stats, &err) == -ENOENT);
	CHECK(strstr(err.msg, "cgroup.controllers") != NULL);
	CHECK(rmdir(tree.path) == 0);
	CHECK(cg_stats_read(tree.dir, &stats, &err) == -ENOENT);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(leaves_out_cpu_and_memory_where_the_controller_is_off)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	fill(&tree);
	tree_file(&tree, "cgroup.controllers", "cpuset pids\n");
	tree_file(&tree, "cpu.pressure", "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\n");
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.cpu.usage_usec == 0 && stats.memory.anon == 0);
	CHECK(stats.memory.usage == 1589248); /* read wherever it is, as by the Go library */
	CHECK(stats.cpu.psi.present && stats.cpu.psi.some.avg10 == 1.5);
	CHECK(!stats.cpu.psi.full.present);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(reads_pressure_or_nothing_of_it)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	fill(&tree);
	tree_file(&tree, "memory.pressure",
		  "some avg10=0.29 avg60=0.10 avg300=0.01 total=12\n"
		  "full avg10=0.00 avg60=0.07 avg300=100.00 total=11\n");
	tree_file(&tree, "io.pressure", "some avg10=0.29 avg60=0.10 avg3");
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.memory.psi.present && stats.memory.psi.some.avg10 == 0.29);
	CHECK(stats.memory.psi.full.avg60 == 0.07 && stats.memory.psi.full.avg300 == 100);
	CHECK(stats.memory.psi.some.total_usec == 12 && stats.memory.psi.full.total_usec == 11);
	CHECK(!stats.io.psi.present);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(passes_over_lines_that_make_no_sense)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;

	fill(&tree);
	tree_file(&tree, "cpu.stat", "usage_usec\nuser_usec x\n\n \nsystem_usec 4 5\nnr_periods 6");
	tree_file(&tree, "memory.events", "low x\nhigh\n");
	tree_file(&tree, "io.stat",
		  "8:0\n8 rbytes=1\n:: rbytes=2\n(unknown) rbytes=3\n"
		  "8:16 rbytes=x wbytes= =4 rios rios=5 wios=99999999999999999999\n8:32 rby");
	tree_file(&tree, "rdma.current",
		  "a hca_handle=1\nb c d e\n\xff\xfe hca_handle=1 hca_object=1\n"
		  "c hca_handle=5000000000 hca_object=-1\n");
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.cpu.usage_usec == 0 && stats.cpu.system_usec == 0 && stats.cpu.nr_periods == 6);
	CHECK(!stats.memory_events.present);
	CHECK(stats.io.count == 2 && stats.io.entry[0].minor == 16);
	CHECK(stats.io.entry[0].rios == 5 && stats.io.entry[0].wios == 0);
	CHECK(stats.io.entry[1].minor == 32);
	CHECK(stats.rdma_current.count == 1 && stats.rdma_current.entry[0].hca_handles == 0);
	cg_stats_done(&stats);
	tree_done(&tree);
}

TEST(keeps_its_limits_with_huge_files)
{
	struct tree tree;
	struct cg_stats stats;
	struct err err;
	size_t len = 0;
	char *text = malloc(1 << 20);

	fill(&tree);
	for (int i = 0; i < 6000; i++)
		len += (size_t)snprintf(text + len, 64, "8:%d rbytes=%d wios=1\n", i, i);
	tree_bytes(&tree, "io.stat", text, len);
	memset(text, 'z', 1 << 20);
	tree_bytes(&tree, "memory.stat", text, 1 << 20);
	tree_bytes(&tree, "memory.current", text, 4096);
	memset(text, 0, 1 << 20);
	tree_bytes(&tree, "cpu.stat", text, 1 << 20);
	CHECK(cg_stats_read(tree.dir, &stats, &err) == 0);
	CHECK(stats.io.count == CG_STATS_IO_MAX);
	CHECK(stats.io.entry[CG_STATS_IO_MAX - 1].rbytes == CG_STATS_IO_MAX - 1);
	CHECK(stats.memory.anon == 0 && stats.memory.usage == 0 && stats.cpu.usage_usec == 0);
	cg_stats_done(&stats);
	tree_done(&tree);
	free(text);
}

TEST(names_huge_pages_as_the_kernel_does)
{
	struct tree tree;
	struct tree sizes;
	struct cg_stats stats = { 0 };
	uint64_t seen = 0;

	tree_init(&tree);
	tree_init(&sizes);
	tree_dir(&sizes, "hugepages-2048kB");
	tree_dir(&sizes, "hugepages-1048576kB");
	tree_dir(&sizes, "hugepages-64kB");
	tree_dir(&sizes, "hugepages-xkB");
	tree_dir(&sizes, "hugepages-2048MB");
	tree_dir(&sizes, "hugepages-kB");
	tree_dir(&sizes, "hugepages-");
	tree_dir(&sizes, "power");
	tree_file(&tree, "hugetlb.2MB.current", "4194304\n");
	tree_file(&tree, "hugetlb.2MB.max", "max\n");
	tree_file(&tree, "hugetlb.2MB.events", "max 12\n");
	cg_stats_hugetlb_read(tree.dir, sizes.dir, &stats);
	CHECK(stats.hugetlb_count == 3);
	for (size_t i = 0; i < stats.hugetlb_count; i++) {
		if (strcmp(stats.hugetlb[i].pagesize, "2MB") == 0) {
			seen += 1;
			CHECK(stats.hugetlb[i].current == 4194304);
			CHECK(stats.hugetlb[i].max == UINT64_MAX && stats.hugetlb[i].failcnt == 12);
		} else if (strcmp(stats.hugetlb[i].pagesize, "1GB") == 0) {
			seen += 10;
			CHECK(stats.hugetlb[i].max == 0);
		} else if (strcmp(stats.hugetlb[i].pagesize, "64KB") == 0) {
			seen += 100;
		}
	}
	CHECK(seen == 111);
	tree_done(&tree);
	tree_done(&sizes);
}
