/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a stream: source descriptor to target descriptor until end of file, driven by
 * the loop. Between pipes pages move by splice; with a terminal bytes pass through the stack, and
 * only what the target did not take yet is kept.
 */
#pragma once

#include <stdbool.h>

#include "config/base/buf.h"
#include "shim/loop.h"

struct copier;
typedef void copier_fn(struct copier *copier);

struct copier {
	struct loop *loop;
	struct loop_source from; /* from.fd is watched when data may come */
	struct loop_source to;	 /* watched while the target is full */
	struct loop_timer retry; /* a terminal whose other side is closed may be opened again */
	int from_fd;		 /* owned; -1 when done */
	int to_fd;		 /* owned */
	bool splice;		 /* both are pipes */
	bool terminal;		 /* from is a terminal's master: EIO is no end until `ended` */
	bool ended;		 /* the process is gone: the next EIO is the end */
	bool quiet;		 /* nothing came since the timer was started */
	bool done;
	struct buf pending; /* taken from the source, not yet by the target */
	copier_fn *on_done;
};

/* An idle copier that holds nothing. */
void copier_init(struct copier *copier, struct loop *loop, copier_fn *on_done);

/*
 * Start. Both descriptors are consumed, also on failure; they are switched to non-blocking.
 * on_done runs once, from the loop, when everything was copied or the target is gone; by then both
 * are closed.
 *
 * Returns 0 or a negative errno value.
 */
int copier_start_take(struct copier *copier, int *from_fd, int *to_fd, bool terminal);

/* The process on the other side is gone: take what is left and end. For a terminal's output. */
void copier_finish(struct copier *copier);

/* True when the source holds nothing at this moment and nothing is pending. */
bool copier_is_drained(const struct copier *copier);

/* Close both sides now, without on_done; harmless when idle or done. */
void copier_stop(struct copier *copier);
