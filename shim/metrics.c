/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "cgroups/stats.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/proto/metrics.pb-c.h"

/* A pressure message with the messages it points to. */
struct pressure {
	Pb__PSIStats stats;
	Pb__PSIData some;
	Pb__PSIData full;
};

/* What the huge page messages point to; the names are copied, protobuf-c wants them writable. */
struct hugetlb {
	struct cg_hugetlb copy[CG_STATS_HUGETLB_MAX];
	Pb__HugeTlbStat stat[CG_STATS_HUGETLB_MAX];
	Pb__HugeTlbStat *list[CG_STATS_HUGETLB_MAX];
};

static Pb__PSIData *psi_line_fill(const struct cg_psi_line *line, Pb__PSIData *data)
{
	*data = (Pb__PSIData)PB__PSIDATA__INIT;
	data->avg10 = line->avg10;
	data->avg60 = line->avg60;
	data->avg300 = line->avg300;
	data->total = line->total_usec;
	return line->present ? data : NULL;
}

/* Returns the message, or NULL when the kernel has no such figures. */
static Pb__PSIStats *psi_fill(const struct cg_psi *psi, struct pressure *pressure)
{
	pressure->stats = (Pb__PSIStats)PB__PSISTATS__INIT;
	pressure->stats.some = psi_line_fill(&psi->some, &pressure->some);
	pressure->stats.full = psi_line_fill(&psi->full, &pressure->full);
	return psi->present ? &pressure->stats : NULL;
}

static void cpu_fill(const struct cg_cpu *cpu, Pb__CPUStat *stat)
{
	*stat = (Pb__CPUStat)PB__CPUSTAT__INIT;
	stat->usage_usec = cpu->usage_usec;
	stat->user_usec = cpu->user_usec;
	stat->system_usec = cpu->system_usec;
	stat->nr_periods = cpu->nr_periods;
	stat->nr_throttled = cpu->nr_throttled;
	stat->throttled_usec = cpu->throttled_usec;
	stat->nr_bursts = cpu->nr_bursts;
	stat->burst_usec = cpu->burst_usec;
}

static void memory_fill(const struct cg_memory *memory, Pb__MemoryStat *stat)
{
	*stat = (Pb__MemoryStat)PB__MEMORY_STAT__INIT;
	stat->anon = memory->anon;
	stat->file = memory->file;
	stat->kernel_stack = memory->kernel_stack;
	stat->slab = memory->slab;
	stat->sock = memory->sock;
	stat->shmem = memory->shmem;
	stat->file_mapped = memory->file_mapped;
	stat->file_dirty = memory->file_dirty;
	stat->file_writeback = memory->file_writeback;
	stat->anon_thp = memory->anon_thp;
	stat->inactive_anon = memory->inactive_anon;
	stat->active_anon = memory->active_anon;
	stat->inactive_file = memory->inactive_file;
	stat->active_file = memory->active_file;
	stat->unevictable = memory->unevictable;
	stat->slab_reclaimable = memory->slab_reclaimable;
	stat->slab_unreclaimable = memory->slab_unreclaimable;
	stat->pgfault = memory->pgfault;
	stat->pgmajfault = memory->pgmajfault;
	stat->workingset_refault = memory->workingset_refault;
	stat->workingset_activate = memory->workingset_activate;
	stat->workingset_nodereclaim = memory->workingset_nodereclaim;
	stat->pgrefill = memory->pgrefill;
	stat->pgscan = memory->pgscan;
	stat->pgsteal = memory->pgsteal;
	stat->pgactivate = memory->pgactivate;
	stat->pgdeactivate = memory->pgdeactivate;
	stat->pglazyfree = memory->pglazyfree;
	stat->pglazyfreed = memory->pglazyfreed;
	stat->thp_fault_alloc = memory->thp_fault_alloc;
	stat->thp_collapse_alloc = memory->thp_collapse_alloc;
	stat->usage = memory->usage;
	stat->usage_limit = memory->usage_limit;
	stat->swap_usage = memory->swap_usage;
	stat->swap_limit = memory->swap_limit;
	stat->max_usage = memory->max_usage;
	stat->swap_max_usage = memory->swap_max_usage;
}

static Pb__MemoryEvents *events_fill(const struct cg_memory_events *events, Pb__MemoryEvents *stat)
{
	*stat = (Pb__MemoryEvents)PB__MEMORY_EVENTS__INIT;
	stat->low = events->low;
	stat->high = events->high;
	stat->max = events->max;
	stat->oom = events->oom;
	stat->oom_kill = events->oom_kill;
	stat->oom_group_kill = events->oom_group_kill;
	return events->present ? stat : NULL;
}

/* Room for `count` pointers and, behind them, what they point to. NULL also for none. */
static void *list_new(size_t count, size_t size)
{
	return count ? calloc(count, sizeof(void *) + size) : NULL;
}

/* Fill a repeated field. The caller frees the list, which is all of it. */
static int io_fill(const struct cg_io *io, Pb__IOEntry ***list)
{
	Pb__IOEntry **pointers = list_new(io->count, sizeof(Pb__IOEntry));
	Pb__IOEntry *entry;

	*list = pointers;
	if (!pointers)
		return io->count ? -ENOMEM : 0;
	entry = (Pb__IOEntry *)(void *)(pointers + io->count);
	for (size_t i = 0; i < io->count; i++, entry++) {
		*entry = (Pb__IOEntry)PB__IOENTRY__INIT;
		entry->major = io->entry[i].major;
		entry->minor = io->entry[i].minor;
		entry->rbytes = io->entry[i].rbytes;
		entry->wbytes = io->entry[i].wbytes;
		entry->rios = io->entry[i].rios;
		entry->wios = io->entry[i].wios;
		pointers[i] = entry;
	}
	return 0;
}

/* As io_fill; the names stay with the figures. */
static int rdma_fill(const struct cg_rdma *rdma, Pb__RdmaEntry ***list)
{
	Pb__RdmaEntry **pointers = list_new(rdma->count, sizeof(Pb__RdmaEntry));
	Pb__RdmaEntry *entry;

	*list = pointers;
	if (!pointers)
		return rdma->count ? -ENOMEM : 0;
	entry = (Pb__RdmaEntry *)(void *)(pointers + rdma->count);
	for (size_t i = 0; i < rdma->count; i++, entry++) {
		pb__rdma_entry__init(entry);
		entry->device = rdma->entry[i].device;
		entry->hca_handles = rdma->entry[i].hca_handles;
		entry->hca_objects = rdma->entry[i].hca_objects;
		pointers[i] = entry;
	}
	return 0;
}

static void hugetlb_fill(const struct cg_stats *stats, struct hugetlb *hugetlb)
{
	for (size_t i = 0; i < stats->hugetlb_count; i++) {
		Pb__HugeTlbStat *stat = &hugetlb->stat[i];

		hugetlb->copy[i] = stats->hugetlb[i];
		pb__huge_tlb_stat__init(stat);
		stat->current = stats->hugetlb[i].current;
		stat->max = stats->hugetlb[i].max;
		stat->pagesize = hugetlb->copy[i].pagesize;
		stat->failcnt = stats->hugetlb[i].failcnt;
		hugetlb->list[i] = stat;
	}
}

static int message_pack(const ProtobufCMessage *message, struct buf *out, struct err *err)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *at;

	if (len > METRICS_MAX_BYTES || out->len > METRICS_MAX_BYTES - len)
		return err_set(err, -EMSGSIZE, "metrics: more than %d bytes", METRICS_MAX_BYTES);
	at = buf_reserve(out, len, METRICS_MAX_BYTES);
	if (!at)
		return err_set(err, -ENOMEM, "metrics: no memory");
	out->len += protobuf_c_message_pack(message, at);
	return 0;
}

int metrics_pack(const struct cg_stats *stats, struct buf *out, struct err *err)
{
	Pb__Metrics metrics = PB__METRICS__INIT;
	Pb__PidsStat pids = PB__PIDS_STAT__INIT;
	Pb__CPUStat cpu;
	Pb__MemoryStat memory;
	Pb__MemoryEvents events;
	Pb__RdmaStat rdma = PB__RDMA_STAT__INIT;
	Pb__IOStat io = PB__IOSTAT__INIT;
	struct pressure pressure[3];
	struct hugetlb hugetlb;
	own_mem Pb__IOEntry **io_list = NULL;
	own_mem Pb__RdmaEntry **current_list = NULL;
	own_mem Pb__RdmaEntry **limit_list = NULL;

	if (io_fill(&stats->io, &io_list) < 0 ||
	    rdma_fill(&stats->rdma_current, &current_list) < 0 ||
	    rdma_fill(&stats->rdma_limit, &limit_list) < 0)
		return err_set(err, -ENOMEM, "metrics: no memory");
	pids.current = stats->pids.current;
	pids.limit = stats->pids.limit;
	cpu_fill(&stats->cpu, &cpu);
	cpu.psi = psi_fill(&stats->cpu.psi, &pressure[0]);
	memory_fill(&stats->memory, &memory);
	memory.psi = psi_fill(&stats->memory.psi, &pressure[1]);
	io.n_usage = stats->io.count;
	io.usage = io_list;
	io.psi = psi_fill(&stats->io.psi, &pressure[2]);
	rdma.n_current = stats->rdma_current.count;
	rdma.current = current_list;
	rdma.n_limit = stats->rdma_limit.count;
	rdma.limit = limit_list;
	hugetlb_fill(stats, &hugetlb);
	metrics.pids = &pids;
	metrics.cpu = &cpu;
	metrics.memory = &memory;
	metrics.rdma = &rdma;
	metrics.io = &io;
	metrics.n_hugetlb = stats->hugetlb_count;
	metrics.hugetlb = hugetlb.list;
	metrics.memory_events = events_fill(&stats->memory_events, &events);
	return message_pack(&metrics.base, out, err);
}
