/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/ipam.h"

#include "cni/netconf.h"

const struct ipam *ipam_of(const struct netconf *netconf)
{
	switch (netconf->ipam) {
	case IPAM_RANGES:
		return &ipam_ranges;
	case IPAM_IMDS:
		return &ipam_imds;
	case IPAM_CNS:
		return &ipam_cns;
	case IPAM_DELEGATE:
		return &ipam_delegate;
	case IPAM_NONE:
		break;
	}
	return NULL;
}
