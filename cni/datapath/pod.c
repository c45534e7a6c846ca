/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/pod.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cni/error.h"
#include "cni/netns.h"
#include "cni/nic.h"
#include "cni/route.h"
#include "cni/rtnl.h"

enum { POD_AWAIT_STEP_US = 100 };

bool pod_has_family(const struct datapath_plan *plan, uint8_t family)
{
	for (size_t i = 0; i < plan->n_ips; i++)
		if (plan->ips[i].address.family == family)
			return true;
	return false;
}

int pod_alias(const struct datapath_plan *plan, char alias[LINK_ALIAS_ROOM], struct err *err)
{
	int len = snprintf(alias, LINK_ALIAS_ROOM, "%s/%s", plan->container, plan->ifname);

	if (len < LINK_ALIAS_ROOM)
		return 0;
	return cni_err(err, CNI_ENVIRONMENT_INVALID, "CNI_CONTAINERID: longer than %d bytes",
		       LINK_ALIAS_ROOM - CNI_NAME_ROOM - 1);
}

struct address pod_alone(const struct address *address)
{
	struct address alone = *address;

	alone.prefix = address_bits(address->family);
	return alone;
}

static bool pod_has_default(const struct pod_routes *routes, uint8_t family)
{
	for (size_t i = 0; i < routes->n; i++) {
		const struct cni_route *route = &routes->routes[i];

		if (route->dst.family == family && route->dst.prefix == 0 && route->table <= 0)
			return true;
	}
	return false;
}

void pod_routes(const struct datapath_plan *plan, struct pod_routes *out)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };

	out->n = 0;
	for (size_t i = 0; i < plan->n_routes && i < CNI_ROUTES_MAX; i++)
		if (pod_has_family(plan, plan->routes[i].dst.family))
			out->routes[out->n++] = plan->routes[i];
	for (size_t i = 0; i < sizeof(families) && !plan->skip_default_route; i++)
		if (pod_has_family(plan, families[i]) && !pod_has_default(out, families[i]))
			out->routes[out->n++] =
				(struct cni_route){ .dst = { .family = families[i] } };
}

struct pod_entry {
	const struct datapath_plan *plan;
	struct rtnl *rtnl;
};

static int pod_enter(void *owner, struct err *err)
{
	const struct pod_entry *entry = owner;
	const char *ifname = entry->plan->ifname;
	char name[80];
	int rc = rtnl_open(entry->rtnl, err);

	if (rc < 0 || !pod_has_family(entry->plan, AF_INET6))
		return rc;
	(void)snprintf(name, sizeof(name), "net/ipv6/conf/%s/disable_ipv6", ifname);
	rc = netns_sysctl(name, "0", err);
	if (rc == 1)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "an IPv6 address is given, but IPv6 is off in this kernel");
	if (rc < 0)
		return rc;
	(void)snprintf(name, sizeof(name), "net/ipv6/conf/%s/accept_ra", ifname);
	rc = netns_sysctl(name, "0", err);
	return rc < 0 ? rc : 0;
}

int pod_open(const struct datapath_plan *plan, struct rtnl *rtnl, struct err *err)
{
	struct pod_entry entry = { .plan = plan, .rtnl = rtnl };

	return netns_run(plan->netns, pod_enter, &entry, err);
}

static int pod_enter_netns(void *owner, struct err *err)
{
	return rtnl_open(owner, err);
}

int pod_open_netns(int netns, struct rtnl *rtnl, struct err *err)
{
	return netns_run(netns, pod_enter_netns, rtnl, err);
}

static bool pod_has_local(struct rtnl *rtnl, struct rtnl_batch *batch,
			  const struct address *address, int link)
{
	struct route route = { 0 };
	struct err ignored;

	rtnl_batch_clear(batch);
	route_put_get(batch, address, link);
	rtnl_reply(batch, route_reply, &route);
	return rtnl_send(rtnl, batch, &ignored) == 0 && route.type == RTN_LOCAL;
}

void pod_await_local(struct rtnl *rtnl, const struct address *address, int link)
{
	const struct timespec step = { .tv_nsec = POD_AWAIT_STEP_US * 1000L };
	struct err ignored;
	own_batch struct rtnl_batch *batch = rtnl_batch_new(&ignored);
	int left = POD_AWAIT_MS * 1000 / POD_AWAIT_STEP_US;

	while (batch && !pod_has_local(rtnl, batch, address, link) && left-- > 0)
		(void)nanosleep(&step, NULL);
}

void pod_await_ipv6(const struct datapath_plan *plan, struct rtnl *pod)
{
	for (size_t i = 0; i < plan->n_ips; i++)
		if (plan->ips[i].address.family == AF_INET6)
			pod_await_local(pod, &plan->ips[i].address, 0);
}

int pod_find_link(struct rtnl *rtnl, const char *name, struct link *link, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct link found;
	int rc;

	if (!batch)
		return err->code;
	link_put_get_name(batch, name);
	rtnl_reply(batch, link_reply, &found);
	rc = rtnl_send(rtnl, batch, err);
	if (rc == -ENODEV)
		return 1;
	if (rc == 0)
		*link = found;
	return rc;
}

int pod_find_nic(const struct datapath_plan *plan, struct rtnl *host, struct link *nic,
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

int pod_choose_mtu(const struct datapath_plan *plan, const struct link *nic, uint32_t *mtu,
		   struct err *err)
{
	if (plan->mtu > nic->mtu)
		return cni_err(err, CNI_CONFIG_INVALID, "\"mtu\": %u is more than the %u of %s",
			       plan->mtu, nic->mtu, nic->name);
	*mtu = plan->mtu ? plan->mtu : nic->mtu;
	return 0;
}

int pod_check_kind(struct rtnl *host, const char *kind, const char *needs, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	int rc;

	if (!batch)
		return err->code;
	link_put_probe(batch, kind);
	rtnl_ignore(batch, EINVAL);
	rc = rtnl_send(host, batch, err);
	if (rc == -EOPNOTSUPP)
		return cni_err(err, CNI_UNAVAILABLE,
			       "datapath: \"%s\": this kernel has no such links: it needs %s", kind,
			       needs);
	return rc;
}

/* A setting that is not there belongs to a kernel without that family: not ours to say here. */
static int pod_check_switch(const char *name, const char *as, struct err *err)
{
	if (netns_sysctl_read(name) != 0)
		return 0;
	return cni_err(err, CNI_UNAVAILABLE, "the host does not forward packets: set %s", as);
}

int pod_check_forwarding(const struct datapath_plan *plan, struct err *err)
{
	static const char all6[] = "net/ipv6/conf/all/forwarding";
	int rc = 0;

	if (pod_has_family(plan, AF_INET) || (plan->n_ips == 0 && netns_sysctl_read(all6) <= 0))
		rc = pod_check_switch("net/ipv4/ip_forward", "net.ipv4.ip_forward=1", err);
	if (rc == 0 && pod_has_family(plan, AF_INET6))
		rc = pod_check_switch(all6,
				      "net.ipv6.conf.all.forwarding=1 (and accept_ra=2 on the NIC, "
				      "or its default route goes)",
				      err);
	return rc;
}

int pod_add_interface(struct cni_result *result, const char *name, const struct mac *mac,
		      uint32_t mtu, const char *sandbox, struct err *err)
{
	struct cni_interface *interface = &result->interfaces[result->n_interfaces];
	char *copy = NULL;

	if (result->n_interfaces == CNI_INTERFACES_MAX)
		return err_set(err, -ENOSPC, "too many interfaces in a result");
	if (sandbox) {
		copy = strdup(sandbox);
		if (!copy)
			return err_set(err, -ENOMEM, "result: out of memory");
	}
	*interface = (struct cni_interface){ .has_mac = mac, .mtu = mtu, .sandbox = copy };
	if (mac)
		interface->mac = *mac;
	(void)snprintf(interface->name, sizeof(interface->name), "%s", name);
	result->n_interfaces++;
	return 0;
}
