/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cni/error.h"
#include "cni/netconf_guards.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/json.h"

enum { JOB_CONFIG_MAX_BYTES = 64 << 10, JOB_UNDO_MS = 5000 };

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t job_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t job_real_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

static const struct datapath *datapath_named(const struct verbs_parts *parts, const char *name)
{
	for (size_t i = 0; parts->datapaths[i]; i++) {
		if (strcmp(parts->datapaths[i]->name, name) == 0)
			return parts->datapaths[i];
	}
	return NULL;
}

static const struct ipam *ipam_named(const struct verbs_parts *parts, const char *name)
{
	for (size_t i = 0; parts->ipams[i]; i++) {
		if (strcmp(parts->ipams[i]->name, name) == 0)
			return parts->ipams[i];
	}
	return NULL;
}

static const char *datapath_text(enum netconf_datapath datapath)
{
	static const char *const names[] = {
		[DATAPATH_ROUTED] = "routed",
		[DATAPATH_NIC] = "nic",
		[DATAPATH_IPVLAN] = "ipvlan",
		[DATAPATH_NETKIT] = "netkit",
	};

	return names[datapath];
}

int job_init(struct job *job, const struct verbs_parts *parts, const struct cni_args *args,
	     const char *config, size_t len, struct err *err)
{
	int code;

	*job = (struct job){
		.parts = parts,
		.args = args,
		.config = config,
		.config_len = len,
		.dir = -1,
		.netns = -1,
		.until_ms = job_now_ms() + JOB_BUDGET_MS,
	};
	code = netconf_parse(config, len, &job->netconf, err);
	if (code < 0)
		return code;
	job->ipam = parts->ipam_of(&job->netconf);
	job->datapath = datapath_named(parts, datapath_text(job->netconf.datapath));
	lease_key(args->container, args->ifname, job->key);
	lease_host_name(job->key, job->host_name);
	return 0;
}

void job_done(struct job *job)
{
	netconf_done(&job->netconf);
	job->dir = fd_close(job->dir);
	job->netns = fd_close(job->netns);
}

int job_open(struct job *job, struct err *err)
{
	return lease_open(job->parts->root, job->netconf.name, &job->dir, err);
}

/* The caller of CNI_NETNS_OVERRIDE means even our own. */
static int open_any(const char *path, int *netns, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return cni_err(err, CNI_NETNS_INVALID, "CNI_NETNS: \"%s\": %s", path,
			       err_reason(errno));
	*netns = fd;
	return 0;
}

int job_enter(struct job *job, const char *path, struct err *err)
{
	own_fd int netns = -1;
	struct stat info;
	int code;

	if (job->args->netns_override)
		code = open_any(path, &netns, err);
	else
		code = job->parts->netns_open(path, &netns, err);
	if (code != 0)
		return code;
	if (fstat(netns, &info) < 0)
		return cni_err(err, CNI_NETNS_INVALID, "CNI_NETNS: \"%s\": %s", path,
			       err_reason(errno));
	job->netns_dev = info.st_dev;
	job->netns_ino = info.st_ino;
	job->netns = fd_take(&netns);
	return 0;
}

int job_check_parts(const struct job *job, struct err *err)
{
	if (!job->datapath)
		return cni_err(err, CNI_FIELD_UNSUPPORTED,
			       "datapath: \"%s\": is not in this program",
			       datapath_text(job->netconf.datapath));
	if (!job->ipam)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "ipam.type: \"\": must name a source of addresses");
	return 0;
}

static bool may_use(void *owner, const struct address *address)
{
	const struct job *job = owner;

	return job->parts->may_use(address, job->host_name);
}

struct ipam_request job_request(struct job *job)
{
	return (struct ipam_request){
		.netconf = &job->netconf,
		.args = job->args,
		.config = job->config,
		.config_len = job->config_len,
		.dir = job->dir,
		.key = job->key,
		.until_ms = job->until_ms,
		.may_use = may_use,
		.owner = job,
	};
}

struct datapath_plan job_plan(const struct job *job)
{
	const struct netconf *netconf = &job->netconf;
	struct datapath_plan plan = {
		.container = job->args->container,
		.ifname = job->args->ifname,
		.host_name = job->host_name,
		.netns = job->netns,
		.netns_path = job->args->netns,
		.master = netconf->master,
		.mtu = netconf->mtu,
		.guards = netconf_guards(netconf),
		.leave_pair = netconf->removal == REMOVAL_NAMESPACE,
	};

	if (netconf->has_mac)
		plan.pod_mac = netconf->mac;
	else if (job->args->has_mac)
		plan.pod_mac = job->args->mac;
	else
		lease_mac(job->key, &plan.pod_mac);
	return plan;
}

/* ---- undoing ---- */

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

	if (lease && lease->datapath && datapath_named(job->parts, lease->datapath))
		datapath = datapath_named(job->parts, lease->datapath);
	if (!datapath)
		datapath = datapath_named(job->parts, "routed");
	for (size_t i = 0; lease && i < lease->n_ips; i++) {
		ips[i] = (struct cni_ip){ .address = lease->ips[i], .interface = -1 };
		plan.n_ips = i + 1;
	}
	plan.ips = ips;
	if (lease && lease->has_nic)
		plan.nic_mac = lease->nic_mac;
	return datapath ? datapath->del(&plan, err) : 0;
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
	struct err said = { 0 };
	int code = 0;

	/* what was made must go, even when making it took all the time there was */
	if (job->until_ms < job_now_ms() + JOB_UNDO_MS)
		job->until_ms = job_now_ms() + JOB_UNDO_MS;
	/* one that fails must not keep the other: an address is worth more than a link */
	keep_first(&code, err, disconnect(job, lease, &said), &said);
	keep_first(&code, err, give_back(job, lease, &said), &said);
	if (code == 0)
		code = lease_remove(job->dir, job->key, err);
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
		code = buf_add_text(out, parts[i], JOB_CONFIG_MAX_BYTES);
		if (code == 0 && i < sizeof(values) / sizeof(values[0]))
			code = json_put_string(out, values[i], JOB_CONFIG_MAX_BYTES);
	}
	return code;
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
		   struct err *err)
{
	struct cni_args args = {
		.verb = CNI_DEL,
		.container = lease->container,
		.netns = lease->netns ? lease->netns : "",
		.ifname = lease->ifname,
		.path = lease->path ? lease->path : "",
	};
	struct buf config = { 0 };
	struct job job = { .dir = -1, .netns = -1 };
	int code = config_of(network, lease, &config);

	memcpy(args.pod, lease->pod, sizeof(args.pod));
	memcpy(args.pod_namespace, lease->pod_namespace, sizeof(args.pod_namespace));
	memcpy(args.pod_uid, lease->pod_uid, sizeof(args.pod_uid));
	if (code < 0)
		(void)err_set(err, code, "configuration of a lease: %s", err_reason(-code));
	if (code == 0)
		code = job_init(&job, parts, &args, (const char *)config.data, config.len, err);
	if (code == 0)
		code = job_open(&job, err);
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
	own_fd int lock = -1;
	struct lease lease = { 0 };
	struct err said = { 0 };

	if (lease_is_alive(dead->dir, seen) ||
	    lease_lock(dead->dir, seen->key, 0, &lock, &said) != 0)
		return 0;
	/* another may have come while nobody held the lock; ours is held now, which makes a pending
	 * one look alive: it is not, for we hold it */
	if (lease_read(dead->dir, seen->key, &lease, &said) == 0 &&
	    (lease.state == LEASE_PENDING || !lease_is_alive(dead->dir, &lease))) {
		int code = job_undo_lease(dead->parts, dead->network, &lease, &said);

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
