/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NIC of its own: moved into the pod, and moved back before the namespace ends. Only the
 * synthetic NIC is moved; the kernel moves its virtual function after it. The name it had is in its
 * alias, so that it comes back under it whatever else is lost.
 *
 * Source: drivers/net/hyperv/netvsc_drv.c, netvsc_event_set_vf_ns.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cni/addr.h"
#include "cni/datapath/dhcp.h"
#include "cni/datapath/nic.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/nic.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "config/base/clean.h"
#include "config/base/log.h"

enum {
	DATAPATH_NIC_VF_MS = 2000, /* netvsc moves it from a work queue */
	DATAPATH_NIC_VF_STEP_MS = 20,
};

/* Is a virtual function behind a NIC? */
struct datapath_nic_vf {
	int master;
	bool found;
};

static int datapath_nic_see_vf(void *owner, const struct nlmsghdr *nlh)
{
	struct datapath_nic_vf *vf = owner;
	struct link link;

	if (link_parse(nlh, &link) == 0 && link.master == vf->master && !link.kind[0])
		vf->found = true;
	return 0;
}

static int datapath_nic_has_vf(struct rtnl *rtnl, int index, bool *has, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct datapath_nic_vf vf = { .master = index };
	int rc;

	if (!batch)
		return err->code;
	link_put_dump(batch, NULL);
	rc = rtnl_dump(rtnl, batch, datapath_nic_see_vf, NULL, &vf, err);
	*has = vf.found;
	return rc;
}

/* The NIC works without it, only slower. */
static void datapath_nic_await_vf(const struct datapath_plan *plan, struct rtnl *pod, int index)
{
	const struct timespec step = { .tv_nsec = DATAPATH_NIC_VF_STEP_MS * 1000000L };
	struct err ignored;

	for (int waited = 0; waited <= DATAPATH_NIC_VF_MS; waited += DATAPATH_NIC_VF_STEP_MS) {
		bool has = false;

		if (datapath_nic_has_vf(pod, index, &has, &ignored) == 0 && has)
			return;
		(void)nanosleep(&step, NULL);
	}
	log_warn(plan->container,
		 "%s: its virtual function did not follow: the synthetic path is used",
		 plan->ifname);
}

/* Returns 0, 1 (there is none, and need not be), or negative. */
static int datapath_nic_choose(const struct datapath_plan *plan, struct rtnl *host,
			       struct link *nic, struct err *err)
{
	const struct nic_wish theirs = { .mac = &plan->nic_mac };
	const struct nic_wish ours = { 0 };
	struct err none;
	struct link main_nic;
	int rc = nic_resolve(host, &theirs, nic, err);

	if (rc == 1 && plan->nic_is_backend)
		return 1;
	if (rc == 1)
		rc = err->code = -(CNI_ERR_BASE + CNI_UNAVAILABLE);
	if (rc < 0)
		return rc;
	if (nic->flags & IFF_LOOPBACK)
		return cni_err(err, CNI_CONFIG_INVALID, "link %s is no NIC", nic->name);
	if (nic_resolve(host, &ours, &main_nic, &none) == 0 && main_nic.index == nic->index)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "%s carries the host's default route: it is not given to a pod",
			       nic->name);
	return 0;
}

static int datapath_nic_move_in(const struct datapath_plan *plan, struct rtnl *host,
				const struct link *nic, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	char alias[LINK_ALIAS_ROOM];
	struct nic_mark mark;
	int rc;

	if (!batch)
		return err->code;
	/* one that an ended namespace gave back still says what its name was */
	rc = nic_mark_write(plan, nic_mark_read(nic->alias, &mark) ? mark.name : nic->name, alias,
			    err);
	if (rc < 0)
		return rc;
	link_put_alias(batch, nic->index, NULL, alias);
	/* Down: a link that is up is renamed by new kernels only. */
	link_put_up(batch, nic->index, NULL, false);
	link_put_move(batch, nic->index, NULL, plan->netns, plan->ifname);
	rc = rtnl_send(host, batch, err);
	if (rc == -EEXIST)
		return cni_err(err, CNI_INTERFACE_EXISTS, "interface %s already exists in %s",
			       plan->ifname, plan->netns_path);
	return rc;
}

static void datapath_nic_put_routes(struct rtnl_batch *batch, const struct datapath_plan *plan,
				    const struct pod_routes *routes, int index)
{
	for (size_t i = 0; i < routes->n; i++) {
		const struct cni_route *wanted = &routes->routes[i];
		struct route route = { .dst = wanted->dst,
				       .gw = wanted->gw,
				       .oif = index,
				       .mtu = wanted->mtu,
				       .advmss = wanted->advmss,
				       .protocol = RTNL_PROTOCOL };

		route.table = wanted->table > 0 ? (uint32_t)wanted->table : 0;
		route.priority = wanted->priority > 0 ? (uint32_t)wanted->priority : 0;
		for (size_t j = 0; j < plan->n_ips && wanted->scope != RT_SCOPE_LINK; j++)
			if (!route.gw.family && plan->ips[j].gateway.family == route.dst.family)
				route.gw = plan->ips[j].gateway;
		/* Without a gateway the fabric answers for every address. */
		if (route.gw.family)
			route.onlink = true;
		else
			route.scope = RT_SCOPE_LINK;
		route_put(batch, &route, ROUTE_REPLACE);
	}
}

static int datapath_nic_set_up(const struct datapath_plan *plan, struct rtnl *pod, int index,
			       struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct pod_routes routes;

	if (!batch)
		return err->code;
	pod_routes(plan, &routes);
	link_put_up(batch, 1, NULL, true);
	link_put_up(batch, index, NULL, true);
	for (size_t i = 0; i < plan->n_ips; i++)
		addr_put(batch, index, &plan->ips[i].address, true);
	datapath_nic_put_routes(batch, plan, &routes, index);
	return rtnl_send(pod, batch, err);
}

static int datapath_nic_fill(const struct datapath_plan *plan, const struct link *nic,
			     struct cni_result *result, struct err *err)
{
	struct pod_routes routes;
	int rc =
		pod_add_interface(result, plan->ifname, &nic->mac, nic->mtu, plan->netns_path, err);

	if (rc < 0)
		return rc;
	if (plan->nic_pci && plan->nic_pci[0]) {
		char **pci = &result->interfaces[result->n_interfaces - 1].pci_id;

		*pci = strdup(plan->nic_pci);
		if (!*pci)
			return err_set(err, -ENOMEM, "result: out of memory");
	}
	pod_routes(plan, &routes);
	for (size_t i = 0; i < plan->n_ips && result->n_ips < CNI_IPS_MAX; i++) {
		result->ips[result->n_ips] = plan->ips[i];
		result->ips[result->n_ips++].interface = (int)result->n_interfaces - 1;
	}
	for (size_t i = 0; i < routes.n && result->n_routes < CNI_ROUTES_MAX; i++)
		result->routes[result->n_routes++] = routes.routes[i];
	return 0;
}

/* An RDMA function without a link is listed, for those who hand it to the pod. */
static int datapath_nic_list(const struct datapath_plan *plan, struct cni_result *result,
			     struct err *err)
{
	struct datapath_plan on_host = *plan;
	const struct link nic = { .mac = plan->nic_mac };

	on_host.netns_path = NULL;
	return datapath_nic_fill(&on_host, &nic, result, err);
}

static int datapath_nic_connect(const struct datapath_plan *plan, struct rtnl *pod,
				struct link *inside, struct err *err)
{
	int rc = pod_open(plan, pod, err);

	if (rc == 0)
		rc = pod_find_link(pod, plan->ifname, inside, err);
	if (rc == 0)
		rc = datapath_nic_set_up(plan, pod, inside->index, err);
	if (rc == 0) /* asking for a link makes the kernel look at its carrier, as in routed.c */
		rc = pod_find_link(pod, plan->ifname, inside, err);
	if (rc > 0)
		return cni_err(err, CNI_IO, "%s went away", plan->ifname);
	if (rc == 0)
		pod_await_ipv6(plan, pod);
	return rc;
}

static int datapath_nic_add(const struct datapath_plan *plan, struct cni_result *result,
			    struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct link nic = { 0 };
	struct link inside = { 0 };
	struct err ignored;
	bool has_vf = false;
	int rc = rtnl_open(&host, err);

	if (rc == 0)
		rc = datapath_nic_choose(plan, &host, &nic, err);
	if (rc == 1)
		return datapath_nic_list(plan, result, err);
	if (rc == 0)
		rc = datapath_nic_has_vf(&host, nic.index, &has_vf, err);
	if (rc < 0)
		return rc;
	rc = datapath_nic_move_in(plan, &host, &nic, err);
	if (rc == 0)
		rc = datapath_nic_connect(plan, &pod, &inside, err);
	if (rc == 0)
		rc = datapath_nic_fill(plan, &inside, result, err);
	if (rc == 0 && has_vf)
		datapath_nic_await_vf(plan, &pod, inside.index);
	if (rc == 0 && plan->nic_discover)
		rc = dhcp_ask(plan->netns, inside.index, &inside.mac, DHCP_WAIT_MS, err);
	if (rc < 0)
		(void)nic_bring_home(plan, &ignored);
	return rc;
}

static int datapath_nic_status(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	struct link nic;
	int rc = rtnl_open(&host, err);

	(void)plan; /* which NIC is only known with a pod */
	if (rc == 0)
		rc = nic_resolve(&host, &(struct nic_wish){ 0 }, &nic, err);
	if (rc == 1)
		rc = err->code = -(CNI_ERR_BASE + CNI_UNAVAILABLE);
	return rc;
}

const struct datapath datapath_nic = {
	.name = "nic",
	.add = datapath_nic_add,
	.del = nic_bring_home,
	.check = nic_check,
	.status = datapath_nic_status,
};
