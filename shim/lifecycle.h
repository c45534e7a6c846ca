/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that move a container's first process through its life after Create. */
#pragma once

struct call;
struct container;
struct operation;
struct shim;
typedef struct Pb__CheckpointTaskRequest Pb__CheckpointTaskRequest;
typedef struct Pb__KillRequest Pb__KillRequest;
typedef struct Pb__UpdateTaskRequest Pb__UpdateTaskRequest;

/* Each handles one call and consumes it; requests are borrowed. */
void lifecycle_start(struct container *container, struct call *call);
void lifecycle_delete(struct container *container, struct call *call);
void lifecycle_pause(struct container *container, struct call *call);
void lifecycle_resume(struct container *container, struct call *call);
void lifecycle_kill(struct container *container, struct call *call, const Pb__KillRequest *request);
void lifecycle_update(struct container *container, struct call *call,
		      const Pb__UpdateTaskRequest *request);
void lifecycle_checkpoint(struct container *container, struct call *call,
			  const Pb__CheckpointTaskRequest *request);

/* The process whose deletion waits for its exit has ended. */
void lifecycle_delete_exited(struct operation *operation);
