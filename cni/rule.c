/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/rule.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/rtnl.h"

static void rule_parse_ports(const struct nlattr *attr, struct rule_ports *ports)
{
	struct fib_rule_port_range range;

	if (mnl_attr_get_payload_len(attr) != sizeof(range))
		return;
	memcpy(&range, mnl_attr_get_payload(attr), sizeof(range));
	*ports = (struct rule_ports){ range.start, range.end };
}

static void rule_parse_attr(const struct nlattr *attr, uint8_t family, struct rule *rule)
{
	const void *payload = mnl_attr_get_payload(attr);
	uint16_t type = mnl_attr_get_type(attr);
	uint16_t len = mnl_attr_get_payload_len(attr);

	if (type == FRA_DST && len == address_bytes(family)) {
		memcpy(rule->dst.bytes, payload, len);
	} else if (type == FRA_SRC && len == address_bytes(family)) {
		memcpy(rule->src.bytes, payload, len);
	} else if (type == FRA_IIFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0) {
		(void)snprintf(rule->iif, sizeof(rule->iif), "%s", (const char *)payload);
	} else if (type == FRA_DPORT_RANGE) {
		rule_parse_ports(attr, &rule->dport);
	} else if (type == FRA_SPORT_RANGE) {
		rule_parse_ports(attr, &rule->sport);
	} else if (len == 1) {
		if (type == FRA_IP_PROTO)
			rule->ip_proto = mnl_attr_get_u8(attr);
		else if (type == FRA_PROTOCOL)
			rule->protocol = mnl_attr_get_u8(attr);
	} else if (len == sizeof(uint32_t)) {
		if (type == FRA_PRIORITY)
			rule->priority = mnl_attr_get_u32(attr);
		else if (type == FRA_GOTO)
			rule->target = mnl_attr_get_u32(attr);
		else if (type == FRA_TABLE)
			rule->table = mnl_attr_get_u32(attr);
	}
}

int rule_parse(const struct nlmsghdr *nlh, struct rule *rule)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(nlh);
	struct rule read = { 0 };
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWRULE || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	if (header->family != AF_INET && header->family != AF_INET6)
		return -EBADMSG;
	read.dst.family = header->family;
	read.dst.prefix = header->dst_len;
	read.src.family = header->src_len ? header->family : 0;
	read.src.prefix = header->src_len;
	read.table = header->table;
	read.action = header->action;
	for (attr = rtnl_attr(nlh, sizeof(*header)); attr; attr = rtnl_attr_next(nlh, attr))
		rule_parse_attr(attr, header->family, &read);
	*rule = read;
	return 0;
}

static bool rule_ports_equal(const struct rule_ports *a, const struct rule_ports *b)
{
	return a->first == b->first && a->last == b->last;
}

bool rule_equal(const struct rule *a, const struct rule *b)
{
	return address_equal(&a->dst, &b->dst) && a->dst.prefix == b->dst.prefix &&
	       address_equal(&a->src, &b->src) && a->src.prefix == b->src.prefix &&
	       strcmp(a->iif, b->iif) == 0 && a->priority == b->priority && a->table == b->table &&
	       a->target == b->target && rule_ports_equal(&a->sport, &b->sport) &&
	       rule_ports_equal(&a->dport, &b->dport) && a->ip_proto == b->ip_proto &&
	       a->action == b->action && a->protocol == b->protocol;
}

static void rule_put_ports(struct nlmsghdr *nlh, uint16_t type, const struct rule_ports *ports)
{
	struct fib_rule_port_range range = { .start = ports->first, .end = ports->last };

	if (ports->first)
		mnl_attr_put(nlh, type, sizeof(range), &range);
}

static void rule_put_as(struct rtnl_batch *batch, uint16_t type, uint16_t flags, const char *what,
			const struct rule *rule)
{
	uint8_t family = rule->dst.family;
	char text[ADDRESS_TEXT_ROOM];
	struct nlmsghdr *nlh;
	struct fib_rule_hdr *header;

	address_format(&rule->dst, true, text);
	nlh = rtnl_put(batch, type, flags, "%s rule to %s port %d", what, text, rule->dport.first);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->family = family;
	header->dst_len = rule->dst.prefix;
	header->action = rule->action;
	header->src_len = rule->src.prefix;
	if (rule->dst.prefix)
		mnl_attr_put(nlh, FRA_DST, address_bytes(family), rule->dst.bytes);
	if (rule->src.prefix)
		mnl_attr_put(nlh, FRA_SRC, address_bytes(family), rule->src.bytes);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, rule->protocol);
	if (rule->iif[0])
		mnl_attr_put_strz(nlh, FRA_IIFNAME, rule->iif);
	if (rule->table)
		mnl_attr_put_u32(nlh, FRA_TABLE, rule->table);
	if (rule->target)
		mnl_attr_put_u32(nlh, FRA_GOTO, rule->target);
	if (rule->ip_proto)
		mnl_attr_put_u8(nlh, FRA_IP_PROTO, rule->ip_proto);
	rule_put_ports(nlh, FRA_SPORT_RANGE, &rule->sport);
	rule_put_ports(nlh, FRA_DPORT_RANGE, &rule->dport);
}

void rule_put(struct rtnl_batch *batch, const struct rule *rule)
{
	rule_put_as(batch, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, "add", rule);
	rtnl_ignore(batch, EEXIST);
}

void rule_put_delete(struct rtnl_batch *batch, const struct rule *rule)
{
	rule_put_as(batch, RTM_DELRULE, 0, "delete", rule);
	rtnl_ignore(batch, ENOENT);
}

void rule_put_dump(struct rtnl_batch *batch, uint8_t family)
{
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_GETRULE, 0, "list rules");
	struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	header->family = family;
}
