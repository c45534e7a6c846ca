/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cni/confs.h"
#include "cni/error.h"
#include "cni/job.h"
#include "cni/verbs.h"
#include "config/base/buf.h"
#include "config/base/err.h"

/* A walk over leases or networks that goes on behind failures and tells the first. */
struct walk {
	const struct verbs_parts *parts;
	struct job *job; /* GC's */
	const char *network;
	int dir;
	int64_t before_ms; /* leases of later are of pods that a list cannot know */
	int undone;
	int code;
	struct err *err;
	FILE *out;
	char *config; /* owned; of any lease of the network */
};

static void note(struct walk *walk, int code, const struct err *said)
{
	if (code >= 0 || walk->code < 0)
		return;
	walk->code = code;
	*walk->err = *said;
}

/* ---- GC ---- */

static bool is_valid(const struct netconf *netconf, const char *container, const char *ifname)
{
	for (size_t i = 0; i < netconf->n_attachments; i++) {
		if (strcmp(netconf->attachments[i].container, container) == 0 &&
		    strcmp(netconf->attachments[i].ifname, ifname) == 0)
			return true;
	}
	return false;
}

static int undo_if_invalid(void *owner, const struct lease *seen)
{
	struct walk *walk = owner;
	own_lock int lock = -1;
	struct lease lease = { 0 };
	struct err said = { 0 };

	if (is_valid(&walk->job->netconf, seen->container, seen->ifname) ||
	    seen->since_ms > walk->before_ms ||
	    lease_lock(walk->dir, seen->key, 0, &lock, &said) != 0)
		return 0;
	if (lease_read(walk->dir, seen->key, &lease, &said) == 0 &&
	    lease.since_ms <= walk->before_ms)
		note(walk, job_undo_lease(walk->parts, walk->network, &lease, lock, &said), &said);
	lease_done(&lease);
	return 0;
}

/* A host end lives while its attachment is valid, or a lease of any network is there for it. */
static bool end_is_alive(void *owner, const char *container, const char *ifname)
{
	const struct walk *walk = owner;
	char key[LEASE_KEY_ROOM];

	if (walk->job && is_valid(&walk->job->netconf, container, ifname))
		return true;
	lease_key(container, ifname, key);
	return lease_exists_anywhere(walk->parts->root, NULL, key);
}

static bool key_is_alive(void *owner, const char *key)
{
	const struct walk *walk = owner;

	if (lease_exists(walk->dir, key))
		return true;
	for (size_t i = 0; walk->job && i < walk->job->netconf.n_attachments; i++) {
		const struct netconf_attachment *valid = &walk->job->netconf.attachments[i];
		char valid_key[LEASE_KEY_ROOM];

		lease_key(valid->container, valid->ifname, valid_key);
		if (strcmp(valid_key, key) == 0)
			return true;
	}
	return false;
}

int verb_gc(struct job *job, struct err *err)
{
	struct walk walk = { .parts = job->parts,
			     .job = job,
			     .network = job->netconf.name,
			     .before_ms = job_boot_ms(),
			     .err = err };
	struct ipam_request request;
	struct err said = { 0 };
	int code;

	if (!job->netconf.has_attachments)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "cni.dev/valid-attachments: is missing: nothing is known of who "
			       "lives");
	code = job_open(job, err);
	if (code < 0)
		return code;
	walk.dir = job->dir;
	note(&walk, lease_each(job->dir, undo_if_invalid, &walk, &said), &said);
	lease_sweep(job->dir);
	note(&walk, job->parts->datapath_gc(end_is_alive, &walk, &said), &said);
	request = job_request(job);
	if (job->ipam)
		note(&walk, job->ipam->gc(&request, key_is_alive, &walk, &said), &said);
	return walk.code;
}

/* ---- for people ---- */

static int print_lease(void *owner, const struct lease *lease)
{
	struct walk *walk = owner;
	char ip[ADDRESS_TEXT_ROOM];

	(void)fprintf(walk->out, "%-16s %-20.20s %-12s %-8s %-6s", walk->network, lease->container,
		      lease->ifname, lease->state == LEASE_BOUND ? "bound" : "pending",
		      lease_is_alive(walk->dir, lease) ? "alive" : "dead");
	for (size_t i = 0; i < lease->n_ips; i++) {
		address_format(&lease->ips[i], false, ip);
		(void)fprintf(walk->out, "%s%s", i ? "," : " ", ip);
	}
	(void)fprintf(walk->out, "\n");
	return 0;
}

static int print_network(void *owner, const char *network, int dir, struct err *err)
{
	struct walk *walk = owner;

	walk->network = network;
	walk->dir = dir;
	return lease_each(dir, print_lease, walk, err);
}

int verbs_leases(const struct verbs_parts *parts, FILE *out, struct err *err)
{
	struct walk walk = { .parts = parts, .err = err, .out = out };

	(void)fprintf(out, "%-16s %-20s %-12s %-8s %-6s %s\n", "NETWORK", "CONTAINER", "INTERFACE",
		      "STATE", "ALIVE", "ADDRESSES");
	return lease_each_network(parts->root, print_network, &walk, err);
}

static int keep_config(void *owner, const struct lease *lease)
{
	struct walk *walk = owner;

	if (!lease->config)
		return 0;
	walk->config = strdup(lease->config);
	return walk->config ? 1 : -ENOMEM;
}

/* Of the network, from where runtimes keep them: when no lease has one. */
static int keep_conf(void *owner, const char *json, size_t len, struct err *err)
{
	struct walk *walk = owner;
	struct netconf netconf = { 0 };
	int code = netconf_parse(json, len, &netconf, err);

	if (code == 0 && !walk->config && netconf.name &&
	    strcmp(netconf.name, walk->network) == 0) {
		walk->config = strndup(json, len);
		if (!walk->config)
			code = err_set(err, -ENOMEM, "no memory");
	}
	netconf_done(&netconf);
	return code;
}

/* Give back addresses for which there is no lease; as the configuration says. */
static int collect(struct walk *walk, struct err *err)
{
	struct cni_args args = {
		.verb = CNI_GC, .container = "", .netns = "", .ifname = "", .path = "", .text = ""
	};
	struct ipam_request request;
	struct job job;
	int code;

	if (!walk->config)
		return 0;
	code = job_init(&job, walk->parts, &args, walk->config, strlen(walk->config), err);
	if (code == 0)
		code = job_open(&job, err);
	request = job_request(&job);
	/* other plugins look after themselves */
	if (code == 0 && job.ipam && job.netconf.ipam != IPAM_DELEGATE)
		code = job.ipam->gc(&request, key_is_alive, walk, err);
	job_done(&job);
	return code;
}

static int reconcile_network(void *owner, const char *network, int dir, struct err *err)
{
	struct walk *walk = owner;
	struct err said = { 0 };
	int code;

	walk->network = network;
	walk->dir = dir;
	(void)lease_each(walk->dir, keep_config, walk, &said);
	if (!walk->config && walk->parts->confs)
		(void)confs_each(walk->parts->confs, keep_conf, walk, &said);
	code = job_undo_dead(walk->parts, walk->network, walk->dir, err);
	if (code > 0)
		walk->undone += code;
	note(walk, code, err);
	lease_sweep(walk->dir);
	code = collect(walk, err);
	free(walk->config);
	walk->config = NULL;
	return code;
}

int verbs_reconcile(const struct verbs_parts *parts, struct err *err)
{
	struct walk walk = { .parts = parts, .err = err };
	struct err said = { 0 };
	int code = lease_each_network(parts->root, reconcile_network, &walk, &said);
	int ends;

	note(&walk, code, &said);
	/* what no lease of any network speaks for, after the leases of the dead are gone */
	ends = parts->datapath_gc(end_is_alive, &walk, &said);
	note(&walk, ends, &said);
	walk.undone += ends > 0 ? ends : 0;
	return walk.code < 0 ? walk.code : walk.undone;
}
