/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only waitpid of the daemon. Children of every kind end here: runc, loggers, helpers of our
 * own, and, since the daemon is a subreaper, the containers' processes that runc leaves behind.
 *
 * A process may end before anyone knows its pid (runc wrote the pid file and the process is already
 * gone). While somebody holds the reaper, exits that nobody watches are kept until they are
 * claimed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "config/base/list.h"
#include "shim/loop.h"

struct err;
struct child;

struct child_exit {
	pid_t pid;
	uint32_t status;    /* exit code, or 128 + signal */
	struct timespec at; /* CLOCK_REALTIME, when it was reaped */
};

typedef void child_fn(struct child *child, const struct child_exit *ended);

/* Sits inside its owner. */
struct child {
	child_fn *fn;
	pid_t pid; /* 0 when nothing is watched or the process was reaped */
	struct list link;
};

/* Somebody is about to learn a pid. Sits inside its owner; all zero: not held. */
struct reaper_hold {
	uint64_t since; /* exits kept before it are of no use to it */
	struct list link;
};

struct reaper {
	struct loop_source source;
	int signal_fd; /* owned; SIGCHLD, SIGTERM, SIGINT */
	struct list children;
	struct list unclaimed;		/* struct unclaimed, newest last */
	struct list holds;		/* struct reaper_hold, oldest first */
	uint64_t kept;			/* exits so far */
	void (*terminate)(void *owner); /* SIGTERM or SIGINT came */
	void *terminate_owner;
};

/* Block the signals and watch them. Returns 0 or negative, err filled. */
int reaper_init(struct reaper *reaper, struct loop *loop, struct err *err);

void child_init(struct child *child, child_fn *fn);

/*
 * Watch a process of which the daemon is, or will be, the parent.
 *
 * Returns 0, or 1 when it was reaped already while the reaper was held: then *ended is written, the
 * exit is claimed, and the callback will not run.
 */
int reaper_watch(struct reaper *reaper, struct child *child, pid_t pid, struct child_exit *ended);

/* Look whether an exit is kept, without claiming it. Returns true with *ended written, or false. */
bool reaper_has(struct reaper *reaper, pid_t pid, struct child_exit *ended);

/* Stop watching; the process, when it ends, is reaped unseen. */
void reaper_forget(struct child *child);

/* Keep unclaimed exits from now on, until the release. */
void reaper_hold(struct reaper *reaper, struct reaper_hold *hold);

/* Exits that no other holder can still want are dropped. Harmless when it does not hold. */
void reaper_release(struct reaper *reaper, struct reaper_hold *hold);
