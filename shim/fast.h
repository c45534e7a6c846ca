/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast paths: acts that the shim does without running the OCI runtime. Each is one file whose
 * begin function answers "may I, and if not why not" before it touches anything.
 *
 * What all have in common is here: the switches, the runtime's identity, cgroup v2. Explained for
 * people in docs/FASTPATHS.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/loop.h"
#include "shim/runtime_version.h"
#include "shim/switches.h"

struct container;
struct err;
struct exec_facts;
struct operation;

/* What a container remembers of its fast paths. */
struct fast {
	uint8_t off;  /* bits by enum fast_act: switched off for this container */
	uint8_t told; /* bits: the log already says why not */
	bool known;   /* version is that of a runc which fast paths understand */
	struct runtime_version version;
	struct exec_facts *facts; /* owned; NULL until the first exec */
};

/* What an act waits for in the loop. */
struct fast_wait {
	struct loop *loop; /* NULL: nothing is waited for */
	struct loop_source event;
	struct loop_source exit;
	struct loop_timer limit;
	int event_fd; /* owned */
	int pidfd;    /* owned */
	bool frozen;  /* what a change of the freezer is to lead to */
};

void fast_wait_init(struct fast_wait *wait);

/* Wait no more: descriptors are closed. Harmless when nothing is waited for. */
void fast_wait_end(struct fast_wait *wait);

/* Read the switches of host and container. Never fails: what cannot be read is logged and on. */
void fast_init(struct container *container);

/*
 * Begin an act. Returns 0: operation_ended() was or will be called; or negative with why filled:
 * nothing was done, the runtime must.
 */
typedef int fast_begin_fn(struct operation *operation, struct err *why);

/* Try an act. False: the runtime must do it; the log says why, once. */
bool fast_try(struct operation *operation, enum fast_act act, fast_begin_fn *begin);

/* May acts of this kind be tried for a container at all? 0, or negative with why filled. */
int fast_may(struct container *container, enum fast_act act, struct err *why);

/* True when nobody has asked the container's runtime yet which one it is. */
bool fast_must_ask(struct container *container);

/* True when init has ended, reaped or not. */
bool fast_has_ended(const struct container *container);

/* One file each: fast_start.c, ... */
fast_begin_fn fast_start;
fast_begin_fn fast_kill;
fast_begin_fn fast_pause;
fast_begin_fn fast_resume;
fast_begin_fn fast_delete;

fast_begin_fn fast_exec;

/* Kill what fast_exec has under way; operation_ended() is then called. Harmless without one. */
void fast_exec_cancel(struct operation *operation);

/* Give fast_exec at most so long from now; harmless without one. */
void fast_exec_limit(struct operation *operation, int limit_ms);

/*
 * Get ready for execs while init still waits for its start. In a child: waits. The owner is an
 * operation.
 *
 * Returns 0 or negative, err filled: execs of this container go to the runtime.
 */
int fast_exec_prepare(void *owner, struct err *err);

/* Forget what execs need to know of a container. */
void fast_exec_forget(struct container *container);
