/* SPDX-License-Identifier: Apache-2.0 */
/* Undoing what was made for an attachment, by whoever comes to it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cni/error.h"
#include "cni/job.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/json.h"

enum { JOB_UNDO_MS = 5000, JOB_ARGS_ROOM = 1024 };

static const struct ipam *ipam_named(const struct verbs_parts *parts, const char *name)
{
	for (size_t i = 0; parts->ipams[i]; i++) {
		if (strcmp(parts->ipams[i]->name, name) == 0)
			return parts->ipams[i];
	}
	return NULL;
}

static void keep_first(int *code, struct err *err, int next, const struct err *said)
{
	if (next >= 0 || *code < 0)
		return;
	*code = next;
	*err = *said;
}

static int disconnect(struct job *job, const struct lease *lease, struct err *err)
{
	struct datapath_plan plan = job_plan(job);
	const struct datapath *datapath = job->datapath;
	struct cni_ip ips[LEASE_IPS_MAX];

	if (lease && lease->datapath && job_datapath(job->parts, lease->datapath))
		datapath = job_datapath(job->parts, lease->datapath);
	if (!datapath)
		datapath = job_datapath(job->parts, "routed");
	if (!datapath || datapath == job_datapath(job->parts, "nic"))
		return 0;
	for (size_t i = 0; lease && i < lease->n_ips; i++) {
		ips[i] = (struct cni_ip){ .address = lease->ips[i], .interface = -1 };
		plan.n_ips = i + 1;
	}
	plan.ips = ips;
	return datapath->del(&plan, err);
}

/*
 * The pod's own NICs, all at once and by their marks: of what an attachment had when its lease is
 * lost, they alone tell. No other source of addresses gives any.
 */
static int bring_home(struct job *job, const struct lease *lease, struct err *err)
{
	const struct datapath *nic = job_datapath(job->parts, "nic");
	struct datapath_plan plan = job_plan(job);

	if (!nic || (lease ? lease->n_nics == 0 : job->netconf.ipam != IPAM_CNS))
		return 0;
	return nic->del(&plan, err);
}

static int give_back(struct job *job, const struct lease *lease, struct err *err)
{
	struct ipam_request request = job_request(job);
	const struct ipam *ipam = NULL;

	if (lease && lease->ipam)
		ipam = ipam_named(job->parts, lease->ipam);
	if (!ipam)
		ipam = job->ipam;
	return ipam ? ipam->del(&request, err) : 0;
}

int job_undo(struct job *job, const struct lease *lease, struct err *err)
{
	/* the names of links say nothing of networks: without a lease they may be another's */
	bool is_others =
		!lease && lease_exists_anywhere(job->parts->root, job->netconf.name, job->key);
	struct err said = { 0 };
	int code = 0;

	/* what was made must go, even when making it took all the time there was */
	if (job->until_ms < job_now_ms() + JOB_UNDO_MS)
		job->until_ms = job_now_ms() + JOB_UNDO_MS;
	/* one that fails must not keep the others: an address is worth more than a link */
	if (!is_others) {
		keep_first(&code, err, bring_home(job, lease, &said), &said);
		keep_first(&code, err, disconnect(job, lease, &said), &said);
	}
	keep_first(&code, err, give_back(job, lease, &said), &said);
	if (code == 0)
		code = lease_remove(job->dir, job->key, err);
	if (code == 0 && lease)
		lease_pod_forget(job->dir, lease->pod_uid, job->key);
	return code;
}

/* A configuration for a lease that has none in it. */
static int config_of(const char *network, const struct lease *lease, struct buf *out)
{
	static const char *const parts[] = { "{\"cniVersion\":\"1.1.0\",\"name\":",
					     ",\"datapath\":", ",\"ipam\":{\"type\":", "}}" };
	const char *values[] = { network, lease->datapath ? lease->datapath : "routed",
				 lease->ipam ? lease->ipam : "" };
	int code = 0;

	if (lease->config)
		return buf_add_text(out, lease->config, NETCONF_MAX_BYTES);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && code == 0; i++) {
		code = buf_add_text(out, parts[i], NETCONF_MAX_BYTES);
		if (code == 0 && i < sizeof(values) / sizeof(values[0]))
			code = json_put_string(out, values[i], NETCONF_MAX_BYTES);
	}
	return code;
}

/* As Kubernetes' runtimes put it, for sources that want it at DEL, too; "" for no pod of theirs. */
static void args_of(const struct lease *lease, char text[JOB_ARGS_ROOM])
{
	text[0] = '\0';
	if (lease->pod[0])
		(void)snprintf(text, JOB_ARGS_ROOM,
			       "IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;"
			       "K8S_POD_INFRA_CONTAINER_ID=%.255s;K8S_POD_UID=%s",
			       lease->pod_namespace, lease->pod, lease->container, lease->pod_uid);
}

/* The namespace of a lease, if it is still the one that was noted. */
static void enter_again(struct job *job, const struct lease *lease)
{
	struct err ignored;

	if (!lease->netns || job_enter(job, lease->netns, &ignored) != 0)
		return;
	if (job->netns_dev != lease->netns_dev || job->netns_ino != lease->netns_ino)
		job->netns = fd_close(job->netns);
}

int job_undo_lease(const struct verbs_parts *parts, const char *network, const struct lease *lease,
		   int lock, struct err *err)
{
	char text[JOB_ARGS_ROOM];
	struct cni_args args = {
		.verb = CNI_DEL,
		.container = lease->container,
		.netns = lease->netns ? lease->netns : "",
		.ifname = lease->ifname,
		.path = lease->path ? lease->path : "",
		.text = text,
	};
	struct buf config = { 0 };
	struct job job = { .dir = -1, .netns = -1, .lock = -1 };
	int code = config_of(network, lease, &config);

	args_of(lease, text);
	memcpy(args.pod, lease->pod, sizeof(args.pod));
	memcpy(args.pod_namespace, lease->pod_namespace, sizeof(args.pod_namespace));
	memcpy(args.pod_uid, lease->pod_uid, sizeof(args.pod_uid));
	if (code < 0)
		(void)err_set(err, code, "configuration of a lease: %s", err_reason(-code));
	if (code == 0)
		code = job_init(&job, parts, &args, (const char *)config.data, config.len, err);
	if (code == 0)
		code = job_open(&job, err);
	job.lock = lock;
	if (code == 0) {
		enter_again(&job, lease);
		code = job_undo(&job, lease, err);
	}
	job_done(&job);
	buf_done(&config);
	return code;
}

struct dead {
	const struct verbs_parts *parts;
	const char *network;
	int dir;
	int undone;
	int code;
	struct err *err;
};

static int undo_if_dead(void *owner, const struct lease *seen)
{
	struct dead *dead = owner;
	own_lock int lock = -1;
	struct lease lease = { 0 };
	struct err said = { 0 };

	if (lease_is_alive(dead->dir, seen) ||
	    lease_lock(dead->dir, seen->key, 0, &lock, &said) != 0)
		return 0;
	/* another may have come while nobody held the lock; ours is held now, which makes a pending
	 * one look alive: it is not, for we hold it */
	if (lease_read(dead->dir, seen->key, &lease, &said) == 0 &&
	    (lease.state == LEASE_PENDING || !lease_is_alive(dead->dir, &lease))) {
		int code = job_undo_lease(dead->parts, dead->network, &lease, lock, &said);

		dead->undone += code == 0;
		keep_first(&dead->code, dead->err, code, &said);
	}
	lease_done(&lease);
	return 0;
}

int job_undo_dead(const struct verbs_parts *parts, const char *network, int dir, struct err *err)
{
	struct dead dead = { parts, network, dir, 0, 0, err };
	int code = lease_each(dir, undo_if_dead, &dead, err);

	if (code == 0)
		code = dead.code;
	return code < 0 ? code : dead.undone;
}

static int undo_elsewhere(void *owner, const char *network, int dir, struct err *err)
{
	const struct job *job = owner;
	struct dead dead = { job->parts, network, dir, 0, 0, err };
	struct lease lease = { 0 };
	struct err ignored;

	if (strcmp(network, job->netconf.name) == 0 || !lease_exists(dir, job->key))
		return 0;
	if (lease_read(dir, job->key, &lease, &ignored) == 0)
		(void)undo_if_dead(&dead, &lease);
	lease_done(&lease);
	if (dead.code < 0 || !lease_exists(dir, job->key))
		return dead.code;
	return cni_err(err, CNI_INTERFACE_EXISTS, "%s of %s is there already, by the network %s",
		       job->args->ifname, job->args->container, network);
}

int job_undo_elsewhere(struct job *job, struct err *err)
{
	return lease_each_network(job->parts->root, undo_elsewhere, job, err);
}

void job_undo_former(const struct job *job)
{
	char key[LEASE_KEY_ROOM];
	struct lease lease = { 0 };
	struct err said = { 0 };
	struct dead dead = { job->parts, job->netconf.name, job->dir, 0, 0, &said };

	if (!lease_pod_put(job->dir, job->args->pod_uid, job->key, key) ||
	    lease_read(job->dir, key, &lease, &said) < 0)
		return;
	if (strcmp(lease.pod_uid, job->args->pod_uid) == 0)
		(void)undo_if_dead(&dead, &lease);
	lease_done(&lease);
}
