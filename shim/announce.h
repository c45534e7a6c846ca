/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a container's life, from our structs to containerd.events.*. */
#pragma once

#include <stdint.h>
#include <time.h>

struct container;
struct process;
typedef struct Pb__CreateTaskRequest Pb__CreateTaskRequest;
typedef struct Pb__Timestamp Pb__Timestamp;

/* Each queues one event for containerd; topics and fields: containerd api/events/task.proto. */
void announce_create(struct container *container, const Pb__CreateTaskRequest *request);
void announce_start(struct process *process); /* TaskStart, or TaskExecStarted */
void announce_exec_added(struct process *process);
void announce_exit(struct process *process);
void announce_delete(struct process *process);
void announce_oom(struct container *container);
void announce_paused(struct container *container);
void announce_resumed(struct container *container);

/*
 * exited_at as clients expect it: the exit's time, or Go's zero time while there was none (an
 * absent timestamp would be read as 1970).
 */
void announce_exited_at(const struct process *process, Pb__Timestamp *timestamp);
