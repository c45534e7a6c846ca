/* SPDX-License-Identifier: Apache-2.0 */
/* Is everything still there that routed.c made? */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/guards.h"
#include "cni/datapath/routed.h"
#include "cni/error.h"
#include "cni/neigh.h"
#include "cni/route.h"
#include "cni/rtnl.h"

enum { CHECK_WANTED_MAX = POD_ROUTES_MAX + CNI_IPS_MAX };

/* Things wanted of one kind: each an address. */
struct check_list {
	struct address wanted[CHECK_WANTED_MAX];
	bool found[CHECK_WANTED_MAX];
	size_t n;
};

static void check_want(struct check_list *list, const struct address *address, bool alone)
{
	struct address *wanted = &list->wanted[list->n];

	if (list->n == CHECK_WANTED_MAX)
		return;
	*wanted = *address;
	if (alone)
		wanted->prefix = address_bits(address->family);
	list->n++;
}

static void check_restart(void *owner)
{
	struct check_list *list = owner;

	memset(list->found, 0, sizeof(list->found));
}

static void check_see(struct check_list *list, const struct address *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (address_equal(&list->wanted[i], address) &&
		    list->wanted[i].prefix == address->prefix)
			list->found[i] = true;
}

static int check_see_addr(void *owner, const struct nlmsghdr *nlh)
{
	struct addr addr;

	if (addr_parse(nlh, &addr) == 0)
		check_see(owner, &addr.address);
	return 0;
}

static int check_see_route(void *owner, const struct nlmsghdr *nlh)
{
	struct route route;

	if (route_parse(nlh, &route) == 0 && route.type == RTN_UNICAST)
		check_see(owner, &route.dst);
	return 0;
}

static int check_see_neigh(void *owner, const struct nlmsghdr *nlh)
{
	struct neigh neigh;

	if (neigh_parse(nlh, &neigh) == 0 && neigh.state == NUD_PERMANENT &&
	    mac_equal(&neigh.mac, &routed_host_mac))
		check_see(owner, &neigh.address);
	return 0;
}

/* The first that was not seen is the answer. */
static int check_answer(const struct check_list *list, const char *where, const char *what,
			struct err *err)
{
	char text[ADDRESS_TEXT_ROOM];

	for (size_t i = 0; i < list->n; i++) {
		if (list->found[i])
			continue;
		address_format(&list->wanted[i], true, text);
		return cni_err(err, CNI_CHECK_FAILED, "%s: %s %s is missing", where, what, text);
	}
	return 0;
}

typedef void check_put_fn(struct rtnl_batch *batch, uint8_t family, int index);

/* Where, and which dump shows it. */
struct check_place {
	struct rtnl *rtnl;
	const struct link *link;
	check_put_fn *put;
	rtnl_reply_fn *see;
	const char *what;
};

/* One dump for each family of which something is wanted. */
static int check_dump(const struct check_place *place, struct check_list *list, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	const uint8_t families[] = { AF_INET, AF_INET6 };

	if (!batch)
		return err->code;
	for (size_t f = 0; f < sizeof(families); f++) {
		struct check_list part = { 0 };
		int rc;

		for (size_t i = 0; i < list->n; i++)
			if (list->wanted[i].family == families[f])
				check_want(&part, &list->wanted[i], false);
		if (part.n == 0)
			continue;
		rtnl_batch_clear(batch);
		place->put(batch, families[f], place->link->index);
		rc = rtnl_dump(place->rtnl, batch, place->see, check_restart, &part, err);
		if (rc == 0)
			rc = check_answer(&part, place->link->name, place->what, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_find(struct rtnl *rtnl, const char *name, struct link *link, struct err *err)
{
	int rc = pod_find_link(rtnl, name, link, err);

	if (rc == 1)
		return cni_err(err, CNI_CHECK_FAILED, "link %s is missing", name);
	if (rc == 0 && !(link->flags & IFF_UP))
		return cni_err(err, CNI_CHECK_FAILED, "link %s is down", name);
	return rc;
}

static int check_host(enum link_pair_kind kind, const struct datapath_plan *plan, struct rtnl *host,
		      struct link *host_end, struct err *err)
{
	struct check_list routes = { 0 };
	const struct check_place place = { host, host_end, route_put_dump, check_see_route,
					   "route" };
	char alias[LINK_ALIAS_ROOM];
	int rc = routed_alias(plan, alias, err);

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

/* What is said of the pod's link in the result of ADD; later plugins may have changed it. */
static const struct cni_interface *check_expected(const struct datapath_plan *plan,
						  const struct cni_result *expected, int *index)
{
	for (size_t i = 0; expected && i < expected->n_interfaces; i++) {
		const struct cni_interface *interface = &expected->interfaces[i];

		if (interface->sandbox && strcmp(interface->name, plan->ifname) == 0) {
			*index = (int)i;
			return interface;
		}
	}
	*index = -1;
	return NULL;
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
	struct link link;
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
	struct link host_end;
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
