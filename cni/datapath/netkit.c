/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As routed, with netkit in the place of veth: the same routes, the same guards, and neither MAC
 * addresses nor neighbours. Without a BPF program it is no faster; whoever brings one
 * (BPF_NETKIT_PRIMARY) finds the link to attach it to.
 *
 * Source: drivers/net/netkit.c.
 */
#include <errno.h>

#include "cni/datapath/routed.h"
#include "cni/rtnl.h"
#include "config/base/err.h"

static int netkit_check_kernel(struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	int rc = rtnl_open(&host, err);

	return rc < 0 ? rc
		      : pod_check_kind(&host, "netkit",
				       "a kernel of 6.7 or later with CONFIG_NETKIT, or "
				       "\"datapath\": \"routed\"",
				       err);
}

static int netkit_add(const struct datapath_plan *plan, struct cni_result *result, struct err *err)
{
	int rc = routed_add(LINK_NETKIT, plan, result, err);
	struct err absent;

	if (rc == -EOPNOTSUPP && netkit_check_kernel(&absent) < 0) {
		*err = absent;
		rc = absent.code;
	}
	return rc;
}

static int netkit_check(const struct datapath_plan *plan, const struct cni_result *expected,
			struct err *err)
{
	return routed_check(LINK_NETKIT, plan, expected, err);
}

static int netkit_status(const struct datapath_plan *plan, struct err *err)
{
	int rc = netkit_check_kernel(err);

	return rc < 0 ? rc : routed_status(plan, err);
}

const struct datapath datapath_netkit = {
	.name = "netkit",
	.add = netkit_add,
	.del = routed_del,
	.check = netkit_check,
	.status = netkit_status,
};
