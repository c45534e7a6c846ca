/* SPDX-License-Identifier: Apache-2.0 */
/* One attachment that a verb works on: its configuration, its folder, its names, its deadline. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cni/args.h"
#include "cni/datapath/datapath.h"
#include "cni/ipam/ipam.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "cni/verbs.h"

struct buf;
struct err;

enum { JOB_BUDGET_MS = 15000 };

struct job {
	const struct verbs_parts *parts;
	const struct cni_args *args;
	const char *config; /* borrowed */
	size_t config_len;
	struct netconf netconf;		 /* owned */
	const struct ipam *ipam;	 /* NULL: the configuration names none */
	const struct datapath *datapath; /* NULL: not in this program */
	int dir;			 /* owned; of the network, or -1 */
	int netns;			 /* owned, or -1 */
	int lock;			 /* of the attachment; borrowed, or -1: not held */
	uint64_t netns_dev;
	uint64_t netns_ino;
	int64_t until_ms; /* CLOCK_MONOTONIC */
	char key[LEASE_KEY_ROOM];
	char host_name[CNI_NAME_ROOM];
};

/*
 * Read the configuration and work out the names.
 *
 * parts, args, config   borrowed as long as the job lives
 *
 * Returns as netconf_parse. A job is to be given to job_done in every case.
 */
int job_init(struct job *job, const struct verbs_parts *parts, const struct cni_args *args,
	     const char *config, size_t len, struct err *err);
void job_done(struct job *job);

/* Open the folder of the network. Returns as lease_open. */
int job_open(struct job *job, struct err *err);

/* Open a namespace by its path. Returns 0, 1 (there is none) or CNI_NETNS_INVALID. */
int job_enter(struct job *job, const char *path, struct err *err);

/* CNI_FIELD_UNSUPPORTED or CNI_CONFIG_INVALID when datapath or source of addresses are missing. */
int job_check_parts(const struct job *job, struct err *err);

/* A way to connect pods by its name; NULL: not in this program. */
const struct datapath *job_datapath(const struct verbs_parts *parts, const char *name);

/* What the parts are asked with; everything in it is borrowed from the job. */
struct ipam_request job_request(struct job *job);
struct datapath_plan job_plan(const struct job *job);

/* Milliseconds of CLOCK_MONOTONIC, and of CLOCK_BOOTTIME. */
int64_t job_now_ms(void);
int64_t job_boot_ms(void);

/*
 * Disconnect, give the addresses back, remove the lease; what is not there is success. All steps
 * are taken, the first failure is told; after one the lease stays.
 *
 * lease   NULL: none; names are worked out, unless another network has a lease of theirs
 */
int job_undo(struct job *job, const struct lease *lease, struct err *err);

/*
 * As job_undo for a lease of anybody, with the configuration that is in it.
 *
 * network   name of the lease's network
 * lock      the lease's, which the caller holds; -1: it could not be had
 */
int job_undo_lease(const struct verbs_parts *parts, const char *network, const struct lease *lease,
		   int lock, struct err *err);

/* Undo all dead leases of a folder whose lock is free. Returns how many were, or negative: the
 * first failure, after all were tried. */
int job_undo_dead(const struct verbs_parts *parts, const char *network, int dir, struct err *err);

/*
 * Undo what other networks hold for the attachment, when it is dead: links have names of container
 * and interface alone. Two that come at once may both be refused.
 *
 * Returns 0, CNI_INTERFACE_EXISTS (it lives, or somebody works on it), or negative.
 */
int job_undo_elsewhere(struct job *job, struct err *err);

/* Note the attachment as its pod's; undo what the pod had before, when its namespace is gone. What
 * fails is left to GC. */
void job_undo_former(const struct job *job);
