/* SPDX-License-Identifier: Apache-2.0 */
/* The pod's side of routed.c. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/routed.h"
#include "cni/neigh.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "cni/rule.h"
#include "config/base/err.h"

enum {
	ROUTED_LOOPBACK = 1,
	ROUTED_TABLE = 0xac0000, /* and the index of the pod's link */
	ROUTED_RULE = 30000,	 /* behind whoever numbers his rules */
};

static const struct address routed_gateway4 = { .family = AF_INET,
						.prefix = 32,
						.bytes = { 169, 254, 1, 1 } };
static const struct address routed_gateway6 = {
	.family = AF_INET6,
	.prefix = 128,
	.bytes = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc },
};
const struct address *routed_gateway(uint8_t family)
{
	return family == AF_INET ? &routed_gateway4 : &routed_gateway6;
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

static void routed_put_gateway(struct rtnl_batch *batch, enum link_pair_kind kind, int index,
			       uint8_t family)
{
	const struct neigh gateway = {
		.address = *routed_gateway(family),
		.mac = routed_host_mac,
		.index = index,
		.state = NUD_PERMANENT,
		.flags = family == AF_INET6 ? NTF_ROUTER : 0,
	};

	if (kind == LINK_VETH)
		neigh_put(batch, &gateway);
	/* The gateway's own route: what copies routes into other tables needs it. Every link of
	 * the pod has one. */
	if (family == AF_INET)
		route_put(batch,
			  &(struct route){ .dst = routed_gateway4,
					   .oif = index,
					   .protocol = RTNL_PROTOCOL,
					   .scope = RT_SCOPE_LINK },
			  ROUTE_AFTER);
}

static bool routed_is_repeated(const struct datapath_plan *plan, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (address_equal(&plan->ips[i].address, &plan->ips[j].address))
			return true;
	return false;
}

static bool routed_is_main(const struct cni_route *route)
{
	return route->table <= 0 || route->table == RT_TABLE_MAIN;
}

/* Is one to the same destination before it? */
static bool routed_is_again(const struct pod_routes *routes, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (routed_is_main(&routes->routes[j]) &&
		    address_equal(&routes->routes[j].dst, &routes->routes[i].dst) &&
		    routes->routes[j].dst.prefix == routes->routes[i].dst.prefix)
			return true;
	return false;
}

/*
 * Another link of the pod has one of the routes, mostly the default one: the first one keeps it.
 * What has an address of this link leaves through it by a table of its own; the host's strict
 * reverse path filter takes it from nowhere else.
 */
static int routed_be_further(struct routed_work *work, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	int index = work->host_end.peer;
	uint32_t table = ROUTED_TABLE + (uint32_t)index;

	rtnl_batch_clear(work->batch);
	for (size_t i = 0; i < work->routes.n; i++) {
		struct route route = routed_route(&work->routes.routes[i], index);

		route.table = table;
		if (routed_is_main(&work->routes.routes[i]))
			route_put(work->batch, &route, ROUTE_REPLACE);
	}
	for (size_t i = 0; i < plan->n_ips; i++) {
		const struct rule rule = { .dst = { .family = plan->ips[i].address.family },
					   .src = pod_alone(&plan->ips[i].address),
					   .priority = ROUTED_RULE,
					   .table = table,
					   .action = FR_ACT_TO_TBL,
					   .protocol = RTNL_PROTOCOL };

		rule_put(work->batch, &rule);
	}
	return rtnl_send(work->pod, work->batch, err);
}

int routed_forget_pod(const struct datapath_plan *plan, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl pod = { 0 };
	int rc;

	if (!batch)
		return err->code;
	rc = pod_open_netns(plan->netns, &pod, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < plan->n_ips; i++) {
		/* whatever its table: the index that is in it may be gone */
		const struct rule rule = { .dst = { .family = plan->ips[i].address.family },
					   .src = pod_alone(&plan->ips[i].address),
					   .priority = ROUTED_RULE,
					   .action = FR_ACT_TO_TBL,
					   .protocol = RTNL_PROTOCOL };

		rule_put_delete(batch, &rule);
		rtnl_ignore(batch, EOPNOTSUPP); /* a kernel without rules, or without IPv6 */
		rtnl_ignore(batch, EAFNOSUPPORT);
	}
	return rtnl_send(&pod, batch, err);
}

int routed_set_up_pod(struct routed_work *work, struct err *err)
{
	const struct datapath_plan *plan = work->plan;
	int index = work->host_end.peer;
	int rc;

	rtnl_batch_clear(work->batch);
	/* Before it is up: by then it would have one. */
	link_put_no_link_local(work->batch, index, NULL);
	link_put_up(work->batch, index, NULL, true);
	link_put_up(work->batch, ROUTED_LOOPBACK, NULL, true);
	for (size_t i = 0; i < plan->n_ips; i++) {
		struct address address = pod_alone(&plan->ips[i].address);

		if (!routed_is_repeated(plan, i))
			addr_put(work->batch, index, &address, false);
	}
	if (pod_has_family(plan, AF_INET))
		routed_put_gateway(work->batch, work->kind, index, AF_INET);
	if (pod_has_family(plan, AF_INET6))
		routed_put_gateway(work->batch, work->kind, index, AF_INET6);
	for (size_t i = 0; i < work->routes.n; i++) {
		struct route route = routed_route(&work->routes.routes[i], index);
		bool is_main = routed_is_main(&work->routes.routes[i]);

		if (!is_main || !routed_is_again(&work->routes, i))
			route_put(work->batch, &route, is_main ? ROUTE_ALONE : ROUTE_REPLACE);
	}
	rc = rtnl_send(work->pod, work->batch, err);
	return rc == -EEXIST ? routed_be_further(work, err) : rc;
}
