/* SPDX-License-Identifier: Apache-2.0 */
/* Which limits a cgroup will have that somebody is about to make. Reads only. */
#pragma once

#include <stdbool.h>

struct err;

enum {
	CG_CONTROLLERS_ROOM = 512, /* names of controllers, with NUL */
};

/* Where a cgroup is to be made: the nearest one on the way to it that is there. */
struct cg_site {
	int dir;       /* owned; the cgroup itself when that is there already */
	int witness;   /* owned; a cgroup that has the files of what is enabled for children of dir,
			  -1: there is none */
	bool is_root;  /* dir is the root: anything can be enabled below it */
	bool is_there; /* dir is the cgroup itself: nothing more can be enabled for it */
	bool is_busy;  /* processes in dir: nothing more can be enabled below it */
	char controllers[CG_CONTROLLERS_ROOM]; /* cgroup.controllers */
	char enabled[CG_CONTROLLERS_ROOM];     /* cgroup.subtree_control */
};

/*
 * Look at the place of a cgroup.
 *
 * root   root of the hierarchy, borrowed
 * path   below it, leading '/' optional; "" where everything may be enabled on the way, as systemd
 *        does for its units
 * site   written only on success; cg_site_done() it
 *
 * Returns 0, or negative, err filled: -EINVAL (the path leads upwards, or one of its names is too
 * long), -ENOENT (root is no cgroup v2 hierarchy), ...
 *
 * Source: kernel cgroup-v2.rst, "Organizing Processes", "No Internal Process Constraint".
 */
int cg_site_find(int root, const char *path, struct cg_site *site, struct err *err);

/*
 * Will the cgroup have this file? Only when it was seen in a cgroup like it: kernels are built
 * without swap, zswap or io.cost, and whoever writes a file that is not there gets an error.
 *
 * file   "memory.swap.max": what is before the first '.' is the controller
 */
bool cg_site_has(const struct cg_site *site, const char *file);

/* Close what is open. */
void cg_site_done(struct cg_site *site);
