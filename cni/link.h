/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about links. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/result.h"

struct nlmsghdr;
struct rtnl_batch;

enum {
	LINK_ALIAS_ROOM = 256, /* IFALIASZ */
	LINK_KIND_ROOM = 16,
	LINK_DRIVER_ROOM = 16,
};

/* What is known of a link; unset is zero or empty. */
struct link {
	int index;
	int peer;	    /* IFLA_LINK: of a pair, or below; in that one's namespace */
	int master;	    /* IFLA_MASTER */
	unsigned int flags; /* IFF_* */
	uint32_t mtu;
	uint32_t group;
	bool has_mac;
	struct mac mac;
	int ipvlan_mode; /* IPVLAN_MODE_*; -1: of another kind */
	char name[CNI_NAME_ROOM];
	char kind[LINK_KIND_ROOM]; /* "veth"; of hardware: empty */
	char alias[LINK_ALIAS_ROOM];
	char driver[LINK_DRIVER_ROOM]; /* not in the message: nic.c finds it */
};

enum link_pair_kind {
	LINK_VETH,
	LINK_NETKIT, /* on layer 3: without MAC addresses and neighbours */
};

/* A pair of links whose other end is born in another network namespace. */
struct link_pair {
	enum link_pair_kind kind;
	const char *name;
	struct mac mac; /* of veth */
	uint32_t group;
	const char *peer_name;
	struct mac peer_mac;
	int peer_netns;
	uint32_t mtu; /* of both */
};

/* A link on another one, born in another network namespace, on layer 3 as seen by the host's
 * LOCAL_IN (IPVLAN_MODE_L3S). */
struct link_ipvlan {
	const char *name;
	int master; /* number of the other one, here */
	int netns;
	uint32_t mtu;
};

enum { LINK_IPVLAN_L3S = 2 }; /* headers before 4.9 lack it */

/* A setting of IPv4 on a link. Source: include/uapi/linux/ip.h, IPV4_DEVCONF_*. */
struct link_setting {
	uint16_t id;
	uint32_t value;
};

/* Read RTM_NEWLINK. Returns 0 or -EBADMSG; the link is written on success only. */
int link_parse(const struct nlmsghdr *nlh, struct link *link);

/* As rtnl_reply_fn; owner is a struct link. */
int link_reply(void *owner, const struct nlmsghdr *nlh);

/* As the kernel calls it: "veth". */
const char *link_pair_kind_text(enum link_pair_kind kind);

/*
 * Make a pair, both ends down: a peer that is to be up fails the request, since it is opened before
 * it has a partner. (An alias would be ignored: it needs a message of its own.)
 *
 * Source: drivers/net/veth.c, veth_newlink; drivers/net/netkit.c, netkit_new_link.
 */
void link_put_pair(struct rtnl_batch *batch, const struct link_pair *pair);

/* Make a link on another one, down. Source: drivers/net/ipvlan/ipvlan_main.c, ipvlan_link_new. */
void link_put_ipvlan(struct rtnl_batch *batch, const struct link_ipvlan *link);

/*
 * Ask for a link of a kind, "netkit" or "ipvlan", in a mode that there is not: EINVAL from a kernel
 * that has the kind, EOPNOTSUPP from one that has not; nothing is made.
 */
void link_put_probe(struct rtnl_batch *batch, const char *kind);

/* Ask for one link, by name or number; all of a kind, or all (kind NULL). */
void link_put_get_name(struct rtnl_batch *batch, const char *name);
void link_put_get(struct rtnl_batch *batch, int index);
void link_put_dump(struct rtnl_batch *batch, const char *kind);

/* Switch a link on or off. By name where the number is not known yet. */
void link_put_up(struct rtnl_batch *batch, int index, const char *name, bool up);

/* No link-local address of its own making. A kernel without IPv6 says EAFNOSUPPORT: ignored. */
void link_put_no_link_local(struct rtnl_batch *batch, int index, const char *name);

void link_put_settings(struct rtnl_batch *batch, int index, const char *name,
		       const struct link_setting *settings, size_t n);
void link_put_group(struct rtnl_batch *batch, int index, const char *name, uint32_t group);
void link_put_alias(struct rtnl_batch *batch, int index, const char *name, const char *alias);

/* Rename a link; it must be down on kernels before 6.2. */
void link_put_rename(struct rtnl_batch *batch, int index, const char *name);

/* Move a link into a namespace under another name, in one message. */
void link_put_move(struct rtnl_batch *batch, int index, const char *name, int netns,
		   const char *new_name);

/* Delete one link, by name; or each of a group (never 0: that is every link of the host). */
void link_put_delete(struct rtnl_batch *batch, const char *name);
void link_put_delete_group(struct rtnl_batch *batch, uint32_t group);
