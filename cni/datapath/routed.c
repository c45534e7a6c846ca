/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of links between pod and host, and routes: the host's NIC sends for the pod with its own
 * MAC, which is all that Azure's network accepts. Both ends are made by one message, the pod's
 * where it belongs: moving one later costs a grace period of the kernel.
 */
#include "cni/datapath/routed.h"

#include <errno.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/guards.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/neigh.h"
#include "cni/nic.h"
#include "cni/route.h"
#include "cni/rtnl.h"

enum { ROUTED_LOOPBACK = 1 };

const struct mac routed_host_mac = { { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa } };

static const struct address routed_gateway4 = { .family = AF_INET,
						.prefix = 32,
						.bytes = { 169, 254, 1, 1 } };
static const struct address routed_gateway6 = {
	.family = AF_INET6,
	.prefix = 128,
	.bytes = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc },
};
/* From routed_host_mac. The host asks for neighbours from it; without one it would not ask at all.
 */
static const struct address routed_host_local = {
	.family = AF_INET6,
	.prefix = 128,
	.bytes = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xa8, 0xaa, 0xaa, 0xff, 0xfe, 0xaa, 0xaa, 0xaa },
};

/* Where an attachment stands. */
struct routed_work {
	const struct datapath_plan *plan;
	struct rtnl_batch *batch;
	struct rtnl *host;
	struct rtnl *pod;
	char alias[LINK_ALIAS_ROOM];
	uint32_t mtu;
	struct link host_end;
	struct pod_routes routes;
};

const struct address *routed_gateway(uint8_t family)
{
	return family == AF_INET ? &routed_gateway4 : &routed_gateway6;
}

int routed_alias(const struct datapath_plan *plan, char alias[LINK_ALIAS_ROOM], struct err *err)
{
	int len = snprintf(alias, LINK_ALIAS_ROOM, "%s/%s", plan->container, plan->ifname);

	if (len < LINK_ALIAS_ROOM)
		return 0;
	return cni_err(err, CNI_ENVIRONMENT_INVALID, "CNI_CONTAINERID: longer than %d bytes",
		       LINK_ALIAS_ROOM - CNI_NAME_ROOM - 1);
}

static int routed_find_nic(const struct datapath_plan *plan, struct rtnl *host, struct link *nic,
			   struct err *err)
{
	struct nic_wish wish = { .name = plan->master };
	int rc;

	if (plan->host_ip.family)
		wish.address = &plan->host_ip;
	rc = nic_resolve(host, &wish, nic, err);
	if (rc == 1)
		rc = err->code = -(CNI_ERR_BASE + CNI_UNAVAILABLE);
	return rc;
}

/* As the NIC's, or what is configured, which is not more. */
static int routed_find_mtu(const struct datapath_plan *plan, struct rtnl *host, uint32_t *mtu,
			   struct err *err)
{
	struct link nic = { 0 };
	int rc = routed_find_nic(plan, host, &nic, err);

	/* A host that is alone with its pods, and says so by configuring an MTU. */
	if (rc < 0 && plan->mtu && !plan->master && !plan->host_ip.family &&
	    cni_code_of(err) == CNI_UNAVAILABLE) {
		*mtu = plan->mtu;
		return 0;
	}
	if (rc < 0)
		return rc;
	if (plan->mtu > nic.mtu)
		return cni_err(err, CNI_CONFIG_INVALID, "\"mtu\": %u is more than the %u of %s",
			       plan->mtu, nic.mtu, nic.name);
	*mtu = plan->mtu ? plan->mtu : nic.mtu;
	return 0;
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

/* The name of the host's end is taken. A leftover of the same attachment goes. */
static int routed_clear_stale(struct routed_work *work, struct err *err)
{
	const char *name = work->plan->host_name;
	struct link stale;
	int rc = pod_find_link(work->host, name, &stale, err);

	if (rc < 0)
		return rc;
	if (rc == 1)
		return cni_err(err, CNI_INTERFACE_EXISTS, "interface %s already exists in %s",
			       work->plan->ifname, work->plan->netns_path);
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

	if (rc != -EEXIST)
		return rc;
	rc = routed_clear_stale(work, err);
	if (rc < 0)
		return rc;
	rc = routed_create_once(work, err);
	if (rc == -EEXIST)
		return cni_err(err, CNI_INTERFACE_EXISTS, "interface %s already exists in %s",
			       work->plan->ifname, work->plan->netns_path);
	return rc;
}

/* ---- the pod's side ----------------------------------------------------------------------------
 */

/* Alone on its link: no network, no neighbours but the gateway. */
static struct address routed_alone(const struct address *address)
{
	struct address alone = *address;

	alone.prefix = address_bits(address->family);
	return alone;
}

static struct route routed_route(const struct cni_route *route, int oif)
{
	return (struct route){
		.dst = route->dst,
		.gw = *routed_gateway(route->dst.family),
		.oif = oif,
		.table = route->table > 0 ? (uint32_t)route->table : 0,
		.priority = route->priority > 0 ? (uint32_t)route->priority : 0,
		.mtu = route->mtu,
		.advmss = route->advmss,
		.protocol = RTNL_PROTOCOL,
	};
}

static void routed_put_gateway(struct rtnl_batch *batch, int index, uint8_t family)
{
	const struct neigh gateway = {
		.address = *routed_gateway(family),
		.mac = routed_host_mac,
		.index = index,
		.state = NUD_PERMANENT,
		.flags = family == AF_INET6 ? NTF_ROUTER : 0,
	};

	neigh_put(batch, &gateway);
	/* The gateway's own route: what copies routes into other tables needs it. */
	if (family == AF_INET)
		route_put(batch,
			  &(struct route){ .dst = routed_gateway4,
					   .oif = index,
					   .protocol = RTNL_PROTOCOL,
					   .scope = RT_SCOPE_LINK },
			  true);
}

static bool routed_is_repeated(const struct datapath_plan *plan, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (address_equal(&plan->ips[i].address, &plan->ips[j].address))
			return true;
	return false;
}

static int routed_set_up_pod(struct routed_work *work, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	int index = work->host_end.peer;

	rtnl_batch_clear(work->batch);
	/* Before it is up: by then it would have one. */
	link_put_no_link_local(work->batch, index, NULL);
	link_put_up(work->batch, index, NULL, true);
	link_put_up(work->batch, ROUTED_LOOPBACK, NULL, true);
	for (size_t i = 0; i < plan->n_ips; i++) {
		struct address address = routed_alone(&plan->ips[i].address);

		if (!routed_is_repeated(plan, i))
			addr_put(work->batch, index, &address, false);
	}
	if (pod_has_family(plan, AF_INET))
		routed_put_gateway(work->batch, index, AF_INET);
	if (pod_has_family(plan, AF_INET6))
		routed_put_gateway(work->batch, index, AF_INET6);
	for (size_t i = 0; i < work->routes.n; i++) {
		struct route route = routed_route(&work->routes.routes[i], index);

		route_put(work->batch, &route, true);
	}
	return rtnl_send(work->pod, work->batch, err);
}

/* ---- the host's side ---------------------------------------------------------------------------
 */

static int routed_set_up_host(struct routed_work *work, struct err *err)
{
	/* Strict: what comes from the pod has the pod's address. */
	const struct link_setting settings[] = {
		{ IPV4_DEVCONF_RP_FILTER, 1 },
		{ IPV4_DEVCONF_PROXY_ARP, 1 },
		{ IPV4_DEVCONF_FORWARDING, 1 },
	};
	const struct datapath_plan *plan = work->plan;
	int index = work->host_end.index;

	rtnl_batch_clear(work->batch);
	link_put_alias(work->batch, index, NULL, work->alias);
	link_put_no_link_local(work->batch, index, NULL);
	link_put_settings(work->batch, index, NULL, settings,
			  sizeof(settings) / sizeof(settings[0]));
	link_put_up(work->batch, index, NULL, true);
	if (pod_has_family(plan, AF_INET6))
		addr_put(work->batch, index, &routed_host_local, false);
	for (size_t i = 0; i < plan->n_ips; i++) {
		/* Stale: used at once, yet asked for again should the pod's MAC be changed. */
		const struct neigh pod = { .address = plan->ips[i].address,
					   .mac = plan->pod_mac,
					   .index = index,
					   .state = NUD_STALE };

		neigh_put(work->batch, &pod);
	}
	/* Last: this is what makes the pod reachable. */
	for (size_t i = 0; i < plan->n_ips; i++) {
		const struct route route = { .dst = routed_alone(&plan->ips[i].address),
					     .oif = index,
					     .protocol = RTNL_PROTOCOL,
					     .scope = RT_SCOPE_LINK };

		route_put(work->batch, &route, true);
	}
	return rtnl_send(work->host, work->batch, err);
}

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
		rc = guards_apply(work->host, plan->guard_wireserver, plan->guard_imds,
				  plan->host_name, err);
	if (rc == 0)
		rc = routed_set_up_host(work, err);
	if (rc == 0)
		rc = routed_await_carrier(work, err);
	return rc;
}

static int routed_fill(const struct routed_work *work, struct cni_result *result, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	int rc = pod_add_interface(result, plan->host_name, &routed_host_mac, work->mtu, NULL, err);

	if (rc == 0)
		rc = pod_add_interface(result, plan->ifname, &plan->pod_mac, work->mtu,
				       plan->netns_path, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < plan->n_ips && result->n_ips < CNI_IPS_MAX; i++)
		result->ips[result->n_ips++] = (struct cni_ip){
			.address = routed_alone(&plan->ips[i].address),
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

static int routed_add(const struct datapath_plan *plan, struct cni_result *result, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct routed_work work = { .plan = plan, .batch = batch, .host = &host, .pod = &pod };
	struct err ignored;
	int rc;

	if (!batch)
		return err->code;
	pod_routes(plan, &work.routes);
	rc = routed_alias(plan, work.alias, err);
	if (rc == 0)
		rc = pod_check_forwarding(plan, err);
	if (rc == 0)
		rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = routed_find_mtu(plan, &host, &work.mtu, err);
	if (rc == 0)
		rc = routed_create(&work, err);
	if (rc < 0)
		return rc;
	rc = routed_connect(&work, err);
	if (rc == 0)
		rc = routed_fill(&work, result, err);
	if (rc < 0)
		(void)routed_remove(&work, &ignored);
	return rc;
}

static int routed_del(const struct datapath_plan *plan, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl host = { 0 };
	struct routed_work work = { .plan = plan, .batch = batch, .host = &host };
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open(&host, err);
	return rc < 0 ? rc : routed_remove(&work, err);
}

static int routed_status(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	uint32_t mtu;
	int rc = pod_check_forwarding(plan, err);

	if (rc == 0)
		rc = rtnl_open(&host, err);
	return rc < 0 ? rc : routed_find_mtu(plan, &host, &mtu, err);
}

const struct datapath datapath_routed = {
	.name = "routed",
	.add = routed_add,
	.del = routed_del,
	.check = routed_check,
	.status = routed_status,
};
