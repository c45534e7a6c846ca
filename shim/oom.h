/* SPDX-License-Identifier: Apache-2.0 */
/* One inotify instance for all containers: who was killed for want of memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/events.h"
#include "config/base/list.h"
#include "shim/loop.h"

struct oom_watch;
struct oom;

/* The kernel killed a process of the container. */
typedef void oom_fn(struct oom_watch *watch);

/* Sits inside the container. */
struct oom_watch {
	struct oom *oom; /* NULL while not armed */
	struct cg_watch watch;
	int cgroup_fd;	  /* borrowed */
	uint64_t kills;	  /* told so far */
	int64_t since_us; /* armed, by the clock of the kernel's log */
	oom_fn *fn;
	struct list link;
};

struct oom {
	struct loop *loop;
	struct loop_source source;
	int inotify_fd; /* owned; made with the first container */
	bool told;	/* the log says that there is none */
	struct list watches;
};

void oom_init(struct oom *oom, struct loop *loop);
void oom_watch_init(struct oom_watch *watch, oom_fn *fn);

/*
 * Watch a cgroup (descriptor borrowed). Harmless when it is watched already.
 *
 * Returns 0; -ENOENT: without a memory controller there is nothing to see; or another negative
 * errno value: the counter is read when oom_watch_check() says so, and not in between (-EMFILE: of
 * the instances that root may have others took all).
 */
int oom_watch_start(struct oom *oom, struct oom_watch *watch, int cgroup_fd);

/*
 * Read the counter once, now, and call fn if it grew: before an exit is published, a kill that
 * caused it must be told. Never waits.
 */
void oom_watch_check(struct oom_watch *watch);

/*
 * The same once init and all others have ended: where the cgroup is gone with its counter, the
 * kernel's log decides. That a scope without processes is removed is systemd's doing, and a race: 2
 * of 200 containers in an emulated machine.
 *
 * init    its pid
 * cgroup  of the container, from the hierarchy's root; NULL if not known
 */
void oom_watch_check_last(struct oom_watch *watch, pid_t init, const char *cgroup);

/* Stop watching; harmless when not armed. */
void oom_watch_stop(struct oom_watch *watch);
