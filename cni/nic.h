/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the host's NICs is meant. On Azure a NIC is two links: the synthetic one that is to be
 * used (hv_netvsc), and with accelerated networking a PCI function with the same MAC that comes and
 * goes and must never be touched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/address.h"
#include "cni/link.h"

struct buf;
struct err;
struct rtnl;

/* How a NIC is named; the first that is set decides. */
struct nic_wish {
	const char *name;	       /* NULL: not given */
	const struct mac *mac;	       /* NULL: not given */
	const struct address *address; /* one that it has; NULL: not given */
};

/*
 * The link to use for a candidate: itself, or, when it is a virtual function, the synthetic NIC in
 * front of it. It is one when its master is hardware, or when it is a Mellanox or MANA function
 * with the MAC of an hv_netvsc that it has not joined yet. Pure.
 *
 * links   all links of the host, with drivers
 *
 * Source: drivers/net/hyperv/netvsc_drv.c, netvsc_vf_join (100 ms after registration).
 */
const struct link *nic_in_front(const struct link *links, size_t n, const struct link *candidate);

/* May a link of this driver be a virtual function? Pure. */
bool nic_is_vf_driver(const char *driver);

/*
 * All links of the host but the ends of pods' links; hardware with its driver.
 *
 * links   array of struct link, appended to; the caller frees
 *
 * Returns 0 or negative.
 */
int nic_links(struct rtnl *rtnl, struct buf *links, struct err *err);

/*
 * Find a NIC of the host; nothing wished: the one towards Azure's own address, which is the one of
 * the default route.
 *
 * rtnl   in the host's network namespace
 * nic    written on success
 *
 * Returns 0, 1 when there is no such NIC (err says which), or negative.
 */
int nic_resolve(struct rtnl *rtnl, const struct nic_wish *wish, struct link *nic, struct err *err);
