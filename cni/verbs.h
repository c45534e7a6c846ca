/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of CNI. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct address;
struct buf;
struct cni_args;
struct datapath;
struct err;
struct ipam;
struct netconf;

/* What the verbs are made of; main.c says which, tests say others. All borrowed. */
struct verbs_parts {
	const char *root;		 /* above the folders of all networks */
	const char *confs;		 /* where runtimes keep configurations */
	const struct ipam *const *ipams; /* ends with NULL; found by name */
	const struct datapath *const *datapaths;
	const struct ipam *(*ipam_of)(const struct netconf *netconf);
	int (*netns_open)(const char *path, int *netns, struct err *err);
	bool (*may_use)(const struct address *address, const char *host_name);
	int (*claim)(const struct address *address, const char *master, struct err *err);
	int (*datapath_gc)(bool (*is_alive)(void *owner, const char *container, const char *ifname),
			   void *owner, struct err *err);
};

/*
 * Do what the runtime asks for.
 *
 * config, len   what came on stdin
 * out           appended to: what goes to stdout after success
 * version       enum cni_version to answer in; written as soon as it is known
 *
 * Returns 0 or negative with a code of error.h.
 *
 * Source: CNI spec 1.1.0, section 2.
 */
int verbs_run(const struct verbs_parts *parts, const struct cni_args *args, const char *config,
	      size_t len, struct buf *out, unsigned int *version, struct err *err);

/* The verbs, one each; what verbs_run does for them is done. */
struct job;
int verb_add(struct job *job, struct buf *out, struct err *err);
int verb_del(struct job *job, struct err *err);
int verb_check(struct job *job, struct err *err);
int verb_status(struct job *job, struct err *err);
int verb_gc(struct job *job, struct err *err);

/* Print a table of all leases below the root. Returns 0 or negative. */
int verbs_leases(const struct verbs_parts *parts, FILE *out, struct err *err);

/*
 * Undo everything below the root that is for nobody any more; give back addresses that are held for
 * nobody; remove what is in the network for nobody.
 *
 * Returns how many leases and links were undone, or negative: the first failure, after everything
 * was tried.
 */
int verbs_reconcile(const struct verbs_parts *parts, struct err *err);

/*
 * Bring up to date what sources of addresses keep (IMDS), for every configuration of ours in a file
 * or a folder.
 *
 * Returns for how many, or negative: the first failure, after everything was tried.
 */
int verbs_refresh(const struct verbs_parts *parts, const char *path, struct err *err);
