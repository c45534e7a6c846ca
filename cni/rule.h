/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about rules of routing. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/result.h"

struct nlmsghdr;
struct rtnl_batch;

struct rule_ports {
	uint16_t first; /* 0: any, and those of packets whose ports cannot be read */
	uint16_t last;	/* not 65535: the kernel takes no such range */
};

/* A rule; unset is zero. */
struct rule {
	struct address dst;	 /* with its prefix; prefix 0: any of its family */
	struct address src;	 /* the same, of the family of dst */
	char iif[CNI_NAME_ROOM]; /* "lo": what the host itself sends */
	uint32_t priority;
	uint32_t table;	 /* of action FR_ACT_TO_TBL */
	uint32_t target; /* of action FR_ACT_GOTO: priority of the rule to go on with */
	struct rule_ports sport;
	struct rule_ports dport;
	uint8_t ip_proto;
	uint8_t action;	  /* FR_ACT_* */
	uint8_t protocol; /* whose rule */
};

/* Read RTM_NEWRULE. Returns 0 or -EBADMSG; written on success only. */
int rule_parse(const struct nlmsghdr *nlh, struct rule *rule);

bool rule_equal(const struct rule *a, const struct rule *b);

/*
 * Add a rule (one that is there is success) or delete it (one that is not is). To add one that is
 * there changes nothing: the kernel compares all of it first.
 *
 * Source: net/core/fib_rules.c, fib_nl_newrule, rule_exists.
 */
void rule_put(struct rtnl_batch *batch, const struct rule *rule);
void rule_put_delete(struct rtnl_batch *batch, const struct rule *rule);

void rule_put_dump(struct rtnl_batch *batch, uint8_t family);
