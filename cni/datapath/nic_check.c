/* SPDX-License-Identifier: Apache-2.0 */
/* Is everything still there that nic.c made? */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/nic.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/route.h"
#include "cni/rtnl.h"

/* One address or destination that is looked for. */
struct nic_wanted {
	const struct address *address;
	int index; /* of the link; 0: any */
	bool found;
};

static int see_addr(void *owner, const struct nlmsghdr *nlh)
{
	struct nic_wanted *wanted = owner;
	struct addr addr;

	if (addr_parse(nlh, &addr) == 0 && addr.index == wanted->index &&
	    address_equal(&addr.address, wanted->address))
		wanted->found = true;
	return 0;
}

static int see_route(void *owner, const struct nlmsghdr *nlh)
{
	struct nic_wanted *wanted = owner;
	struct route route;

	if (route_parse(nlh, &route) == 0 && route.dst.prefix == wanted->address->prefix &&
	    address_equal(&route.dst, wanted->address))
		wanted->found = true;
	return 0;
}

static int look_for(struct rtnl *pod, const struct address *address, int index, bool is_route,
		    struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct nic_wanted wanted = { .address = address, .index = index };
	char text[ADDRESS_TEXT_ROOM];
	int rc;

	if (!batch)
		return err->code;
	if (is_route)
		route_put_dump(batch, address->family, index);
	else
		addr_put_dump(batch, address->family, index);
	rc = rtnl_dump(pod, batch, is_route ? see_route : see_addr, NULL, &wanted, err);
	if (rc < 0 || wanted.found)
		return rc;
	address_format(address, true, text);
	return cni_err(err, CNI_CHECK_FAILED, "%s %s is missing in the pod",
		       is_route ? "route" : "address", text);
}

static int check_link(const struct datapath_plan *plan, struct rtnl *pod, struct link *nic,
		      struct err *err)
{
	struct nic_mark mark;
	int rc = pod_find_link(pod, plan->ifname, nic, err);

	if (rc == 1)
		return cni_err(err, CNI_CHECK_FAILED, "link %s is missing", plan->ifname);
	if (rc < 0)
		return rc;
	if (!nic_is_of(plan, nic, &mark) || !nic->has_mac || !mac_equal(&nic->mac, &plan->nic_mac))
		return cni_err(err, CNI_CHECK_FAILED, "link %s is not the NIC that was given",
			       plan->ifname);
	if (!(nic->flags & IFF_UP))
		return cni_err(err, CNI_CHECK_FAILED, "link %s is down", plan->ifname);
	return 0;
}

int nic_check(const struct datapath_plan *plan, const struct cni_result *expected, struct err *err)
{
	own_rtnl struct rtnl pod = { 0 };
	struct link nic = { 0 };
	int rc;

	if (plan->netns < 0)
		return cni_err(err, CNI_CHECK_FAILED, "the network namespace is gone");
	rc = pod_open_netns(plan->netns, &pod, err);
	if (rc == 0)
		rc = check_link(plan, &pod, &nic, err);
	for (size_t i = 0; rc == 0 && i < plan->n_ips; i++)
		rc = look_for(&pod, &plan->ips[i].address, nic.index, false, err);
	/* a result does not say which link a route is of */
	for (size_t i = 0; rc == 0 && i < expected->n_routes; i++)
		rc = look_for(&pod, &expected->routes[i].dst, 0, true, err);
	return rc;
}
