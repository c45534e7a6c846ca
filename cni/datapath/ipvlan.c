/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link of the pod's own on the NIC of the host, in mode L3S: it sends with the NIC's MAC and
 * needs neither routes nor forwarding on the host. There is no end on the host, and that is its
 * limit:
 *
 *   - a pod and its host cannot talk: answers of the host go out to the fabric;
 *   - what forwards on the host does not see the pod: portmap, bandwidth, firewall, kube-proxy;
 *   - nothing closes WireServer and IMDS: the kernel looks up routes for the pod with the NIC
 * given, and takes what a rule forbids for on-link (net/ipv4/route.c,
 * ip_route_output_key_hash_rcu). Measured on Linux 6.12: rules with prohibit, by port and by
 * source, let it pass. So guards must be switched off by name;
 *   - one mode for all links on a NIC.
 *
 * Source: drivers/net/ipvlan/ipvlan_core.c, ipvlan_l3s.c.
 */
#include "cni/datapath/ipvlan.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/check.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/route.h"
#include "cni/rtnl.h"

enum { IPVLAN_LOOPBACK = 1 };

/* Where an attachment stands. */
struct ipvlan_work {
	const struct datapath_plan *plan;
	struct rtnl_batch *batch;
	struct rtnl *host;
	char alias[LINK_ALIAS_ROOM];
	struct link nic;
	uint32_t mtu;
	struct pod_routes routes;
};

static int ipvlan_check_plan(const struct datapath_plan *plan, struct err *err)
{
	const struct guards *guards = &plan->guards;

	if (guards->wireserver != GUARDS_CLOSE && guards->imds != GUARDS_CLOSE &&
	    guards->n_also == 0)
		return 0;
	return cni_err(err, CNI_CONFIG_INVALID,
		       "datapath: \"ipvlan\": nothing can close %s to these pods: accept that with "
		       "\"guards\": { \"wireserver\": false, \"imds\": false }, or set datapath to "
		       "routed",
		       guards->wireserver == GUARDS_CLOSE ? "WireServer"
		       : guards->imds == GUARDS_CLOSE	  ? "IMDS"
							  : "what \"also\" names");
}

static int ipvlan_check_kernel(struct rtnl *host, struct err *err)
{
	return pod_check_kind(host, "ipvlan",
			      "CONFIG_IPVLAN with CONFIG_IPVLAN_L3S (the module ipvlan), or "
			      "\"datapath\": \"routed\"",
			      err);
}

/* May there be links on the NIC? Fills NIC and MTU. */
static int ipvlan_prepare(struct ipvlan_work *work, struct err *err)
{
	int rc = pod_find_nic(work->plan, work->host, &work->nic, err);

	if (rc == 0)
		rc = pod_choose_mtu(work->plan, &work->nic, &work->mtu, err);
	return rc < 0 ? rc : ipvlan_check_mode(work->host, &work->nic, err);
}

/* ---- making and removing -----------------------------------------------------------------------
 */

/* What the kernel's word means. */
static int ipvlan_explain(const struct ipvlan_work *work, int rc, struct err *err)
{
	struct err absent;

	if (rc == -EBUSY)
		return cni_err(
			err, CNI_CONFIG_INVALID,
			"datapath: \"ipvlan\": %s is busy: it is a port of a bridge, bond or "
			"Open vSwitch; or macvlan or another driver has taken what it "
			"receives; or it is the virtual function of a synthetic NIC: give "
			"another \"master\", or set datapath to routed",
			work->nic.name);
	if (rc == -EOPNOTSUPP && ipvlan_check_kernel(work->host, &absent) < 0) {
		*err = absent;
		return absent.code;
	}
	if (rc == -EOPNOTSUPP)
		return cni_err(err, CNI_UNAVAILABLE,
			       "datapath: \"ipvlan\": this kernel has no mode L3S: it needs "
			       "CONFIG_IPVLAN_L3S, or set datapath to routed");
	return rc;
}

/* Ours under the name it was born with, and under the pod's. What is not there is success. */
static int ipvlan_remove(const struct datapath_plan *plan, struct rtnl *pod, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	char alias[LINK_ALIAS_ROOM];
	struct link link = { 0 };
	int rc;

	if (!batch)
		return err->code;
	rc = pod_alias(plan, alias, err);
	if (rc == 0)
		rc = pod_find_link(pod, plan->ifname, &link, err);
	if (rc < 0)
		return rc;
	link_put_delete(batch, plan->host_name);
	rtnl_ignore(batch, ENODEV);
	if (rc == 0 && strcmp(link.kind, "ipvlan") == 0 && strcmp(link.alias, alias) == 0) {
		link_put_delete(batch, plan->ifname);
		rtnl_ignore(batch, ENODEV);
	}
	return rtnl_send(pod, batch, err);
}

/*
 * Born in the pod, under the name that a host's end would have: kernels before 6.14 want the name
 * to be free on the host, too, where eth0 is the NIC itself.
 */
static int ipvlan_create_once(struct ipvlan_work *work, struct err *err)
{
	const struct link_ipvlan link = { .name = work->plan->host_name,
					  .master = work->nic.index,
					  .netns = work->plan->netns,
					  .mtu = work->mtu };

	rtnl_batch_clear(work->batch);
	link_put_ipvlan(work->batch, &link);
	return rtnl_send(work->host, work->batch, err);
}

/* Its mark first: what has the pod's name is then ours without doubt. */
static int ipvlan_name(struct ipvlan_work *work, struct rtnl *pod, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	struct link link = { 0 };
	int rc = pod_find_link(pod, plan->host_name, &link, err);

	if (rc != 0)
		return rc > 0 ? cni_err(err, CNI_IO, "%s went away", plan->host_name) : rc;
	rtnl_batch_clear(work->batch);
	link_put_alias(work->batch, link.index, NULL, work->alias);
	link_put_rename(work->batch, link.index, plan->ifname);
	rc = rtnl_send(pod, work->batch, err);
	if (rc == -EEXIST)
		return cni_err(err, CNI_INTERFACE_EXISTS, "interface %s already exists in %s",
			       plan->ifname, plan->netns_path);
	return rc;
}

static int ipvlan_create(struct ipvlan_work *work, struct rtnl *pod, struct err *err)
{
	struct err ignored;
	int rc = ipvlan_create_once(work, err);

	if (rc == -EEXIST) { /* a leftover: killed before it was renamed */
		rc = ipvlan_remove(work->plan, pod, err);
		if (rc == 0)
			rc = ipvlan_create_once(work, err);
	}
	if (rc < 0)
		return ipvlan_explain(work, rc, err);
	rc = ipvlan_name(work, pod, err);
	if (rc < 0)
		(void)ipvlan_remove(work->plan, pod, &ignored);
	return rc;
}

/* ---- the pod's side ----------------------------------------------------------------------------
 */

static int ipvlan_set_up(struct ipvlan_work *work, struct rtnl *pod, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	struct link link = { 0 };
	int rc = pod_find_link(pod, plan->ifname, &link, err);

	if (rc != 0)
		return rc > 0 ? cni_err(err, CNI_IO, "%s went away", plan->ifname) : rc;
	rtnl_batch_clear(work->batch);
	link_put_no_link_local(work->batch, link.index, NULL);
	link_put_up(work->batch, link.index, NULL, true);
	link_put_up(work->batch, IPVLAN_LOOPBACK, NULL, true);
	for (size_t i = 0; i < plan->n_ips; i++) {
		struct address address = pod_alone(&plan->ips[i].address);

		addr_put(work->batch, link.index, &address, false);
	}
	for (size_t i = 0; i < work->routes.n; i++) {
		const struct cni_route *wanted = &work->routes.routes[i];
		const struct route route = {
			.dst = wanted->dst,
			.oif = link.index,
			.table = wanted->table > 0 ? (uint32_t)wanted->table : 0,
			.priority = wanted->priority > 0 ? (uint32_t)wanted->priority : 0,
			.mtu = wanted->mtu,
			.advmss = wanted->advmss,
			.protocol = RTNL_PROTOCOL,
			.scope = RT_SCOPE_LINK,
		};

		route_put(work->batch, &route, ROUTE_REPLACE);
	}
	rc = rtnl_send(pod, work->batch, err);
	if (rc == -EADDRINUSE)
		return cni_err(err, CNI_ADDRESS_IN_USE,
			       "another pod on %s has an address of %s: %s", work->nic.name,
			       plan->container, err->msg);
	return rc;
}

static int ipvlan_fill(const struct ipvlan_work *work, struct cni_result *result, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	int rc = pod_add_interface(result, plan->ifname, &work->nic.mac, work->mtu,
				   plan->netns_path, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < plan->n_ips && result->n_ips < CNI_IPS_MAX; i++)
		result->ips[result->n_ips++] =
			(struct cni_ip){ .address = pod_alone(&plan->ips[i].address),
					 .interface = (int)result->n_interfaces - 1 };
	for (size_t i = 0; i < work->routes.n && result->n_routes < CNI_ROUTES_MAX; i++) {
		struct cni_route *route = &result->routes[result->n_routes++];

		*route = work->routes.routes[i];
		route->gw = (struct address){ 0 };
	}
	return 0;
}

/* ---- verbs -------------------------------------------------------------------------------------
 */

static int ipvlan_connect(struct ipvlan_work *work, struct rtnl *pod, struct cni_result *result,
			  struct err *err)
{
	own_rtnl struct rtnl inside = { 0 };
	struct err ignored;
	int rc = ipvlan_create(work, pod, err);

	if (rc < 0)
		return rc;
	rc = pod_open(work->plan, &inside, err);
	if (rc == 0)
		rc = ipvlan_set_up(work, &inside, err);
	if (rc == 0)
		pod_await_ipv6(work->plan, &inside);
	if (rc == 0)
		rc = ipvlan_fill(work, result, err);
	if (rc < 0)
		(void)ipvlan_remove(work->plan, pod, &ignored);
	return rc;
}

static int ipvlan_add(const struct datapath_plan *plan, struct cni_result *result, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct ipvlan_work work = { .plan = plan, .batch = batch, .host = &host };
	int rc;

	if (!batch)
		return err->code;
	pod_routes(plan, &work.routes);
	rc = ipvlan_check_plan(plan, err);
	if (rc == 0)
		rc = pod_alias(plan, work.alias, err);
	if (rc == 0)
		rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = ipvlan_prepare(&work, err);
	if (rc == 0)
		rc = pod_open_netns(plan->netns, &pod, err);
	return rc < 0 ? rc : ipvlan_connect(&work, &pod, result, err);
}

/* With the namespace the link is gone. */
static int ipvlan_del(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl pod = { 0 };
	int rc;

	if (plan->netns < 0)
		return 0;
	rc = pod_open_netns(plan->netns, &pod, err);
	return rc < 0 ? rc : ipvlan_remove(plan, &pod, err);
}

static int ipvlan_check_pod(const struct datapath_plan *plan, const struct cni_result *expected,
			    struct rtnl *pod, const struct link *nic, struct err *err)
{
	struct check_list addresses = { 0 };
	struct check_list routes = { 0 };
	struct pod_routes wanted;
	char alias[LINK_ALIAS_ROOM];
	struct link link = { 0 };
	const struct check_place address_place = { pod, &link, addr_put_dump, check_see_addr,
						   "address" };
	const struct check_place route_place = { pod, &link, route_put_dump, check_see_route,
						 "route" };
	int rc = pod_alias(plan, alias, err);

	(void)expected;
	if (rc == 0)
		rc = check_find(pod, plan->ifname, &link, err);
	if (rc < 0)
		return rc;
	if (link.ipvlan_mode != LINK_IPVLAN_L3S || link.peer != nic->index ||
	    strcmp(link.alias, alias) != 0)
		return cni_err(err, CNI_CHECK_FAILED,
			       "link %s is not on %s in mode l3s, or not ours", link.name,
			       nic->name);
	for (size_t i = 0; i < plan->n_ips; i++)
		check_want(&addresses, &plan->ips[i].address, true);
	pod_routes(plan, &wanted);
	for (size_t i = 0; i < wanted.n; i++)
		check_want(&routes, &wanted.routes[i].dst, false);
	rc = check_dump(&address_place, &addresses, err);
	return rc < 0 ? rc : check_dump(&route_place, &routes, err);
}

static int ipvlan_check(const struct datapath_plan *plan, const struct cni_result *expected,
			struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct link nic = { 0 };
	int rc;

	if (plan->netns < 0)
		return cni_err(err, CNI_CHECK_FAILED, "the network namespace is gone");
	rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = pod_find_nic(plan, &host, &nic, err);
	if (rc == 0)
		rc = pod_open_netns(plan->netns, &pod, err);
	return rc < 0 ? rc : ipvlan_check_pod(plan, expected, &pod, &nic, err);
}

static int ipvlan_status(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	struct ipvlan_work work = { .plan = plan, .host = &host };
	int rc = ipvlan_check_plan(plan, err);

	if (rc == 0)
		rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = ipvlan_check_kernel(&host, err);
	return rc < 0 ? rc : ipvlan_prepare(&work, err);
}

const struct datapath datapath_ipvlan = {
	.name = "ipvlan",
	.add = ipvlan_add,
	.del = ipvlan_del,
	.check = ipvlan_check,
	.status = ipvlan_status,
};
