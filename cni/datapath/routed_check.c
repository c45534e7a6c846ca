/* SPDX-License-Identifier: Apache-2.0 */
/* Is everything still there that routed.c made? */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "cni/addr.h"
#include "cni/datapath/check.h"
#include "cni/datapath/guards.h"
#include "cni/datapath/routed.h"
#include "cni/error.h"
#include "cni/neigh.h"
#include "cni/route.h"
#include "cni/rtnl.h"

static int check_see_neigh(void *owner, const struct nlmsghdr *nlh)
{
	struct neigh neigh;

	if (neigh_parse(nlh, &neigh) == 0 && neigh.state == NUD_PERMANENT &&
	    mac_equal(&neigh.mac, &routed_host_mac))
		check_see(owner, &neigh.address);
	return 0;
}

static int check_host(enum link_pair_kind kind, const struct datapath_plan *plan, struct rtnl *host,
		      struct link *host_end, struct err *err)
{
	struct check_list routes = { 0 };
	const struct check_place place = { host, host_end, route_put_dump, check_see_route,
					   "route" };
	char alias[LINK_ALIAS_ROOM];
	int rc = pod_alias(plan, alias, err);

	if (rc == 0)
		rc = check_find(host, plan->host_name, host_end, err);
	if (rc != 0)
		return rc;
	if (host_end->group != RTNL_GROUP || strcmp(host_end->alias, alias) != 0)
		return cni_err(err, CNI_CHECK_FAILED, "link %s belongs to \"%s\"", plan->host_name,
			       host_end->alias);
	if (strcmp(host_end->kind, link_pair_kind_text(kind)) != 0)
		return cni_err(err, CNI_CHECK_FAILED, "link %s is of kind \"%s\", not %s",
			       plan->host_name, host_end->kind, link_pair_kind_text(kind));
	for (size_t i = 0; i < plan->n_ips; i++)
		check_want(&routes, &plan->ips[i].address, true);
	rc = check_dump(&place, &routes, err);
	return rc < 0 ? rc : guards_check(host, &plan->guards, plan->host_name, err);
}

static int check_pod_link(const struct cni_interface *expected, const struct link *host_end,
			  const struct link *link, struct err *err)
{
	char want[MAC_TEXT_ROOM];
	char got[MAC_TEXT_ROOM];

	if (link->peer != host_end->index || link->index != host_end->peer)
		return cni_err(err, CNI_CHECK_FAILED, "link %s is not the other end of %s",
			       link->name, host_end->name);
	if (!expected || !expected->has_mac || mac_equal(&expected->mac, &link->mac))
		return 0;
	mac_format(&expected->mac, want);
	mac_format(&link->mac, got);
	return cni_err(err, CNI_CHECK_FAILED, "%s: MAC address %s instead of %s", link->name, got,
		       want);
}

static int check_pod(const struct datapath_plan *plan, const struct cni_result *expected,
		     struct rtnl *pod, const struct link *host_end, struct err *err)
{
	struct check_list addresses = { 0 };
	struct check_list neighbours = { 0 };
	struct check_list routes = { 0 };
	struct pod_routes wanted;
	struct link link = { 0 };
	const struct check_place places[] = {
		{ pod, &link, addr_put_dump, check_see_addr, "address" },
		{ pod, &link, neigh_put_dump, check_see_neigh, "neighbour" },
		{ pod, &link, route_put_dump, check_see_route, "route" },
	};
	int index;
	const struct cni_interface *interface = check_expected(plan, expected, &index);
	int rc = check_find(pod, plan->ifname, &link, err);

	if (rc == 0)
		rc = check_pod_link(interface, host_end, &link, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < plan->n_ips; i++) {
		check_want(&addresses, &plan->ips[i].address, true);
		/* The kernel drops them with a MAC; the host answers for the gateway then. Source:
		 * net/core/neighbour.c, neigh_changeaddr. */
		if (!plan->mac_changed &&
		    strcmp(host_end->kind, link_pair_kind_text(LINK_VETH)) == 0)
			check_want(&neighbours, routed_gateway(plan->ips[i].address.family), true);
	}
	for (size_t i = 0; index >= 0 && i < expected->n_ips; i++)
		if (expected->ips[i].interface == index)
			check_want(&addresses, &expected->ips[i].address, false);
	pod_routes(plan, &wanted);
	for (size_t i = 0; i < wanted.n; i++)
		check_want(&routes, &wanted.routes[i].dst, false);
	rc = check_dump(&places[0], &addresses, err);
	if (rc == 0)
		rc = check_dump(&places[1], &neighbours, err);
	return rc == 0 ? check_dump(&places[2], &routes, err) : rc;
}

int routed_check(enum link_pair_kind kind, const struct datapath_plan *plan,
		 const struct cni_result *expected, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct link host_end = { 0 };
	int rc;

	if (plan->netns < 0)
		return cni_err(err, CNI_CHECK_FAILED, "the network namespace is gone");
	rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = check_host(kind, plan, &host, &host_end, err);
	if (rc == 0)
		rc = pod_open_netns(plan->netns, &pod, err);
	return rc == 0 ? check_pod(plan, expected, &pod, &host_end, err) : rc;
}
