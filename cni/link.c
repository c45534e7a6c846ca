/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/rtnl.h"

enum {
	LINK_GEN_MODE = 8, /* IFLA_INET6_ADDR_GEN_MODE */
	LINK_GEN_MODE_NONE = 1,
};

/* Headers before 6.7 lack netkit's. Source: include/uapi/linux/if_link.h, veth.h. */
enum {
	LINK_PEER = VETH_INFO_PEER, /* also IFLA_NETKIT_PEER_INFO */
	LINK_NETKIT_MODE = 5,	    /* IFLA_NETKIT_MODE */
	LINK_NETKIT_L3 = 1,	    /* NETKIT_L3 */
	LINK_NO_MODE = 0xffff,
};

static void link_text(const struct nlattr *attr, char *out, size_t room)
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		(void)snprintf(out, room, "%s", mnl_attr_get_str(attr));
}

static uint32_t link_number(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 ? mnl_attr_get_u32(attr) : 0;
}

static void link_parse_info(const struct nlattr *info, struct link *link)
{
	const struct nlattr *data = NULL;

	for (const struct nlattr *attr = rtnl_nested(info); attr;
	     attr = rtnl_nested_next(info, attr)) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			link_text(attr, link->kind, sizeof(link->kind));
		if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (!data || strcmp(link->kind, "ipvlan") != 0)
		return;
	for (const struct nlattr *attr = rtnl_nested(data); attr;
	     attr = rtnl_nested_next(data, attr))
		if (mnl_attr_get_type(attr) == IFLA_IPVLAN_MODE &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			link->ipvlan_mode = mnl_attr_get_u16(attr);
}

static void link_parse_attr(const struct nlattr *attr, struct link *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		link_text(attr, link->name, sizeof(link->name));
		break;
	case IFLA_IFALIAS:
		link_text(attr, link->alias, sizeof(link->alias));
		break;
	case IFLA_MTU:
		link->mtu = link_number(attr);
		break;
	case IFLA_GROUP:
		link->group = link_number(attr);
		break;
	case IFLA_MASTER:
		link->master = (int)link_number(attr);
		break;
	case IFLA_LINK:
		link->peer = (int)link_number(attr);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == MAC_BYTES) {
			link->has_mac = true;
			memcpy(link->mac.bytes, mnl_attr_get_payload(attr), MAC_BYTES);
		}
		break;
	case IFLA_LINKINFO:
		link_parse_info(attr, link);
		break;
	default:
		break;
	}
}

int link_parse(const struct nlmsghdr *nlh, struct link *link)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(nlh);
	struct link read = { .ipvlan_mode = -1 };
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	read.index = header->ifi_index;
	read.flags = header->ifi_flags;
	for (attr = rtnl_attr(nlh, sizeof(*header)); attr; attr = rtnl_attr_next(nlh, attr))
		link_parse_attr(attr, &read);
	if (read.index <= 0 || !read.name[0])
		return -EBADMSG;
	*link = read;
	return 0;
}

int link_reply(void *owner, const struct nlmsghdr *nlh)
{
	return link_parse(nlh, owner);
}

static struct nlmsghdr *link_put(struct rtnl_batch *batch, uint16_t type, uint16_t flags, int index,
				 const char *name, const char *what)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *header;

	if (name)
		nlh = rtnl_put(batch, type, flags, "%s %s", what, name);
	else
		nlh = rtnl_put(batch, type, flags, "%s %d", what, index);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->ifi_index = index;
	if (index == 0 && name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return nlh;
}

const char *link_pair_kind_text(enum link_pair_kind kind)
{
	return kind == LINK_NETKIT ? "netkit" : "veth";
}

/* What both ends of a pair say of themselves; mac NULL: they have none. */
static void link_put_end(struct nlmsghdr *nlh, const char *name, const struct mac *mac,
			 uint32_t mtu)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, MAC_BYTES, mac->bytes);
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	/* Without this there is one queue for each CPU of the host, and its memory. */
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, 1);
}

void link_put_pair(struct rtnl_batch *batch, const struct link_pair *pair)
{
	bool netkit = pair->kind == LINK_NETKIT;
	struct nlmsghdr *nlh =
		rtnl_put(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
			 "create link %s with %s in the pod", pair->name, pair->peer_name);
	struct nlattr *info;
	struct nlattr *data;
	struct nlattr *peer;

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	link_put_end(nlh, pair->name, netkit ? NULL : &pair->mac, pair->mtu);
	mnl_attr_put_u32(nlh, IFLA_GROUP, pair->group);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, link_pair_kind_text(pair->kind));
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	if (netkit)
		mnl_attr_put_u32(nlh, LINK_NETKIT_MODE, LINK_NETKIT_L3);
	peer = mnl_attr_nest_start(nlh, LINK_PEER);
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	link_put_end(nlh, pair->peer_name, netkit ? NULL : &pair->peer_mac, pair->mtu);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)pair->peer_netns);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

void link_put_ipvlan(struct rtnl_batch *batch, const struct link_ipvlan *link)
{
	struct nlmsghdr *nlh =
		rtnl_put(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
			 "create link %s on link %d in the pod", link->name, link->master);
	struct nlattr *info;
	struct nlattr *data;

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, link->name);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)link->master);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)link->netns);
	if (link->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, link->mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "ipvlan");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u16(nlh, IFLA_IPVLAN_MODE, LINK_IPVLAN_L3S);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

void link_put_probe(struct rtnl_batch *batch, const char *kind)
{
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
					"ask whether there is %s", kind);
	struct nlattr *info;
	struct nlattr *data;

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	if (strcmp(kind, "ipvlan") == 0)
		mnl_attr_put_u16(nlh, IFLA_IPVLAN_MODE, LINK_NO_MODE);
	else
		mnl_attr_put_u32(nlh, LINK_NETKIT_MODE, LINK_NO_MODE);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

void link_put_get_name(struct rtnl_batch *batch, const char *name)
{
	(void)link_put(batch, RTM_GETLINK, 0, 0, name, "find link");
}

void link_put_get(struct rtnl_batch *batch, int index)
{
	(void)link_put(batch, RTM_GETLINK, 0, index, NULL, "find link");
}

void link_put_dump(struct rtnl_batch *batch, const char *kind)
{
	struct nlmsghdr *nlh = link_put(batch, RTM_GETLINK, 0, 0, NULL, "list links");
	struct nlattr *info;

	if (!kind)
		return;
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
}

void link_put_up(struct rtnl_batch *batch, int index, const char *name, bool up)
{
	struct nlmsghdr *nlh =
		link_put(batch, RTM_SETLINK, 0, index, name, up ? "set up link" : "set down link");
	struct ifinfomsg *header = mnl_nlmsg_get_payload(nlh);

	header->ifi_flags = up ? IFF_UP : 0;
	header->ifi_change = IFF_UP;
}

void link_put_no_link_local(struct rtnl_batch *batch, int index, const char *name)
{
	struct nlmsghdr *nlh =
		link_put(batch, RTM_SETLINK, 0, index, name, "switch off link-local addresses of");
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);

	mnl_attr_put_u8(nlh, LINK_GEN_MODE, LINK_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	rtnl_ignore(batch, EAFNOSUPPORT);
}

void link_put_settings(struct rtnl_batch *batch, int index, const char *name,
		       const struct link_setting *settings, size_t n)
{
	struct nlmsghdr *nlh = link_put(batch, RTM_SETLINK, 0, index, name, "set up IPv4 of link");
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet = mnl_attr_nest_start(nlh, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(nlh, IFLA_INET_CONF);

	for (size_t i = 0; i < n; i++)
		mnl_attr_put_u32(nlh, settings[i].id, settings[i].value);
	mnl_attr_nest_end(nlh, conf);
	mnl_attr_nest_end(nlh, inet);
	mnl_attr_nest_end(nlh, spec);
}

void link_put_group(struct rtnl_batch *batch, int index, const char *name, uint32_t group)
{
	struct nlmsghdr *nlh =
		link_put(batch, RTM_SETLINK, 0, index, name, "set the group of link");

	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
}

void link_put_alias(struct rtnl_batch *batch, int index, const char *name, const char *alias)
{
	struct nlmsghdr *nlh =
		link_put(batch, RTM_SETLINK, 0, index, name, "set the alias of link");

	mnl_attr_put_str(nlh, IFLA_IFALIAS, alias);
}

void link_put_rename(struct rtnl_batch *batch, int index, const char *name)
{
	struct nlmsghdr *nlh = link_put(batch, RTM_SETLINK, 0, index, name, "rename link to");

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
}

void link_put_move(struct rtnl_batch *batch, int index, const char *name, int netns,
		   const char *new_name)
{
	struct nlmsghdr *nlh = link_put(batch, RTM_SETLINK, 0, index, name, "move link");

	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, new_name);
}

void link_put_delete(struct rtnl_batch *batch, const char *name)
{
	(void)link_put(batch, RTM_DELLINK, 0, 0, name, "delete link");
}

void link_put_delete_group(struct rtnl_batch *batch, uint32_t group)
{
	struct nlmsghdr *nlh = link_put(batch, RTM_DELLINK, 0, 0, NULL, "delete links of a group");

	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
}
