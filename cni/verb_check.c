/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "cni/error.h"
#include "cni/job.h"
#include "cni/verbs.h"
#include "config/base/err.h"

/* Is it an address of our interface in the result of the whole chain? */
static bool is_ours(const struct job *job, const struct cni_result *prev, const struct cni_ip *ip)
{
	const struct cni_interface *interface;

	if (ip->interface < 0)
		return true;
	interface = &prev->interfaces[ip->interface];
	return interface->sandbox && strcmp(interface->name, job->args->ifname) == 0;
}

static bool lease_has(const struct lease *lease, const struct address *address)
{
	for (size_t i = 0; i < lease->n_ips; i++) {
		if (address_equal(&lease->ips[i], address))
			return true;
	}
	return false;
}

static int check_lease(const struct job *job, const struct lease *lease, const struct cni_ip *ips,
		       size_t n_ips, struct err *err)
{
	char text[ADDRESS_TEXT_ROOM];

	if (lease->state != LEASE_BOUND)
		return cni_err(err, CNI_CHECK_FAILED, "the ADD of %s of %s did not end",
			       job->args->ifname, job->args->container);
	if (lease->netns_dev != job->netns_dev || lease->netns_ino != job->netns_ino)
		return cni_err(err, CNI_CHECK_FAILED, "%s is another namespace than at ADD",
			       job->args->netns);
	for (size_t i = 0; i < n_ips; i++) {
		address_format(&ips[i].address, false, text);
		if (!lease_has(lease, &ips[i].address))
			return cni_err(err, CNI_CHECK_FAILED, "%s is not held for %s", text,
				       job->args->container);
	}
	if (n_ips == lease->n_ips)
		return 0;
	return cni_err(err, CNI_CHECK_FAILED, "prevResult has %zu addresses, %zu are held", n_ips,
		       lease->n_ips);
}

/* What is said of a link of the pod in the result of the whole chain; -1: nothing. */
static int find_interface(const struct cni_result *prev, const char *name)
{
	for (size_t i = 0; i < prev->n_interfaces; i++) {
		if (strcmp(prev->interfaces[i].name, name) == 0 && prev->interfaces[i].sandbox)
			return (int)i;
	}
	return -1;
}

/* The link that the configured way has made. */
static int check_first(struct job *job, const struct lease *lease, const struct cni_ip *ips,
		       size_t n_ips, struct err *err)
{
	const struct cni_result *prev = job->netconf.prev;
	struct datapath_plan plan = job_plan(job);
	int at = find_interface(prev, job->args->ifname);

	plan.ips = ips;
	plan.n_ips = n_ips;
	plan.routes = prev->routes;
	/* with NICs besides, a result does not say which route is whose: those look at all */
	plan.n_routes = lease->n_nics > 0 ? 0 : prev->n_routes;
	plan.skip_default_route = lease->n_nics > 0;
	/* a plugin behind us may have given it another one */
	if (at >= 0 && prev->interfaces[at].has_mac) {
		plan.mac_changed = !mac_equal(&plan.pod_mac, &prev->interfaces[at].mac);
		plan.pod_mac = prev->interfaces[at].mac;
	}
	return job->datapath->check(&plan, prev, err);
}

/* Is it a function for RDMA that is no link, and listed as such? */
static bool is_listed_only(const struct cni_result *prev, const struct lease_nic *nic)
{
	for (size_t i = 0; i < prev->n_interfaces; i++) {
		const struct cni_interface *interface = &prev->interfaces[i];

		if (!interface->sandbox && interface->has_mac &&
		    mac_equal(&interface->mac, &nic->mac) &&
		    strcmp(interface->name, nic->ifname) == 0)
			return true;
	}
	return false;
}

static int check_nic(struct job *job, const struct lease_nic *nic, struct err *err)
{
	const struct datapath *datapath = job_datapath(job->parts, "nic");
	const struct cni_result *prev = job->netconf.prev;
	struct datapath_plan plan = job_plan(job);
	struct cni_ip ips[CNI_IPS_MAX];
	int at = find_interface(prev, nic->ifname);

	if (!datapath || is_listed_only(prev, nic))
		return 0;
	if (at < 0)
		return cni_err(err, CNI_CHECK_FAILED, "prevResult does not have the NIC %s",
			       nic->ifname);
	for (size_t i = 0; i < prev->n_ips; i++) {
		if (prev->ips[i].interface == at)
			ips[plan.n_ips++] = prev->ips[i];
	}
	plan.ips = ips;
	plan.ifname = nic->ifname;
	plan.nic_mac = nic->mac;
	return datapath->check(&plan, prev, err);
}

static int check_parts(struct job *job, const struct lease *lease, const struct cni_ip *ips,
		       size_t n_ips, struct err *err)
{
	struct ipam_request request = job_request(job);
	bool is_nic = job->netconf.datapath == DATAPATH_NIC;
	/* addresses of NICs are nobody's but the NIC's */
	int code = job->ipam->check(&request, ips, is_nic ? 0 : n_ips, err);

	if (code == 0 && !is_nic)
		code = check_first(job, lease, ips, n_ips, err);
	for (size_t i = 0; code == 0 && i < lease->n_nics; i++)
		code = check_nic(job, &lease->nics[i], err);
	return code;
}

static int check_all(struct job *job, struct err *err)
{
	const struct cni_result *prev = job->netconf.prev;
	struct cni_ip ips[CNI_IPS_MAX];
	struct lease lease = { 0 };
	size_t n_ips = 0;
	int code;

	for (size_t i = 0; i < prev->n_ips; i++) {
		if (is_ours(job, prev, &prev->ips[i]))
			ips[n_ips++] = prev->ips[i];
	}
	code = lease_read(job->dir, job->key, &lease, err);
	if (code == -ENOENT || code == -EBADMSG)
		code = cni_err(err, CNI_CHECK_FAILED, "nothing is held for %s of %s",
			       job->args->ifname, job->args->container);
	if (code == 0)
		code = check_lease(job, &lease, ips, n_ips, err);
	if (code == 0)
		code = check_parts(job, &lease, ips, n_ips, err);
	lease_done(&lease);
	return code;
}

int verb_check(struct job *job, struct err *err)
{
	int code = job_check_parts(job, err);

	if (code < 0)
		return code;
	if (!job->netconf.prev)
		return cni_err(err, CNI_CONFIG_INVALID, "prevResult: %s",
			       job->netconf.prev_error ? job->netconf.prev_error : "is missing");
	code = job_enter(job, job->args->netns, err);
	if (code > 0)
		code = cni_err(err, CNI_NETNS_INVALID,
			       "CNI_NETNS: \"%s\": there is no such namespace", job->args->netns);
	if (code == 0)
		code = job_open(job, err);
	return code < 0 ? code : check_all(job, err);
}
