/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses in a configuration: read, put together, checked. Pure. */
#pragma once

#include <stddef.h>

#include "cni/netconf.h"
#include "cni/read.h"

struct err;

struct range_list {
	struct netconf_range ranges[NETCONF_RANGES_MAX];
	size_t n;
};

/*
 * One value of a list of sets of ranges, [[{"subnet": ...}]].
 *
 * level   of the outer index
 *
 * Returns as the readers in read.h.
 */
int ranges_read(const struct read_value *value, int level, struct range_list *list);

/* A key of a range at `level`; without regard to case. Returns as ranges_read. */
int ranges_read_key(const struct read_value *value, int level, struct netconf_range *range);

/* Append a list; its sets come after those that are there. 0 or CNI_CONFIG_INVALID: too many. */
int ranges_append(struct netconf *netconf, const struct range_list *list, struct err *err);

/*
 * Are all ranges inside their subnets, of one family in each set, and apart from each other?
 *
 * Returns 0 or CNI_CONFIG_INVALID.
 *
 * Source: host-local, range.go and range_set.go.
 */
int ranges_check(const struct netconf *netconf, struct err *err);
