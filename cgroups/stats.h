/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a cgroup. What the kernel does not have reads as 0, "max" as UINT64_MAX. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/keyed.h"

struct err;

enum {
	CG_STATS_IO_MAX = 4096,	     /* block devices; more are left out */
	CG_STATS_RDMA_MAX = 256,     /* devices; more are left out */
	CG_STATS_HUGETLB_MAX = 8,    /* page sizes; no architecture has more than five */
	CG_STATS_RDMA_NAME_MAX = 64, /* bytes with NUL: IB_DEVICE_NAME_MAX of the kernel */
	CG_STATS_PAGESIZE_MAX = 24,  /* bytes with NUL */
};

/* A pressure file. */
struct cg_psi {
	bool present; /* the kernel accounts for pressure */
	struct cg_psi_line some;
	struct cg_psi_line full;
};

struct cg_pids {
	uint64_t current;
	uint64_t limit;
};

/* cpu.stat, microseconds where the name says so */
struct cg_cpu {
	uint64_t usage_usec;
	uint64_t user_usec;
	uint64_t system_usec;
	uint64_t nr_periods;
	uint64_t nr_throttled;
	uint64_t throttled_usec;
	uint64_t nr_bursts;
	uint64_t burst_usec;
	struct cg_psi psi;
};

/* Fields up to thp_collapse_alloc are the keys of memory.stat; bytes or events. */
struct cg_memory {
	uint64_t anon;
	uint64_t file;
	uint64_t kernel_stack;
	uint64_t slab;
	uint64_t sock;
	uint64_t shmem;
	uint64_t file_mapped;
	uint64_t file_dirty;
	uint64_t file_writeback;
	uint64_t anon_thp;
	uint64_t inactive_anon;
	uint64_t active_anon;
	uint64_t inactive_file;
	uint64_t active_file;
	uint64_t unevictable;
	uint64_t slab_reclaimable;
	uint64_t slab_unreclaimable;
	uint64_t pgfault;
	uint64_t pgmajfault;
	uint64_t workingset_refault;
	uint64_t workingset_activate;
	uint64_t workingset_nodereclaim;
	uint64_t pgrefill;
	uint64_t pgscan;
	uint64_t pgsteal;
	uint64_t pgactivate;
	uint64_t pgdeactivate;
	uint64_t pglazyfree;
	uint64_t pglazyfreed;
	uint64_t thp_fault_alloc;
	uint64_t thp_collapse_alloc;
	uint64_t usage;		 /* memory.current */
	uint64_t usage_limit;	 /* memory.max */
	uint64_t swap_usage;	 /* memory.swap.current */
	uint64_t swap_limit;	 /* memory.swap.max */
	uint64_t max_usage;	 /* memory.peak */
	uint64_t swap_max_usage; /* memory.swap.peak */
	struct cg_psi psi;
};

struct cg_memory_events {
	bool present;
	uint64_t low;
	uint64_t high;
	uint64_t max;
	uint64_t oom;
	uint64_t oom_kill;
	uint64_t oom_group_kill;
};

struct cg_io_entry {
	uint64_t major;
	uint64_t minor;
	uint64_t rbytes;
	uint64_t wbytes;
	uint64_t rios;
	uint64_t wios;
};

struct cg_io {
	struct cg_io_entry *entry; /* owned */
	size_t count;
	struct cg_psi psi;
};

struct cg_rdma_entry {
	char device[CG_STATS_RDMA_NAME_MAX];
	uint32_t hca_handles; /* UINT32_MAX = no limit */
	uint32_t hca_objects;
};

struct cg_rdma {
	struct cg_rdma_entry *entry; /* owned */
	size_t count;
};

struct cg_hugetlb {
	char pagesize[CG_STATS_PAGESIZE_MAX]; /* "2MB", "1GB", "64KB" */
	uint64_t current;		      /* bytes */
	uint64_t max;			      /* bytes */
	uint64_t failcnt;
};

struct cg_stats {
	struct cg_pids pids;
	struct cg_cpu cpu;
	struct cg_memory memory;
	struct cg_memory_events memory_events;
	struct cg_io io;
	struct cg_rdma rdma_current;
	struct cg_rdma rdma_limit;
	struct cg_hugetlb hugetlb[CG_STATS_HUGETLB_MAX];
	size_t hugetlb_count;
};

/*
 * Read the figures of a cgroup.
 *
 * dir     directory descriptor of the cgroup, borrowed
 * stats   written, { 0 } after a failure; cg_stats_done() it after success
 *
 * cpu.stat is read only where cgroup.controllers lists cpu, memory.stat and memory.pressure only
 * where it lists memory; the other files wherever they are. Lines that make no sense are passed
 * over. The page sizes are those of the machine, /sys/kernel/mm/hugepages.
 *
 * Returns 0, -ENOENT (the cgroup is gone), -ENOMEM, or another negative errno value.
 *
 * Source: kernel cgroup-v2.rst, "Controllers"; containerd cgroups v3.0.2 cgroup2/manager.go, Stat;
 * v3.1 for pressure, peaks, bursts and failcnt.
 */
int cg_stats_read(int dir, struct cg_stats *stats, struct err *err);

/*
 * Read the huge page figures alone.
 *
 * sizes   directory with a subdirectory "hugepages-SIZEkB" per page size, borrowed
 * stats   hugetlb and hugetlb_count are replaced
 *
 * Source: containerd cgroups v3, cgroup2/utils.go, getHugePageSizeFromFilenames.
 */
void cg_stats_hugetlb_read(int dir, int sizes, struct cg_stats *stats);

/* Free what the figures own and clear them. */
void cg_stats_done(struct cg_stats *stats);
