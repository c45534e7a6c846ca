/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about neighbours. Pure. */
#pragma once

#include <stdint.h>

#include "cni/address.h"

struct nlmsghdr;
struct rtnl_batch;

/* Who has an address on a link. */
struct neigh {
	struct address address;
	struct mac mac;
	int index;
	uint16_t state; /* NUD_* */
	uint8_t flags;	/* NTF_* */
};

/* Read RTM_NEWNEIGH. Returns 0 or -EBADMSG; written on success only. */
int neigh_parse(const struct nlmsghdr *nlh, struct neigh *neigh);

/* Add a neighbour or replace what is known of it. */
void neigh_put(struct rtnl_batch *batch, const struct neigh *neigh);

/* Ask for the neighbours of a family on a link. */
void neigh_put_dump(struct rtnl_batch *batch, uint8_t family, int index);
