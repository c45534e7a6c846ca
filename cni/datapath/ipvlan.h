/* SPDX-License-Identifier: Apache-2.0 */
/* What ipvlan.c and ipvlan_mode.c agree on. */
#pragma once

#include "cni/link.h"

struct err;
struct rtnl;

/*
 * May links in mode L3S be made on a NIC? The mode is of all that are on it: making one in another
 * mode changes the others. Looked at are those in the host's namespace and in the ones that have a
 * name in /run/netns; one that is found speaks for all.
 *
 * host   a socket in the host's network namespace
 *
 * Returns 0, CNI_CONFIG_INVALID (there are links in another mode: the text says where), or
 * negative.
 *
 * Source: drivers/net/ipvlan/ipvlan_main.c, ipvlan_set_port_mode.
 */
int ipvlan_check_mode(struct rtnl *host, const struct link *nic, struct err *err);
