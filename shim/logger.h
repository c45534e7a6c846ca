/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A logging program behind binary://: it reads the container's output from descriptors 3 and 4 and
 * says on 5 that it is ready. Source: containerd runtime/v2/README.md, "Logging",
 * pkg/process/io.go.
 */
#pragma once

#include <stdbool.h>

#include "shim/loop.h"
#include "shim/reaper.h"

struct err;
struct logger;

/* err is NULL when the program is ready. */
typedef void logger_fn(struct logger *logger, const struct err *err);

struct logger {
	struct loop *loop;
	struct reaper *reaper;
	struct child child;
	struct loop_source ready;
	int ready_fd;		 /* owned */
	struct loop_timer timer; /* readiness is late, or it did not heed SIGTERM */
	bool strict;		 /* binary-v2: end of file does not count as ready */
	bool orphan;		 /* its owner is gone: free it when it ends */
	logger_fn *on_ready;
	void *owner;
};

/*
 * Start a logging program.
 *
 * uri        "binary:///path?key=value" or "binary-v2:..."; borrowed
 * id, ns     for its environment
 * out, err_fd   read ends of the container's output; borrowed
 *
 * on_ready runs once, from the loop, within 30 s. Returns the logger (end it with logger_stop), or
 * NULL, err filled.
 */
struct logger *logger_start(struct loop *loop, struct reaper *reaper, const char *uri,
			    const char *id, const char *ns, int out, int err_fd,
			    logger_fn *on_ready_fn, void *owner, struct err *err);

/* Let go: SIGTERM, after 12 s SIGKILL; it frees itself when it ended. NULL is fine. */
void logger_stop(struct logger *logger);
