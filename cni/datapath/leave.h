/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs that DEL leaves to the end of the pod's network namespace, whose end removes them anyway
 * and at nobody's expense: removing one by itself waits for the kernel's readers, 17 ms under the
 * lock that every ADD needs. Both ends are down, the host's is in the group RTNL_GROUP_GONE, the
 * pod's has no address: there is no traffic, and nothing in the pod can switch the host's end on
 * again.
 */
#pragma once

#include <stdbool.h>

struct datapath_plan;
struct err;
struct rtnl;

/*
 * Take the pod off the network and leave its pair; with it go the guards that were its own.
 *
 * host   in the host's network namespace
 * plan   with the pod's network namespace
 *
 * Returns false when there is no such pair, its other end is not in that namespace, or anything
 * failed: it is to be removed then.
 */
bool leave_pair(struct rtnl *host, const struct datapath_plan *plan);

/*
 * Remove what was left in the pod's namespace under the plan's ifname.
 *
 * Returns 0, 1 (who has the name is nothing that was left), or negative.
 */
int leave_clear(struct rtnl *host, const struct datapath_plan *plan, struct err *err);
