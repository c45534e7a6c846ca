/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's NICs, and their settings as texts: what is in force ("rx 1024 tx 512", "combined 8")
 * and what is wished ("rx>=1024 tx=512", "channels=max").
 */
#pragma once

#include <stddef.h>

struct err;
struct ethtool_counts;
struct ethtool_numbers;
struct host_facts;
struct link;

enum { NIC_TEXT_ROOM = 64 };

/*
 * Put the host's NICs into the facts: every hv_netvsc, and on other hosts the NIC of the default
 * route; each followed by the virtual functions behind it. At boot there is no route yet.
 *
 * Returns 0 (also without any) or negative.
 */
int nic_read_facts(struct host_facts *facts, struct err *err);

/*
 * Choose among all links. Pure.
 *
 * route   number of the default route's link; 0: none
 */
void nic_choose(const struct link *links, size_t n, int route, struct host_facts *facts);

/* Pure. "" for numbers that are all 0. */
void nic_format(const struct ethtool_numbers *numbers, char text[NIC_TEXT_ROOM]);

/* Read what nic_format() wrote. Returns 0 or -EINVAL. Pure. */
int nic_parse(const char *text, struct ethtool_numbers *numbers);

/*
 * What is to be set: the wishes as far as the device goes, the rest as it is. "channels" are
 * combined ones; of a device without, those that receive and those that send. Pure.
 *
 * Returns 0, or 1 (the device has nothing of what is wished).
 */
int nic_wish(const char *wishes, const struct ethtool_counts *counts,
	     struct ethtool_numbers *numbers);
