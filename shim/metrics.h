/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a cgroup as containerd wants them: io.containerd.cgroups.v2.Metrics. */
#pragma once

#include "config/base/buf.h"

struct cg_stats;
struct err;

enum { METRICS_MAX_BYTES = 1 << 20 };

/* The type URL of the answer; without a host in front. */
#define METRICS_TYPE_URL "io.containerd.cgroups.v2.Metrics"

/*
 * Marshal the figures.
 *
 * stats   borrowed
 * out     appended to; unchanged on failure; never more than METRICS_MAX_BYTES in all
 *
 * pids, cpu, memory, rdma and io are always there, if empty; memory_events and the pressures only
 * where the kernel has them.
 *
 * Returns 0, -ENOMEM, or -EMSGSIZE.
 *
 * Source: containerd cgroups v3.0.2 cgroup2/stats/metrics.proto and cgroup2/manager.go, Stat.
 */
int metrics_pack(const struct cg_stats *stats, struct buf *out, struct err *err);
