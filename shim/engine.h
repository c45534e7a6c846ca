/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to containers: every act is one function here. Each asks its fast path whether it
 * may do the act itself; when not, the OCI runtime does it (runtime.h), and why is logged once per
 * container and act.
 *
 * Each calls done exactly once, perhaps before it returns: what failed is told in the words that
 * the client gets. The operation may be gone after the call.
 */
#pragma once

struct container;
struct err;
struct operation;
struct process;

typedef void engine_fn(struct operation *operation, const struct err *failed);

/* Fill in how the runtime is called for a container: from its options, namespace and spec. */
int engine_init(struct container *container, struct err *err);

/* The runtime is about to create a container: what takes time and does not depend on it begins. */
void engine_prepare(struct container *container);

/*
 * Mount the rootfs that operation->create names and create the container with these streams. The
 * process is then adopt_process()'s.
 */
void engine_create(struct operation *operation, const int stdio[3], engine_fn *done);

/* The container is created and the client knows: what can be done now is done aside. */
void engine_created(struct container *container);

/* Only mount the rootfs: the container will be restored. */
void engine_mount(struct operation *operation, engine_fn *done);

/* Unmount the rootfs. */
void engine_unmount(struct operation *operation, engine_fn *done);

/* After a failed creation: whatever there is of the container goes. */
void engine_sweep(struct operation *operation, engine_fn *done);

void engine_start(struct operation *operation, engine_fn *done);

/* The process is then adopt_process()'s. */
void engine_restore(struct operation *operation, const int stdio[3], engine_fn *done);

/* operation->process is the one to start, with its streams. It is then adopt_process()'s. */
void engine_exec(struct operation *operation, engine_fn *done);

/* operation->signal, operation->all; a failure is in the classes that clients rely on. */
void engine_kill(struct operation *operation, engine_fn *done);

/* A container that the runtime does not know is deleted. */
void engine_delete(struct operation *operation, engine_fn *done);
void engine_pause(struct operation *operation, engine_fn *done);
void engine_resume(struct operation *operation, engine_fn *done);

/* operation->resources: JSON of linux.resources */
void engine_update(struct operation *operation, engine_fn *done);

/* operation->path, ->work, ->checkpoint */
void engine_checkpoint(struct operation *operation, engine_fn *done);

/* End the act under way as a failure; done still runs. Harmless when there is none. */
void engine_cancel(struct operation *operation);

/* Give the act under way at most so long from now; harmless when there is none. */
void engine_limit(struct operation *operation, int limit_ms);
