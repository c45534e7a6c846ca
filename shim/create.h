/* SPDX-License-Identifier: Apache-2.0 */
/* Create: from the request to a container that waits for Start, or to nothing at all. */
#pragma once

struct call;
struct shim;
typedef struct Pb__CreateTaskRequest Pb__CreateTaskRequest;

/* Handle Create. Consumes the call and the request. */
void create_task_take(struct shim *shim, struct call *call, Pb__CreateTaskRequest *request);

struct container;

/* A client gives up on a creation that is under way: it is undone, and Create is answered then. */
void create_cancel(struct container *container);

/* The container's cgroup: open it for figures and OOM kills. Best effort, may be called again. */
void create_open_cgroup(struct container *container);
