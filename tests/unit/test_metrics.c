/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "cgroups/stats.h"
#include "config/base/err.h"
#include "shim/metrics.h"
#include "shim/proto/metrics.pb-c.h"
#include "tests/unit/test.h"

/* Marshal and read back; the caller frees. */
static Pb__Metrics *through(const struct cg_stats *stats)
{
	struct buf out = { 0 };
	struct err err;
	ProtobufCMessage *message = NULL;

	CHECK(metrics_pack(stats, &out, &err) == 0);
	message = protobuf_c_message_unpack(&pb__metrics__descriptor, NULL, out.len, out.data);
	CHECK(message != NULL);
	buf_done(&out);
	return (Pb__Metrics *)message;
}

TEST(always_has_the_five_messages_even_if_empty)
{
	/* What Go marshals for the same: pids{} cpu{} memory{} rdma{} io{}. */
	static const uint8_t want[] = { 0x0a, 0, 0x12, 0, 0x22, 0, 0x2a, 0, 0x32, 0 };
	struct cg_stats stats = { 0 };
	struct buf out = { 0 };
	struct err err;

	CHECK(metrics_pack(&stats, &out, &err) == 0);
	CHECK(out.len == sizeof(want) && memcmp(out.data, want, sizeof(want)) == 0);
	buf_done(&out);
}

TEST(puts_each_number_into_its_field)
{
	/* Field n of MemoryStat gets the value n: they are in the order of their numbers. */
	struct cg_stats stats = { 0 };
	uint64_t *number = &stats.memory.anon;
	const ProtobufCMessageDescriptor *memory = &pb__memory_stat__descriptor;
	Pb__Metrics *metrics;

	for (unsigned int i = 0; i < 31; i++)
		number[i] = i + 1;
	stats.memory.usage = 32;
	stats.memory.usage_limit = 33;
	stats.memory.swap_usage = 34;
	stats.memory.swap_limit = 35;
	stats.memory.max_usage = 36;
	stats.memory.swap_max_usage = 37;
	metrics = through(&stats);
	for (unsigned int i = 0; metrics && i < 37; i++) {
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field(memory, i + 1);
		uint64_t value;

		memcpy(&value, (const char *)metrics->memory + field->offset, sizeof(value));
		CHECK(value == i + 1);
	}
	protobuf_c_message_free_unpacked(&metrics->base, NULL);
}

TEST(keeps_pids_cpu_and_events_apart)
{
	struct cg_stats stats = { .pids = { 1, UINT64_MAX },
				  .cpu = { 1, 2, 3, 4, 5, 6, 7, 8, { 0 } },
				  .memory_events = { true, 1, 2, 3, 4, 5, 6 } };
	Pb__Metrics *metrics = through(&stats);

	CHECK(metrics->pids->current == 1 && metrics->pids->limit == UINT64_MAX);
	CHECK(metrics->cpu->usage_usec == 1 && metrics->cpu->user_usec == 2);
	CHECK(metrics->cpu->system_usec == 3 && metrics->cpu->nr_periods == 4);
	CHECK(metrics->cpu->nr_throttled == 5 && metrics->cpu->throttled_usec == 6);
	CHECK(metrics->cpu->nr_bursts == 7 && metrics->cpu->burst_usec == 8);
	CHECK(metrics->memory_events && metrics->memory_events->low == 1);
	CHECK(metrics->memory_events->high == 2 && metrics->memory_events->max == 3);
	CHECK(metrics->memory_events->oom == 4 && metrics->memory_events->oom_kill == 5);
	CHECK(metrics->memory_events->oom_group_kill == 6);
	CHECK(!metrics->cpu->psi && !metrics->memory->psi && !metrics->io->psi);
	protobuf_c_message_free_unpacked(&metrics->base, NULL);
}

TEST(has_zero_events_where_the_kernel_has_the_file)
{
	struct cg_stats stats = { .memory_events = { .present = true } };
	Pb__Metrics *metrics = through(&stats);

	CHECK(metrics->memory_events && metrics->memory_events->oom_kill == 0);
	protobuf_c_message_free_unpacked(&metrics->base, NULL);
}

TEST(carries_devices_huge_pages_and_pressure)
{
	struct cg_io_entry io[] = { { 8, 0, 1, 2, 3, 4 }, { 259, 1, 5, 6, 7, 8 } };
	struct cg_rdma_entry rdma[] = { { "mlx4_0", 1, UINT32_MAX } };
	struct cg_stats stats = { .io = { .entry = io, .count = 2 },
				  .rdma_limit = { .entry = rdma, .count = 1 },
				  .hugetlb = { { "2MB", 1, 2, 3 }, { "1GB", 4, UINT64_MAX, 0 } },
				  .hugetlb_count = 2 };
	Pb__Metrics *metrics;

	stats.io.psi = (struct cg_psi){ true, { true, 0.5, 1, 1.5, 9 }, { 0 } };
	stats.cpu.psi = (struct cg_psi){ true, { true, 0, 0, 0, 1 }, { true, 0, 0, 0.25, 2 } };
	metrics = through(&stats);
	CHECK(metrics->io->n_usage == 2 && metrics->io->usage[1]->major == 259);
	CHECK(metrics->io->usage[0]->rbytes == 1 && metrics->io->usage[0]->wbytes == 2);
	CHECK(metrics->io->usage[1]->rios == 7 && metrics->io->usage[1]->wios == 8);
	CHECK(metrics->rdma->n_current == 0 && metrics->rdma->n_limit == 1);
	CHECK_TEXT(metrics->rdma->limit[0]->device, "mlx4_0");
	CHECK(metrics->rdma->limit[0]->hca_objects == UINT32_MAX);
	CHECK(metrics->n_hugetlb == 2 && metrics->hugetlb[0]->failcnt == 3);
	CHECK_TEXT(metrics->hugetlb[1]->pagesize, "1GB");
	CHECK(metrics->hugetlb[1]->max == UINT64_MAX && metrics->hugetlb[0]->current == 1);
	CHECK(metrics->io->psi && metrics->io->psi->some->avg300 == 1.5 && !metrics->io->psi->full);
	CHECK(metrics->cpu->psi->full->avg300 == 0.25 && metrics->cpu->psi->full->total == 2);
	protobuf_c_message_free_unpacked(&metrics->base, NULL);
}

TEST(appends_and_keeps_its_limit)
{
	struct cg_stats stats = { 0 };
	struct buf out = { 0 };
	struct err err;

	CHECK(buf_add_text(&out, "abc", 10) == 0);
	CHECK(metrics_pack(&stats, &out, &err) == 0);
	CHECK(out.len == 13 && memcmp(out.data, "abc\x0a", 4) == 0);
	out.len = 0;
	CHECK(buf_reserve(&out, METRICS_MAX_BYTES, METRICS_MAX_BYTES) != NULL);
	out.len = METRICS_MAX_BYTES - 9;
	CHECK(metrics_pack(&stats, &out, &err) == -EMSGSIZE);
	CHECK(out.len == METRICS_MAX_BYTES - 9);
	out.len = METRICS_MAX_BYTES - 10;
	CHECK(metrics_pack(&stats, &out, &err) == 0 && out.len == METRICS_MAX_BYTES);
	buf_done(&out);
}

TEST(names_the_message_as_containerd_does)
{
	CHECK_TEXT(METRICS_TYPE_URL, "io.containerd.cgroups.v2.Metrics");
	CHECK(METRICS_MAX_BYTES < 4 << 20);
}
