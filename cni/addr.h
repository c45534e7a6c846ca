/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about addresses of links. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cni/address.h"

struct nlmsghdr;
struct rtnl_batch;

/* An address that a link has. */
struct addr {
	struct address address; /* with its prefix */
	int index;
	uint32_t flags; /* IFA_F_* */
};

/* Read RTM_NEWADDR. Returns 0 or -EBADMSG; written on success only. */
int addr_parse(const struct nlmsghdr *nlh, struct addr *addr);

/*
 * Give a link an address, at once usable (no duplicate address detection).
 *
 * with_network   add the route to its network, too; link-local addresses get their scope
 */
void addr_put(struct rtnl_batch *batch, int index, const struct address *address,
	      bool with_network);

/* Take an address from a link; one that it has not is success. */
void addr_put_delete(struct rtnl_batch *batch, int index, const struct address *address);

/* Ask for the addresses of a family on a link; 0: any. */
void addr_put_dump(struct rtnl_batch *batch, uint8_t family, int index);
