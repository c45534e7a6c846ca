/* SPDX-License-Identifier: Apache-2.0 */
/* What ways to connect a pod have in common: its side of things, and the plan made concrete. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/datapath/datapath.h"
#include "cni/link.h"

struct err;
struct rtnl;

enum { POD_ROUTES_MAX = CNI_ROUTES_MAX + 2 };

/* Every route that the pod gets. */
struct pod_routes {
	struct cni_route routes[POD_ROUTES_MAX];
	size_t n;
};

/* Does the plan have an address of that family? */
bool pod_has_family(const struct datapath_plan *plan, uint8_t family);

/* "CONTAINER/IFNAME". Returns 0 or CNI_ENVIRONMENT_INVALID: too long for the kernel. */
int pod_alias(const struct datapath_plan *plan, char alias[LINK_ALIAS_ROOM], struct err *err);

/* As an address that is alone on its link: without a network. */
struct address pod_alone(const struct address *address);

/* The plan's routes, then the default routes that are neither among them nor unwanted. */
void pod_routes(const struct datapath_plan *plan, struct pod_routes *out);

/*
 * Open a netlink socket in the pod's network namespace, and, where the plan has IPv6, see that the
 * pod's link takes it and believes no router but ours.
 *
 * Returns 0 or negative.
 */
int pod_open(const struct datapath_plan *plan, struct rtnl *rtnl, struct err *err);

/* Open a netlink socket in a namespace. Returns 0 or negative. */
int pod_open_netns(int netns, struct rtnl *rtnl, struct err *err);

/*
 * Wait until the pod answers at its addresses of IPv6: the kernel adds their local routes from a
 * work queue, even without duplicate address detection, and drops what comes before. After
 * POD_AWAIT_MS it is left to come later.
 *
 * Source: net/ipv6/addrconf.c, addrconf_dad_start, addrconf_dad_completed. Measured on Linux 6.18:
 * 75 of 200 were not there when the address was.
 */
enum { POD_AWAIT_MS = 500 };
void pod_await_ipv6(const struct datapath_plan *plan, struct rtnl *pod);

/* The same for one address of a link (0: any) of the namespace that the socket is in. */
void pod_await_local(struct rtnl *rtnl, const struct address *address, int link);

/* Find a link by name. Returns 0, 1 (there is none), or negative. */
int pod_find_link(struct rtnl *rtnl, const char *name, struct link *link, struct err *err);

/*
 * Find the NIC of the host that the plan means.
 *
 * Returns 0, CNI_UNAVAILABLE (there is none), or negative.
 */
int pod_find_nic(const struct datapath_plan *plan, struct rtnl *host, struct link *nic,
		 struct err *err);

/* The plan's MTU, or the NIC's. Returns 0 or CNI_CONFIG_INVALID: more than the NIC's. */
int pod_choose_mtu(const struct datapath_plan *plan, const struct link *nic, uint32_t *mtu,
		   struct err *err);

/*
 * Has the kernel links of a kind, "netkit" or "ipvlan"?
 *
 * needs   what to do when not
 *
 * Returns 0, CNI_UNAVAILABLE, or negative.
 */
int pod_check_kind(struct rtnl *host, const char *kind, const char *needs, struct err *err);

/* 0, or CNI_UNAVAILABLE when the host does not pass on packets of a family that the plan has; of a
 * plan without addresses, packets of neither. */
int pod_check_forwarding(const struct datapath_plan *plan, struct err *err);

/* Append an interface to a result; it may have no MAC (NULL), and none is what netkit has; sandbox
 * is copied (NULL: the host's). Returns 0 or -ENOMEM. */
int pod_add_interface(struct cni_result *result, const char *name, const struct mac *mac,
		      uint32_t mtu, const char *sandbox, struct err *err);
