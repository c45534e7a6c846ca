/* SPDX-License-Identifier: Apache-2.0 */
/* Pids and Stats, read straight from the container's cgroup. */
#pragma once

struct call;
struct container;

/*
 * Answer Pids: what is in the cgroup and below; of added processes their exec id. As long as the
 * container is not deleted the list holds at least the pid of init: containerd, when it restarts,
 * throws away a task without processes, and its exit status with it (containerd
 * runtime/v2/shim_load.go).
 */
void figures_pids(struct container *container, struct call *call);

/* Answer Stats. */
void figures_stats(struct container *container, struct call *call);
