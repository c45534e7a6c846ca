/* SPDX-License-Identifier: Apache-2.0 */
/* Each cgroup value of one container: what is in force, and who said so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/azlctl/containers.h"

struct err;

enum {
	EXPLAIN_VALUE_ROOM = 160,
	EXPLAIN_NAME_ROOM = 320, /* a pod's name of 253, its namespace's 63 or a container's */
	EXPLAIN_PATH_ROOM = 1024,
	EXPLAIN_VALUES = 22, /* the files that are looked at */
};

enum explain_who {
	EXPLAIN_KERNEL,	 /* its default: nobody said anything */
	EXPLAIN_USER,	 /* the container's own configuration */
	EXPLAIN_KUBELET, /* the same, made by Kubernetes */
	EXPLAIN_AZL,	 /* a default of host.json */
	EXPLAIN_HOST,	 /* systemd, or a slice above */
	EXPLAIN_LATER,	 /* an update since the container was created */
};

const char *explain_who_name(enum explain_who who);

struct explain_value {
	const char *file; /* "memory.max" */
	bool is_there;	  /* the kernel and the controllers have it */
	char here[EXPLAIN_VALUE_ROOM];
	enum explain_who who;
	char why[EXPLAIN_VALUE_ROOM]; /* "linux.resources.memory.limit of its configuration" */
	char effective[EXPLAIN_VALUE_ROOM]; /* what is in force */
	bool is_narrowed;		    /* a cgroup above allows less: */
	char above[EXPLAIN_PATH_ROOM];	    /* which, or "" when the kernel does not tell */
	enum explain_who above_who;
};

struct explain {
	char ns[CONTAINERS_ID_ROOM];
	char id[CONTAINERS_ID_ROOM];
	char name[2 * EXPLAIN_NAME_ROOM]; /* as people call it; "" when it has none */
	bool is_kubernetes;
	char cgroup[EXPLAIN_PATH_ROOM];
	struct explain_value values[EXPLAIN_VALUES];
};

/*
 * Find a running container and read its values.
 *
 * root   directory descriptor that holds "run", "proc" and "sys"
 * name   its id, the beginning of one that no other has, "NAMESPACE/POD/CONTAINER" of Kubernetes,
 *        "NAMESPACE/POD" where that is one container beside the pause, or the name nerdctl knows
 *        it by
 *
 * Returns 0 or negative, err filled: -ENOENT (no such container), -EEXIST (several; the text names
 * two), -ESRCH (it does not run).
 */
int explain_read(int root, const char *name, struct explain *explain, struct err *err);
