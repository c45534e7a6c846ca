/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about routes. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cni/address.h"

struct nlmsghdr;
struct rtnl_batch;

/* A route; unset is zero. */
struct route {
	struct address dst; /* with its prefix; the default route has an address of zeroes */
	struct address gw;  /* family 0: none */
	int oif;
	uint32_t table; /* 0: main */
	uint32_t priority;
	uint32_t mtu;
	uint32_t advmss;
	uint8_t protocol;
	uint8_t scope;
	uint8_t type; /* RTN_*; 0: unicast */
	bool onlink;  /* the gateway is on the link whatever the other routes say */
};

/* Read RTM_NEWROUTE. Returns 0 or -EBADMSG; written on success only. */
int route_parse(const struct nlmsghdr *nlh, struct route *route);

/* As rtnl_reply_fn; owner is a struct route. */
int route_reply(void *owner, const struct nlmsghdr *nlh);

/* What becomes of a route to the same destination that is there. */
enum route_beside {
	ROUTE_REPLACE, /* it goes */
	ROUTE_ALONE,   /* it stays, and adding fails with EEXIST */
	ROUTE_AFTER,   /* it stays, and this one is used where it does not lead; of IPv4 */
};

/* Add a route. Source: net/ipv4/fib_trie.c, fib_table_insert. */
void route_put(struct rtnl_batch *batch, const struct route *route, enum route_beside beside);

/* Ask which way a packet of this host to that address would go; oif 0: through any link. */
void route_put_get(struct rtnl_batch *batch, const struct address *dst, int oif);

/* The same through any link, with the answer as the entry has it that decides: its dst and prefix.
 */
void route_put_match(struct rtnl_batch *batch, const struct address *dst);

/* Ask for the routes of a family through a link (0: any), in every table. */
void route_put_dump(struct rtnl_batch *batch, uint8_t family, int oif);
