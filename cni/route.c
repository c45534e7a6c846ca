/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/rtnl.h"

static void route_parse_metrics(const struct nlattr *metrics, struct route *route)
{
	const struct nlattr *attr;

	for (attr = rtnl_nested(metrics); attr; attr = rtnl_nested_next(metrics, attr)) {
		if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			continue;
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			route->mtu = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == RTAX_ADVMSS)
			route->advmss = mnl_attr_get_u32(attr);
	}
}

static void route_parse_address(const struct nlattr *attr, uint8_t family, struct address *address)
{
	if (mnl_attr_get_payload_len(attr) != address_bytes(family))
		return;
	address->family = family;
	memcpy(address->bytes, mnl_attr_get_payload(attr), address_bytes(family));
}

static void route_parse_attr(const struct nlattr *attr, uint8_t family, struct route *route)
{
	uint16_t type = mnl_attr_get_type(attr);

	if (type == RTA_DST) {
		route_parse_address(attr, family, &route->dst);
	} else if (type == RTA_GATEWAY) {
		route_parse_address(attr, family, &route->gw);
		route->gw.prefix = address_bits(family);
	} else if (type == RTA_METRICS) {
		route_parse_metrics(attr, route);
	} else if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0) {
		if (type == RTA_OIF)
			route->oif = (int)mnl_attr_get_u32(attr);
		else if (type == RTA_TABLE)
			route->table = mnl_attr_get_u32(attr);
		else if (type == RTA_PRIORITY)
			route->priority = mnl_attr_get_u32(attr);
	}
}

int route_parse(const struct nlmsghdr *nlh, struct route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(nlh);
	struct route read = { 0 };
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return -EBADMSG;
	read.dst.family = header->rtm_family;
	read.dst.prefix = header->rtm_dst_len;
	read.table = header->rtm_table;
	read.protocol = header->rtm_protocol;
	read.scope = header->rtm_scope;
	read.type = header->rtm_type;
	read.onlink = header->rtm_flags & RTNH_F_ONLINK;
	for (attr = rtnl_attr(nlh, sizeof(*header)); attr; attr = rtnl_attr_next(nlh, attr))
		route_parse_attr(attr, header->rtm_family, &read);
	*route = read;
	return 0;
}

int route_reply(void *owner, const struct nlmsghdr *nlh)
{
	return route_parse(nlh, owner);
}

void route_put(struct rtnl_batch *batch, const struct route *route, enum route_beside beside)
{
	static const uint16_t flags[] = {
		[ROUTE_REPLACE] = NLM_F_CREATE | NLM_F_REPLACE,
		[ROUTE_ALONE] = NLM_F_CREATE | NLM_F_EXCL,
		[ROUTE_AFTER] = NLM_F_CREATE | NLM_F_APPEND,
	};
	uint8_t family = route->dst.family;
	uint32_t table = route->table ? route->table : RT_TABLE_MAIN;
	char text[ADDRESS_TEXT_ROOM];
	struct nlmsghdr *nlh;
	struct rtmsg *header;

	address_format(&route->dst, true, text);
	nlh = rtnl_put(batch, RTM_NEWROUTE, flags[beside], "add route %s", text);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->rtm_family = family;
	header->rtm_dst_len = route->dst.prefix;
	header->rtm_table = (uint8_t)(table < 256 ? table : RT_TABLE_UNSPEC);
	header->rtm_protocol = route->protocol;
	header->rtm_scope = route->scope;
	header->rtm_type = route->type ? route->type : RTN_UNICAST;
	header->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	if (table >= 256)
		mnl_attr_put_u32(nlh, RTA_TABLE, table);
	if (route->dst.prefix)
		mnl_attr_put(nlh, RTA_DST, address_bytes(family), route->dst.bytes);
	if (route->gw.family)
		mnl_attr_put(nlh, RTA_GATEWAY, address_bytes(family), route->gw.bytes);
	if (route->oif)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)route->oif);
	if (route->priority)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->priority);
	if (route->mtu || route->advmss) {
		struct nlattr *metrics = mnl_attr_nest_start(nlh, RTA_METRICS);

		if (route->mtu)
			mnl_attr_put_u32(nlh, RTAX_MTU, route->mtu);
		if (route->advmss)
			mnl_attr_put_u32(nlh, RTAX_ADVMSS, route->advmss);
		mnl_attr_nest_end(nlh, metrics);
	}
}

static void route_put_ask(struct rtnl_batch *batch, const struct address *dst, int oif,
			  uint32_t flags)
{
	char text[ADDRESS_TEXT_ROOM];
	struct nlmsghdr *nlh;
	struct rtmsg *header;

	address_format(dst, false, text);
	nlh = rtnl_put(batch, RTM_GETROUTE, 0, "find the way to %s", text);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->rtm_family = dst->family;
	header->rtm_dst_len = address_bits(dst->family);
	header->rtm_flags = flags;
	mnl_attr_put(nlh, RTA_DST, address_bytes(dst->family), dst->bytes);
	if (oif)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)oif);
}

void route_put_get(struct rtnl_batch *batch, const struct address *dst, int oif)
{
	route_put_ask(batch, dst, oif, 0);
}

void route_put_match(struct rtnl_batch *batch, const struct address *dst)
{
	route_put_ask(batch, dst, 0, RTM_F_FIB_MATCH);
}

void route_put_dump(struct rtnl_batch *batch, uint8_t family, int oif)
{
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_GETROUTE, 0, "list routes");
	struct rtmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	header->rtm_family = family;
	if (oif)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)oif);
}
