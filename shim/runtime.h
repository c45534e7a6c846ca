/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acts of engine.h as the OCI runtime does them: one call of it each, or a child of ours for
 * what only mounts. operation_ended() is called when it is over, perhaps before these return.
 */
#pragma once

struct err;
struct operation;

void runtime_create(struct operation *operation, const int stdio[3]);
void runtime_mount(struct operation *operation);
void runtime_unmount(struct operation *operation);
void runtime_sweep(struct operation *operation);
void runtime_start(struct operation *operation);
void runtime_restore(struct operation *operation, const int stdio[3]);
void runtime_exec(struct operation *operation);
void runtime_kill(struct operation *operation);
void runtime_delete(struct operation *operation);
void runtime_pause(struct operation *operation);
void runtime_resume(struct operation *operation);
void runtime_update(struct operation *operation);
void runtime_checkpoint(struct operation *operation);

/* Only do something in a child, given the operation; it may wait. */
void runtime_aside(struct operation *operation, int (*work)(void *operation, struct err *err));

/*
 * The error of a failed kill, in the classes that clients rely on (containerd pkg/process/utils.go,
 * checkKillError). Returns err's code.
 */
int runtime_kill_error(const struct err *failed, struct err *err);
