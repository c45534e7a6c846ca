/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container for the fast paths: a bundle, runc's state folder and a folder that stands for its
 * cgroup, in a temporary folder; init is a real child, which nobody reaps unless told.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/container.h"
#include "shim/fast.h"
#include "shim/shim.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

struct fast_world {
	struct shim shim;
	struct folder bundle;
	struct folder root;   /* of runc */
	struct folder cgroup; /* stands for one */
	struct container *container;
	struct operation *operation;
	pid_t init;
	int ended; /* how often the act has */
	struct err failed;
	struct err why; /* why the runtime must do it */
};

static struct fast_world world;

static void fast_world_ended(struct operation *operation, const struct err *failed)
{
	(void)operation;
	world.ended++;
	world.failed = failed ? *failed : (struct err){ 0 };
}

static inline void fast_world_open(void)
{
	struct err err;

	world = (struct fast_world){ .shim = { .ns = "test" } };
	list_init(&world.shim.containers);
	if (loop_init(&world.shim.loop, &err) < 0)
		abort();
	world.bundle = folder_new();
	world.root = folder_new();
	world.cgroup = folder_new();
	world.container = container_new(&world.shim, "c1", world.bundle.path, &err);
	if (!world.container)
		abort();
	world.container->runc.name = strdup("runc");
	world.container->runc.root = strdup(world.root.path);
	world.container->cgroup_fd = dup(world.cgroup.fd);
	world.container->spec_known = true;
	world.container->spec.pid_namespace_private = true;
	world.container->fast.known = true;
	world.container->fast.version = (struct runtime_version){ 1, 3, 0 };
	world.operation = operation_new(world.container, &world.container->init, NULL, &err);
	if (!world.operation)
		abort();
	world.operation->done = fast_world_ended;
	folder_put_text(&world.cgroup, "cgroup.events", "populated 1\nfrozen 0\n");
}

/* init becomes a child that runs `act` and then ends with what it returns. */
static inline void fast_world_init(int (*act)(void))
{
	world.init = fork();
	if (world.init == 0)
		_exit(act());
	if (world.init < 0)
		abort();
	world.container->init.pid = world.init;
	world.container->init.child.pid = world.init;
}

static inline int fast_world_wait_for_ever(void)
{
	while (pause() < 0)
		;
	return 0;
}

/* Wait until init has ended; it stays a zombie. */
static inline void fast_world_zombie(void)
{
	siginfo_t info;

	if (waitid(P_PID, (id_t)world.init, &info, WEXITED | WNOWAIT) < 0)
		abort();
}

/* As the reaper does. Returns its wait status. */
static inline int fast_world_reap(void)
{
	int status = -1;

	if (world.init && waitpid(world.init, &status, 0) != world.init)
		abort();
	world.init = 0;
	world.container->init.child.pid = 0;
	return status;
}

/* Start an act. Returns what it returned; then `why` is filled, or `ended` will be. */
static inline int fast_world_begin(fast_begin_fn *begin)
{
	world.ended = 0;
	world.why = (struct err){ 0 };
	world.operation->done = fast_world_ended;
	return begin(world.operation, &world.why);
}

static inline bool fast_world_has_ended(void)
{
	return turn_until(&world.shim.loop, turn_is_counted, &world.ended);
}

/* The act has ended once and well, now or in a while. */
static inline bool fast_world_is_done(void)
{
	return fast_world_has_ended() && world.ended == 1 && world.failed.code == 0;
}

static inline void fast_world_close(void)
{
	if (world.init) {
		(void)kill(world.init, SIGKILL);
		(void)fast_world_reap();
	}
	world.container->init.child.pid = 0;
	operation_free(world.operation);
	container_free(world.container);
	loop_done(&world.shim.loop);
	folder_done(&world.cgroup);
	folder_done(&world.root);
	folder_done(&world.bundle);
}
