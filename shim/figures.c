/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/procs.h"
#include "cgroups/stats.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/container.h"
#include "shim/metrics.h"
#include "shim/message.h"
#include "shim/proto/options.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/server.h"
#include "shim/status.h"

enum { FIGURES_DETAILS_MAX_BYTES = 512 };

static struct process *added_with_pid(struct container *container, pid_t pid)
{
	struct list *at;

	list_for_each (at, &container->execs) {
		struct process *process = owner_of(at, struct process, link);

		if (process->pid == pid && !process->exited)
			return process;
	}
	return NULL;
}

/* Append a ProcessInfo, field 1 of PidsResponse, to the encoded answer. */
static int put_pid(struct container *container, pid_t pid, struct buf *out)
{
	static char type_url[] = "containerd.runc.v1.ProcessDetails";
	uint8_t details[FIGURES_DETAILS_MAX_BYTES];
	const struct process *process = added_with_pid(container, pid);
	Pb__ProcessDetails message = PB__PROCESS_DETAILS__INIT;
	Pb__Any any = PB__ANY__INIT;
	Pb__ProcessInfo info = PB__PROCESS_INFO__INIT;
	Pb__ProcessInfo *infos[] = { &info };
	Pb__PidsResponse response = PB__PIDS_RESPONSE__INIT;

	info.pid = (uint32_t)pid;
	if (process) {
		message.exec_id = process->id;
		any.type_url = type_url;
		any.value.data = details;
		any.value.len = protobuf_c_message_pack(&message.base, details);
		info.info = &any;
	}
	response.processes = infos;
	response.n_processes = 1;
	return message_pack(&response.base, out, METRICS_MAX_BYTES * 4);
}

void figures_pids(struct container *container, struct call *call)
{
	struct cg_procs procs = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };
	int code = container->cgroup_fd < 0 ? -ENOENT
					    : cg_procs_read(container->cgroup_fd, &procs, &err);

	if (code == -ENOENT)
		code = 0;
	for (size_t i = 0; i < procs.count && code == 0; i++)
		code = put_pid(container, procs.pids[i], &out);
	if (procs.count == 0 && container->init.pid > 0 && code == 0)
		code = put_pid(container, container->init.pid, &out);
	if (code < 0) {
		(void)err_set(&err, code, "list the processes of %s: %s", container->id,
			      err_reason(-code));
		call_fail(call, &err);
	} else {
		call_reply_bytes(call, out.data, out.len);
	}
	buf_done(&out);
	cg_procs_done(&procs);
}

static int read_stats(struct container *container, struct buf *out, struct err *err)
{
	struct cg_stats *stats;
	int code;

	if (container->cgroup_fd < 0)
		return err_set(err, STATUS_E_NOT_FOUND, "cgroup does not exist");
	stats = calloc(1, sizeof(*stats));
	if (!stats)
		return err_set(err, STATUS_E_EXHAUSTED, "no memory for the statistics");
	code = cg_stats_read(container->cgroup_fd, stats, err);
	if (code == -ENOENT) /* as systemd leaves it: the cgroup has gone with its last process */
		code = err_set(
			err, STATUS_E_NO_FILE, "open /sys/fs/cgroup%s/cgroup.controllers: %s",
			container->cgroup_path ? container->cgroup_path : "", err_reason(ENOENT));
	if (code == 0)
		code = metrics_pack(stats, out, err);
	cg_stats_done(stats);
	free(stats);
	return code;
}

void figures_stats(struct container *container, struct call *call)
{
	static char type_url[] = METRICS_TYPE_URL;
	struct buf metrics = { 0 };
	struct err err;
	Pb__Any any = PB__ANY__INIT;
	Pb__StatsResponse response = PB__STATS_RESPONSE__INIT;

	if (read_stats(container, &metrics, &err) < 0) {
		call_fail(call, &err);
	} else {
		any.type_url = type_url;
		any.value.data = metrics.data;
		any.value.len = metrics.len;
		response.stats = &any;
		call_reply(call, &response.base);
	}
	buf_done(&metrics);
}
