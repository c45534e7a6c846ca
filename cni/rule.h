/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about rules of routing. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/result.h"

struct nlmsghdr;
struct rtnl_batch;

/* A rule; unset is zero. */
struct rule {
	struct address dst;	 /* with its prefix */
	char iif[CNI_NAME_ROOM]; /* "lo": what the host itself sends */
	uint32_t priority;
	uint32_t table; /* of action FR_ACT_TO_TBL */
	uint16_t port;	/* of the destination */
	uint8_t ip_proto;
	uint8_t action;	  /* FR_ACT_* */
	uint8_t protocol; /* whose rule */
};

/* Read RTM_NEWRULE. Returns 0 or -EBADMSG; written on success only. */
int rule_parse(const struct nlmsghdr *nlh, struct rule *rule);

bool rule_equal(const struct rule *a, const struct rule *b);

/* Add a rule (one that is there is success) or delete it (one that is not is). */
void rule_put(struct rtnl_batch *batch, const struct rule *rule);
void rule_put_delete(struct rtnl_batch *batch, const struct rule *rule);

void rule_put_dump(struct rtnl_batch *batch, uint8_t family);
