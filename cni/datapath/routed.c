/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of links between pod and host, and routes: the host's NIC sends for the pod with its own
 * MAC, which is all that Azure's network accepts. Both ends are made by one message, the pod's
 * where it belongs: moving one later costs a grace period of the kernel.
 */
#include "cni/datapath/routed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/datapath/flowtable.h"
#include "cni/datapath/guards.h"
#include "cni/datapath/leave.h"
#include "cni/error.h"
#include "cni/rtnl.h"
#include "config/base/log.h"

/* The NIC; and the MTU: its own, or what is configured, which is not more. */
static int routed_find_mtu(const struct datapath_plan *plan, struct rtnl *host, struct link *nic,
			   uint32_t *mtu, struct err *err)
{
	int rc = pod_find_nic(plan, host, nic, err);

	/* A host that is alone with its pods, and says so by configuring an MTU. */
	if (rc < 0 && plan->mtu && !plan->master && !plan->host_ip.family &&
	    cni_code_of(err) == CNI_UNAVAILABLE) {
		*mtu = plan->mtu;
		nic->index = 0;
		return 0;
	}
	return rc < 0 ? rc : pod_choose_mtu(plan, nic, mtu, err);
}

/* ---- making the pair ---------------------------------------------------------------------------
 */

static void routed_put_remove(struct rtnl_batch *batch, const char *name)
{
	/* Down first: that takes its routes at once; removal waits for the kernel's readers. */
	link_put_up(batch, 0, name, false);
	rtnl_ignore(batch, ENODEV);
	link_put_delete(batch, name);
	rtnl_ignore(batch, ENODEV);
}

static int routed_remove(struct routed_work *work, struct err *err)
{
	rtnl_batch_clear(work->batch);
	routed_put_remove(work->batch, work->plan->host_name);
	guards_put_forget(work->batch, work->plan->host_name);
	return rtnl_send(work->host, work->batch, err);
}

/* Returns 0 or negative; -EEXIST: one of the names is taken. */
static int routed_create_once(struct routed_work *work, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	const struct link_pair pair = {
		.kind = work->kind,
		.name = plan->host_name,
		.mac = routed_host_mac,
		.group = RTNL_GROUP,
		.peer_name = plan->ifname,
		.peer_mac = plan->pod_mac,
		.peer_netns = plan->netns,
		.mtu = work->mtu,
	};
	struct err ignored;
	int rc;

	rtnl_batch_clear(work->batch);
	link_put_pair(work->batch, &pair);
	/* In the same send: kernels before 6.2 do not answer creation with what was made. */
	link_put_get_name(work->batch, plan->host_name);
	rtnl_reply(work->batch, link_reply, &work->host_end);
	rc = rtnl_send(work->host, work->batch, err);
	if (rc < 0 && work->batch->messages[0].result == 0)
		(void)routed_remove(work, &ignored);
	return rc;
}

/* One of the names is taken. What was left of the same attachment, or in the pod of any, goes. */
static int routed_clear_stale(struct routed_work *work, struct err *err)
{
	const char *name = work->plan->host_name;
	struct link stale;
	int rc = pod_find_link(work->host, name, &stale, err);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		rc = leave_clear(work->host, work->plan, err);
		return rc != 1 ? rc
			       : cni_err(err, CNI_INTERFACE_EXISTS,
					 "interface %s already exists in %s", work->plan->ifname,
					 work->plan->netns_path);
	}
	/* No alias: killed before it had one; the name is made from container and interface. */
	if ((stale.group != RTNL_GROUP && stale.group != RTNL_GROUP_GONE) ||
	    (stale.alias[0] && strcmp(stale.alias, work->alias) != 0))
		return cni_err(err, CNI_INTERFACE_EXISTS, "link %s of the host belongs to \"%s\"",
			       name, stale.alias);
	return routed_remove(work, err);
}

static int routed_create(struct routed_work *work, struct err *err)
{
	int rc = routed_create_once(work, err);

	/* twice: each of the two names may be taken */
	for (int i = 0; rc == -EEXIST && i < 2; i++) {
		rc = routed_clear_stale(work, err);
		if (rc == 0)
			rc = routed_create_once(work, err);
	}
	if (rc == -EEXIST)
		return cni_err(err, CNI_INTERFACE_EXISTS, "interface %s already exists in %s",
			       work->plan->ifname, work->plan->netns_path);
	return rc;
}

/* ---- the pod's side ----------------------------------------------------------------------------
 */

/*
 * The pod's end was up before its partner: it sends nothing until the kernel has looked at it
 * again, which it does when asked for the link (since 6.10), or a moment later by itself.
 *
 * Source: net/core/rtnetlink.c, rtnl_getlink.
 */
static int routed_await_carrier(struct routed_work *work, struct err *err)
{
	rtnl_batch_clear(work->batch);
	link_put_get(work->batch, work->host_end.peer);
	return rtnl_send(work->pod, work->batch, err);
}

static int routed_connect(struct routed_work *work, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	int rc = pod_open(plan, work->pod, err);

	if (rc == 0)
		rc = routed_set_up_pod(work, err);
	if (rc == 0) /* before the pod can send anything */
		rc = guards_apply(work->host, &plan->guards, plan->host_name, err);
	if (rc == 0)
		rc = routed_set_up_host(work, err);
	if (rc == 0)
		rc = routed_await_carrier(work, err);
	if (rc == 0)
		pod_await_ipv6(plan, work->pod);
	/* by it the host asks for the pod */
	if (rc == 0 && work->kind == LINK_VETH && pod_has_family(plan, AF_INET6))
		pod_await_local(work->host, routed_gateway(AF_INET6), work->host_end.index);
	return rc;
}

/* Faster where the host permits it; a pod that cannot have it goes on without. */
static void routed_accelerate(const struct routed_work *work)
{
	const struct datapath_plan *plan = work->plan;
	struct err err;

	if (plan->flowtable &&
	    flowtable_add(work->nic.index ? work->nic.name : NULL, plan->host_name, &err) < 0)
		log_warn(plan->container, "flowtable: not on this host: %s", err.msg);
}

static int routed_fill(const struct routed_work *work, struct cni_result *result, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	bool macs = work->kind == LINK_VETH;
	int rc = pod_add_interface(result, plan->host_name, macs ? &routed_host_mac : NULL,
				   work->mtu, NULL, err);

	if (rc == 0)
		rc = pod_add_interface(result, plan->ifname, macs ? &plan->pod_mac : NULL,
				       work->mtu, plan->netns_path, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < plan->n_ips && result->n_ips < CNI_IPS_MAX; i++)
		result->ips[result->n_ips++] = (struct cni_ip){
			.address = pod_alone(&plan->ips[i].address),
			.gateway = *routed_gateway(plan->ips[i].address.family),
			.interface = (int)result->n_interfaces - 1,
		};
	for (size_t i = 0; i < work->routes.n && result->n_routes < CNI_ROUTES_MAX; i++) {
		struct cni_route *route = &result->routes[result->n_routes++];

		*route = work->routes.routes[i];
		route->gw = *routed_gateway(route->dst.family);
	}
	return 0;
}

/* ---- verbs -------------------------------------------------------------------------------------
 */

int routed_add(enum link_pair_kind kind, const struct datapath_plan *plan,
	       struct cni_result *result, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct routed_work work = {
		.plan = plan, .kind = kind, .batch = batch, .host = &host, .pod = &pod
	};
	struct err ignored;
	int rc;

	if (!batch)
		return err->code;
	pod_routes(plan, &work.routes);
	rc = pod_alias(plan, work.alias, err);
	if (rc == 0)
		rc = pod_check_forwarding(plan, err);
	if (rc == 0)
		rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = routed_find_mtu(plan, &host, &work.nic, &work.mtu, err);
	if (rc == 0)
		rc = routed_create(&work, err);
	if (rc < 0)
		return rc;
	rc = routed_connect(&work, err);
	if (rc == 0)
		rc = routed_fill(&work, result, err);
	if (rc == 0) {
		routed_accelerate(&work);
		return 0;
	}
	(void)routed_remove(&work, &ignored);
	(void)routed_forget_pod(plan, &ignored);
	return rc;
}

int routed_del(const struct datapath_plan *plan, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl host = { 0 };
	struct routed_work work = { .plan = plan, .batch = batch, .host = &host };
	struct err said;
	int forgot = 0;
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open(&host, err);
	if (rc == 0 && (!plan->leave_pair || plan->netns < 0 || !leave_pair(&host, plan)))
		rc = routed_remove(&work, err);
	if (plan->flowtable)
		flowtable_forget(plan->host_name);
	/* of a pod that goes on without this link */
	if (plan->netns >= 0 && plan->n_ips > 0)
		forgot = routed_forget_pod(plan, rc < 0 ? &said : err);
	return rc < 0 ? rc : forgot;
}

int routed_status(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	struct link nic = { 0 };
	uint32_t mtu;
	int rc = pod_check_forwarding(plan, err);

	if (rc == 0)
		rc = rtnl_open(&host, err);
	return rc < 0 ? rc : routed_find_mtu(plan, &host, &nic, &mtu, err);
}

static int routed_add_veth(const struct datapath_plan *plan, struct cni_result *result,
			   struct err *err)
{
	return routed_add(LINK_VETH, plan, result, err);
}

static int routed_check_veth(const struct datapath_plan *plan, const struct cni_result *expected,
			     struct err *err)
{
	return routed_check(LINK_VETH, plan, expected, err);
}

const struct datapath datapath_routed = {
	.name = "routed",
	.add = routed_add_veth,
	.del = routed_del,
	.check = routed_check_veth,
	.status = routed_status,
};
