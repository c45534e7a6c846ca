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
#include "config/base/log.h"
#include "config/json.h"

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

int64_t job_boot_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

const struct datapath *job_datapath(const struct verbs_parts *parts, const char *name)
{
	for (size_t i = 0; parts->datapaths[i]; i++) {
		if (strcmp(parts->datapaths[i]->name, name) == 0)
			return parts->datapaths[i];
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
		.lock = -1,
		.until_ms = job_now_ms() + JOB_BUDGET_MS,
	};
	code = netconf_parse(config, len, &job->netconf, err);
	if (code < 0)
		return code;
	job->ipam = parts->ipam_of(&job->netconf);
	job->datapath = job_datapath(parts, datapath_text(job->netconf.datapath));
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
	const struct netconf *netconf = &job->netconf;
	char text[ADDRESS_TEXT_ROOM];
	struct err err = { 0 };
	int code;

	if (job->parts->may_use(address, job->host_name))
		return true;
	if (netconf->ipam != IPAM_IMDS)
		return false;
	/* Azure gave it for this host's pods: nobody but the host itself can have it */
	address_format(address, false, text);
	if (!netconf->claim_host_addresses) {
		log_warn(job->args->container,
			 "%s is left where it is; if it is bound on the host's NIC, "
			 "\"claimHostAddresses\": true lets pods have it",
			 text);
		return false;
	}
	code = job->parts->claim(address, netconf->master, &err);
	if (code < 0)
		log_warn(job->args->container, "%s cannot be taken from the host: %s", text,
			 err.msg);
	return code == 0 && job->parts->may_use(address, job->host_name);
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
		.lock = job->lock,
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
		.attachment = job->args->ifname,
		.host_name = job->host_name,
		.netns = job->netns,
		.netns_path = job->args->netns,
		.master = netconf->master,
		.mtu = netconf->mtu,
		.flowtable = netconf->flowtable,
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
