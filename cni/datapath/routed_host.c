/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of routed.c. */
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/routed.h"
#include "cni/neigh.h"
#include "cni/route.h"
#include "cni/rtnl.h"

const struct mac routed_host_mac = { { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa } };

/* From routed_host_mac. The host asks for neighbours from it; without one it would not ask at all.
 */
static const struct address routed_host_local = {
	.family = AF_INET6,
	.prefix = 128,
	.bytes = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xa8, 0xaa, 0xaa, 0xff, 0xfe, 0xaa, 0xaa, 0xaa },
};

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

	rtnl_batch_clear(work->batch);
	link_put_alias(work->batch, index, NULL, work->alias);
	link_put_no_link_local(work->batch, index, NULL);
	link_put_settings(work->batch, index, NULL, settings,
			  sizeof(settings) / sizeof(settings[0]));
	link_put_up(work->batch, index, NULL, true);
	if (work->kind == LINK_VETH && pod_has_family(plan, AF_INET6))
		addr_put(work->batch, index, &routed_host_local, false);
	for (size_t i = 0; i < plan->n_ips && work->kind == LINK_VETH; i++) {
		/* Stale: used at once, yet asked for again should the pod's MAC be changed. */
		const struct neigh pod = { .address = plan->ips[i].address,
					   .mac = plan->pod_mac,
					   .index = index,
					   .state = NUD_STALE };

		neigh_put(work->batch, &pod);
	}
	/* Last: this is what makes the pod reachable. */
	for (size_t i = 0; i < plan->n_ips; i++) {
		const struct route route = { .dst = pod_alone(&plan->ips[i].address),
					     .oif = index,
					     .protocol = RTNL_PROTOCOL,
					     .scope = RT_SCOPE_LINK };

		route_put(work->batch, &route, true);
	}
	return rtnl_send(work->host, work->batch, err);
}
