/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses for pods that something has bound on the host's NIC, as cloud-init does with all that
 * it finds at boot. */
#include <linux/if_addr.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/datapath.h"
#include "cni/nic.h"
#include "cni/rtnl.h"
#include "config/base/err.h"

struct claim {
	const struct address *wanted;
	struct addr found; /* index 0: not bound */
};

static int claim_see(void *owner, const struct nlmsghdr *nlh)
{
	struct claim *claim = owner;
	struct addr addr;

	if (addr_parse(nlh, &addr) == 0 && address_equal(&addr.address, claim->wanted))
		claim->found = addr;
	return 0;
}

static int claim_find(struct rtnl *rtnl, struct rtnl_batch *batch, int index, struct claim *claim,
		      struct err *err)
{
	int rc;

	addr_put_dump(batch, claim->wanted->family, index);
	rc = rtnl_dump(rtnl, batch, claim_see, NULL, claim, err);
	return rc == 0 && claim->found.index != index ? 1 : rc;
}

int datapath_claim(const struct address *address, const char *master, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl rtnl = { 0 };
	struct claim claim = { .wanted = address };
	struct link nic;
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open(&rtnl, err);
	if (rc == 0)
		rc = nic_resolve(&rtnl, &(struct nic_wish){ .name = master }, &nic, err);
	if (rc == 0)
		rc = claim_find(&rtnl, batch, nic.index, &claim, err);
	if (rc != 0)
		return rc;
	/* With the first one of a network the kernel takes all others of it along. */
	if (address->family == AF_INET && claim.found.address.prefix < 32 &&
	    !(claim.found.flags & IFA_F_SECONDARY))
		return 1;
	rtnl_batch_clear(batch);
	addr_put_delete(batch, nic.index, &claim.found.address);
	return rtnl_send(&rtnl, batch, err);
}
