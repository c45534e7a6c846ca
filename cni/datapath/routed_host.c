/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of routed.c. */
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/routed.h"
#include "cni/netns.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "config/base/err.h"

const struct mac routed_host_mac = { { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa } };

/*
 * A pod that may send raw packets can say that it is a router, also one without an address of IPv6:
 * the host must not take its default route from there, whatever it does with other links.
 *
 * Source: CVE-2020-10749.
 */
static int routed_believe_no_router(const struct routed_work *work, struct err *err)
{
	char name[80];
	int rc;

	(void)snprintf(name, sizeof(name), "net/ipv6/conf/%s/accept_ra", work->plan->host_name);
	rc = netns_sysctl(name, "0", err);
	return rc < 0 ? rc : 0; /* 1: no IPv6 in this kernel, or on links of this MTU */
}

int routed_set_up_host(struct routed_work *work, struct err *err)
{
	/* Strict: what comes from the pod has the pod's address. */
	const struct link_setting settings[] = {
		{ IPV4_DEVCONF_RP_FILTER, 1 },
		{ IPV4_DEVCONF_PROXY_ARP, 1 },
		{ IPV4_DEVCONF_FORWARDING, 1 },
	};
	const struct datapath_plan *plan = work->plan;
	int index = work->host_end.index;

	if (routed_believe_no_router(work, err) < 0) /* before it is up */
		return err->code;
	rtnl_batch_clear(work->batch);
	link_put_alias(work->batch, index, NULL, work->alias);
	link_put_no_link_local(work->batch, index, NULL);
	link_put_settings(work->batch, index, NULL, settings,
			  sizeof(settings) / sizeof(settings[0]));
	link_put_up(work->batch, index, NULL, true);
	/*
	 * The gateway's: a pod whose MAC address was changed has lost its permanent neighbours and
	 * asks for it, and the host asks for pods from it.
	 */
	if (work->kind == LINK_VETH && pod_has_family(plan, AF_INET6)) {
		const struct address gateway = pod_alone(routed_gateway(AF_INET6));

		addr_put(work->batch, index, &gateway, false);
	}
	/*
	 * No neighbours: whoever speaks to the pod first asks for it. One that is told in advance
	 * is believed for eight seconds after a plugin behind us gave the pod another MAC address.
	 * Source: net/core/neighbour.c, delay_first_probe_time and ucast_solicit.
	 *
	 * Last: this is what makes the pod reachable.
	 */
	for (size_t i = 0; i < plan->n_ips; i++) {
		const struct route route = { .dst = pod_alone(&plan->ips[i].address),
					     .oif = index,
					     .protocol = RTNL_PROTOCOL,
					     .scope = RT_SCOPE_LINK };

		route_put(work->batch, &route, ROUTE_REPLACE);
	}
	return rtnl_send(work->host, work->batch, err);
}
