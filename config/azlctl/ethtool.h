/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings and channels of a NIC, by the kernel's ethtool family of generic netlink; no program
 * ethtool is needed.
 *
 * Source: kernel Documentation/networking/ethtool-netlink.rst, RINGS_GET to CHANNELS_SET.
 */
#pragma once

#include <stdint.h>

#include "cni/rtnl.h"

struct err;
struct nlmsghdr;

enum ethtool_part { ETHTOOL_PART_RINGS, ETHTOOL_PART_CHANNELS };

/* Entries of rings, or numbers of channels; 0: the driver has no such thing. */
struct ethtool_numbers {
	uint32_t rx;
	uint32_t tx;
	uint32_t combined; /* channels that receive and send */
};

struct ethtool_counts {
	struct ethtool_numbers now;
	struct ethtool_numbers max;
};

struct ethtool {
	struct rtnl rtnl;
	uint16_t family;
};

/* Open it for the caller's network namespace. Returns 0, -EOPNOTSUPP (a kernel without), or
 * another negative errno value; ethtool_done() after success. */
int ethtool_open(struct ethtool *ethtool, struct err *err);
void ethtool_done(struct ethtool *ethtool);

/* Returns 0, -EOPNOTSUPP (the driver does not tell), -ENODEV (no such link), ... */
int ethtool_get(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		struct ethtool_counts *counts, struct err *err);

/* Set all numbers that are not 0, in one message. Returns as ethtool_get(); the text of a failure
 * has the kernel's own words. */
int ethtool_set(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		const struct ethtool_numbers *numbers, struct err *err);

/* ---- the messages; pure ---- */

void ethtool_put_get(struct rtnl_batch *batch, uint16_t family, enum ethtool_part part,
		     const char *link);
void ethtool_put_set(struct rtnl_batch *batch, uint16_t family, enum ethtool_part part,
		     const char *link, const struct ethtool_numbers *numbers);

/* An answer to ethtool_put_get(). Returns 0 or -EBADMSG; what it does not say is 0. */
int ethtool_parse(const struct nlmsghdr *nlh, enum ethtool_part part,
		  struct ethtool_counts *counts);
