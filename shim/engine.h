/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to containers, and by whom: every act is one function here, and today the OCI
 * runtime does each of them. Whoever takes an act over does it behind the same function:
 * preconditions first, and the runtime when one fails.
 *
 * Each returns 0 and calls done once, from the loop, or returns negative with err filled.
 */
#pragma once

#include "shim/runc.h"

struct container;
struct err;
struct operation;
struct process;

/* Fill in how the runtime is called for a container: from its options, namespace and spec. */
int engine_init(struct container *container, struct err *err);

/* Mount the rootfs that operation->create names and create the container with these streams. */
int engine_create(struct operation *operation, const int stdio[3], runc_fn *done, struct err *err);

/* Only mount the rootfs: the container will be restored. */
int engine_mount(struct operation *operation, runc_fn *done, struct err *err);

/* Unmount the rootfs. */
int engine_unmount(struct operation *operation, runc_fn *done, struct err *err);

/* After a failed creation: whatever there is of the container goes. */
int engine_sweep(struct operation *operation, runc_fn *done, struct err *err);

int engine_start(struct operation *operation, runc_fn *done, struct err *err);
int engine_restore(struct operation *operation, const int stdio[3], runc_fn *done, struct err *err);

/* operation->process is the one to start; its spec goes to the runtime. */
int engine_exec(struct operation *operation, const int stdio[3], runc_fn *done, struct err *err);

/* operation->signal, operation->all */
int engine_kill(struct operation *operation, runc_fn *done, struct err *err);

int engine_delete(struct operation *operation, runc_fn *done, struct err *err);
int engine_pause(struct operation *operation, runc_fn *done, struct err *err);
int engine_resume(struct operation *operation, runc_fn *done, struct err *err);

/* operation->resources: JSON of linux.resources */
int engine_update(struct operation *operation, runc_fn *done, struct err *err);

/* operation->path, ->work, ->checkpoint */
int engine_checkpoint(struct operation *operation, runc_fn *done, struct err *err);

/*
 * The error of a failed kill, in the classes that clients rely on (containerd pkg/process/utils.go,
 * checkKillError). Returns err's code.
 */
int engine_kill_error(const struct err *failed, struct err *err);
