/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>

#include "cni/neigh.h"
#include "cni/rule.h"
#include "tests/unit/cni_world.h"

static const struct mac mac_a = { { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa } };
static const struct mac mac_b = { { 2, 1, 2, 3, 4, 5 } };

/* The attribute of a type among those that follow, by libmnl alone; NULL: none. */
static const struct nlattr *attr_in(const void *begin, size_t len, uint16_t type)
{
	const struct nlattr *attr = begin;

	while (mnl_attr_ok(attr, (int)((const char *)begin + len - (const char *)attr))) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
		attr = mnl_attr_next(attr);
	}
	return NULL;
}

static const struct nlattr *attr_of(const struct nlmsghdr *nlh, size_t header, uint16_t type)
{
	const char *begin = mnl_nlmsg_get_payload_offset(nlh, header);

	return attr_in(begin, (size_t)((const char *)mnl_nlmsg_get_payload_tail(nlh) - begin),
		       type);
}

static const struct nlattr *attr_nested(const struct nlattr *outer, size_t header, uint16_t type)
{
	if (!outer || mnl_attr_get_payload_len(outer) < header)
		return NULL;
	return attr_in((const char *)mnl_attr_get_payload(outer) + header,
		       mnl_attr_get_payload_len(outer) - header, type);
}

static bool attr_is(const struct nlattr *attr, const void *bytes, size_t len)
{
	return attr && mnl_attr_get_payload_len(attr) == len &&
	       memcmp(mnl_attr_get_payload(attr), bytes, len) == 0;
}

static bool attr_is_u32(const struct nlattr *attr, uint32_t value)
{
	return attr_is(attr, &value, sizeof(value));
}

static const struct nlmsghdr *message_at(const struct rtnl_batch *batch, size_t i)
{
	return (const void *)(batch->bytes + batch->messages[i].at);
}

TEST(a_pair_is_one_message_with_the_peer_down)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	const struct link_pair pair = { .name = "azc0",
					.mac = mac_a,
					.group = 7,
					.peer_name = "eth0",
					.peer_mac = mac_b,
					.peer_netns = 9,
					.mtu = 1400 };
	const struct nlmsghdr *nlh;
	const struct ifinfomsg *outer;
	const struct ifinfomsg *inner;
	const struct nlattr *info;
	const struct nlattr *peer;
	const size_t header = sizeof(struct ifinfomsg);

	link_put_pair(batch, &pair);
	nlh = message_at(batch, 0);
	outer = mnl_nlmsg_get_payload(nlh);
	CHECK(nlh->nlmsg_type == RTM_NEWLINK);
	CHECK(nlh->nlmsg_flags == (NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL));
	CHECK(outer->ifi_flags == 0 && outer->ifi_change == 0 && outer->ifi_index == 0);
	CHECK(attr_is(attr_of(nlh, header, IFLA_IFNAME), "azc0", 5));
	CHECK(attr_is(attr_of(nlh, header, IFLA_ADDRESS), mac_a.bytes, 6));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_GROUP), 7));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_MTU), 1400));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_NUM_TX_QUEUES), 1));
	info = attr_of(nlh, header, IFLA_LINKINFO);
	CHECK(attr_is(attr_nested(info, 0, IFLA_INFO_KIND), "veth", 5));
	peer = attr_nested(attr_nested(info, 0, IFLA_INFO_DATA), 0, VETH_INFO_PEER);
	inner = peer ? mnl_attr_get_payload(peer) : outer;
	CHECK(peer && inner->ifi_flags == 0 && inner->ifi_change == 0);
	CHECK(attr_is(attr_nested(peer, header, IFLA_IFNAME), "eth0", 5));
	CHECK(attr_is(attr_nested(peer, header, IFLA_ADDRESS), mac_b.bytes, 6));
	CHECK(attr_is_u32(attr_nested(peer, header, IFLA_NET_NS_FD), 9));
	CHECK(attr_is_u32(attr_nested(peer, header, IFLA_MTU), 1400));
	CHECK(attr_is_u32(attr_nested(peer, header, IFLA_NUM_RX_QUEUES), 1));
	rtnl_batch_free(batch);
}

TEST(a_netkit_pair_has_a_mode_and_no_addresses)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	const struct link_pair pair = { .kind = LINK_NETKIT,
					.name = "azc0",
					.mac = mac_a,
					.group = 7,
					.peer_name = "eth0",
					.peer_mac = mac_b,
					.peer_netns = 9,
					.mtu = 1400 };
	const size_t header = sizeof(struct ifinfomsg);
	const struct nlmsghdr *nlh;
	const struct nlattr *data;
	const struct nlattr *peer;

	link_put_pair(batch, &pair);
	nlh = message_at(batch, 0);
	CHECK(attr_is(attr_of(nlh, header, IFLA_IFNAME), "azc0", 5));
	CHECK(!attr_of(nlh, header, IFLA_ADDRESS));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_GROUP), 7));
	data = attr_of(nlh, header, IFLA_LINKINFO);
	CHECK(attr_is(attr_nested(data, 0, IFLA_INFO_KIND), "netkit", 7));
	data = attr_nested(data, 0, IFLA_INFO_DATA);
	CHECK(attr_is_u32(attr_nested(data, 0, 5), 1)); /* IFLA_NETKIT_MODE, NETKIT_L3 */
	peer = attr_nested(data, 0, 1);			/* IFLA_NETKIT_PEER_INFO */
	CHECK(attr_is(attr_nested(peer, header, IFLA_IFNAME), "eth0", 5));
	CHECK(!attr_nested(peer, header, IFLA_ADDRESS));
	CHECK(attr_is_u32(attr_nested(peer, header, IFLA_NET_NS_FD), 9));
	CHECK(attr_is_u32(attr_nested(peer, header, IFLA_MTU), 1400));
	rtnl_batch_free(batch);
}

TEST(a_link_of_ipvlan_is_born_in_the_pod_in_mode_l3s)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	const struct link_ipvlan link = { .name = "azc0", .master = 4, .netns = 9, .mtu = 1400 };
	const uint16_t l3s = 2;
	const uint16_t none = 0xffff;
	const size_t header = sizeof(struct ifinfomsg);
	const struct nlmsghdr *nlh;
	const struct nlattr *info;

	link_put_ipvlan(batch, &link);
	link_put_probe(batch, "ipvlan");
	link_put_probe(batch, "netkit");
	nlh = message_at(batch, 0);
	CHECK(nlh->nlmsg_type == RTM_NEWLINK);
	CHECK(nlh->nlmsg_flags == (NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL));
	CHECK(attr_is(attr_of(nlh, header, IFLA_IFNAME), "azc0", 5));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_LINK), 4));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_NET_NS_FD), 9));
	CHECK(attr_is_u32(attr_of(nlh, header, IFLA_MTU), 1400));
	info = attr_of(nlh, header, IFLA_LINKINFO);
	CHECK(attr_is(attr_nested(info, 0, IFLA_INFO_KIND), "ipvlan", 7));
	info = attr_nested(info, 0, IFLA_INFO_DATA);
	CHECK(attr_is(attr_nested(info, 0, IFLA_IPVLAN_MODE), &l3s, sizeof(l3s)));
	/* a mode that there is not: a kernel that has the kind says EINVAL, and makes nothing */
	info = attr_of(message_at(batch, 1), header, IFLA_LINKINFO);
	info = attr_nested(info, 0, IFLA_INFO_DATA);
	CHECK(attr_is(attr_nested(info, 0, IFLA_IPVLAN_MODE), &none, sizeof(none)));
	info = attr_of(message_at(batch, 2), header, IFLA_LINKINFO);
	CHECK(attr_is_u32(attr_nested(attr_nested(info, 0, IFLA_INFO_DATA), 0, 5), 0xffff));
	rtnl_batch_free(batch);
}

TEST(the_mode_of_ipvlan_is_read_and_of_nothing_else)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	const struct link_ipvlan slave = { .name = "azc0", .master = 4, .netns = 9 };
	const struct link_pair pair = { .name = "azc1", .peer_name = "eth0" };
	struct nlmsghdr *nlh;
	struct link link;

	link_put_ipvlan(batch, &slave);
	link_put_pair(batch, &pair);
	for (size_t i = 0; i < 2; i++) {
		nlh = (void *)(batch->bytes + batch->messages[i].at);
		((struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_index = 7;
		CHECK(link_parse(nlh, &link) == 0);
		CHECK(link.ipvlan_mode == (i == 0 ? LINK_IPVLAN_L3S : -1));
		CHECK_TEXT(link.kind, i == 0 ? "ipvlan" : "veth");
	}
	CHECK(link.index == 7);
	rtnl_batch_free(batch);
}

TEST(addresses_have_no_network_and_no_wait)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct address address = world_address("10.1.2.3");
	struct address address6 = world_address("fd00::3");
	const struct ifaddrmsg *header;
	const struct nlmsghdr *nlh;

	addr_put(batch, 5, &address, false);
	addr_put(batch, 5, &address6, false);
	nlh = message_at(batch, 0);
	header = mnl_nlmsg_get_payload(nlh);
	CHECK(header->ifa_family == AF_INET && header->ifa_prefixlen == 32);
	CHECK(header->ifa_index == 5 && header->ifa_scope == RT_SCOPE_UNIVERSE);
	CHECK(attr_is(attr_of(nlh, sizeof(*header), IFA_LOCAL), "\x0a\x01\x02\x03", 4));
	CHECK(attr_is_u32(attr_of(nlh, sizeof(*header), IFA_FLAGS), IFA_F_NOPREFIXROUTE));
	nlh = message_at(batch, 1);
	CHECK(attr_is_u32(attr_of(nlh, sizeof(*header), IFA_FLAGS),
			  IFA_F_NOPREFIXROUTE | IFA_F_NODAD));
	rtnl_batch_free(batch);
}

TEST(parsers_read_what_builders_write)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	const struct route route = { .dst = world_address("10.0.0.0/8"),
				     .gw = world_address("10.9.9.9"),
				     .oif = 3,
				     .table = 1000,
				     .priority = 5,
				     .mtu = 1300,
				     .advmss = 1200,
				     .protocol = RTNL_PROTOCOL,
				     .onlink = true };
	const struct neigh neigh = { .address = world_address("fe80::1"),
				     .mac = mac_b,
				     .index = 4,
				     .state = NUD_PERMANENT,
				     .flags = NTF_ROUTER };
	const struct rule rule = { .dst = world_address("1.2.3.4"),
				   .iif = "lo",
				   .priority = 9,
				   .sport = { 1, 65534 },
				   .dport = { 80, 81 },
				   .ip_proto = 6,
				   .action = FR_ACT_PROHIBIT,
				   .protocol = RTNL_PROTOCOL };
	struct route got_route = { 0 };
	struct neigh got_neigh = { 0 };
	const struct rule jump = { .dst = { .family = AF_INET6 },
				   .src = world_address("fd00::1"),
				   .iif = "eth0",
				   .priority = 9,
				   .target = 10,
				   .action = FR_ACT_GOTO };
	struct rule got_rule = { 0 };
	struct link link = { 0 };

	route_put(batch, &route, ROUTE_REPLACE);
	neigh_put(batch, &neigh);
	rule_put(batch, &rule);
	CHECK(route_parse(message_at(batch, 0), &got_route) == 0);
	CHECK(address_equal(&got_route.dst, &route.dst) && got_route.dst.prefix == 8);
	CHECK(address_equal(&got_route.gw, &route.gw) && got_route.table == 1000);
	CHECK(got_route.oif == 3 && got_route.priority == 5 && got_route.onlink);
	CHECK(got_route.mtu == 1300 && got_route.advmss == 1200);
	CHECK(neigh_parse(message_at(batch, 1), &got_neigh) == 0);
	CHECK(address_equal(&got_neigh.address, &neigh.address) && got_neigh.index == 4);
	CHECK(mac_equal(&got_neigh.mac, &mac_b) && got_neigh.flags == NTF_ROUTER);
	CHECK(rule_parse(message_at(batch, 2), &got_rule) == 0);
	CHECK(rule_equal(&got_rule, &rule));
	rule_put(batch, &jump);
	CHECK(rule_parse(message_at(batch, 3), &got_rule) == 0);
	CHECK(rule_equal(&got_rule, &jump) && !rule_equal(&got_rule, &rule));
	CHECK(link_parse(message_at(batch, 2), &link) == -EBADMSG);
	rtnl_batch_free(batch);
}

TEST(messages_cut_short_are_refused)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_NEWLINK, 0, "short");
	struct link link;
	struct addr addr;
	struct route route;

	CHECK(link_parse(nlh, &link) == -EBADMSG);
	nlh->nlmsg_type = RTM_NEWADDR;
	CHECK(addr_parse(nlh, &addr) == -EBADMSG);
	nlh->nlmsg_type = RTM_NEWROUTE;
	CHECK(route_parse(nlh, &route) == -EBADMSG);
	/* An attribute that says it is longer than its message. */
	nlh->nlmsg_type = RTM_NEWLINK;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	((struct nlattr *)mnl_nlmsg_get_payload_offset(nlh, sizeof(struct ifinfomsg)))->nla_len =
		999;
	CHECK(link_parse(nlh, &link) == -EBADMSG);
	rtnl_batch_free(batch);
}

TEST(a_batch_that_is_too_long_is_not_sent)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct rtnl rtnl = { 0 };

	for (int i = 0; i < 2 * RTNL_BATCH_MESSAGES; i++)
		link_put_get(batch, 1);
	CHECK(rtnl_send(&rtnl, batch, &err) == -EMSGSIZE);
	rtnl_batch_clear(batch);
	CHECK(rtnl_open(&rtnl, &err) == 0);
	for (int i = 0; i < RTNL_BATCH_MESSAGES; i++)
		link_put_get(batch, 1);
	CHECK(rtnl_send(&rtnl, batch, &err) == 0);
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
}

TEST(each_message_is_answered_for)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct rtnl rtnl = { 0 };
	struct world world;

	if (world_begin(&world) == 0) {
		struct address address = world_address("10.9.0.7/24");
		int index;

		CHECK(rtnl_open(&rtnl, &err) == 0);
		index = world_index(&rtnl, "nic0");
		CHECK((fcntl(mnl_socket_get_fd(rtnl.socket), F_GETFD) & FD_CLOEXEC) != 0);
		link_put_delete(batch, "none");
		rtnl_ignore(batch, ENODEV);
		addr_put(batch, index, &address, true);
		addr_put(batch, index, &address, true);
		addr_put(batch, 9999, &address, true);
		link_put_up(batch, 0, "gone", true);
		rtnl_ignore(batch, ENODEV);
		CHECK(rtnl_send(&rtnl, batch, &err) == -EEXIST);
		printf("# %s\n", err.msg);
		CHECK(strncmp(err.msg, "add address 10.9.0.7/24: file exists", 36) == 0);
		CHECK(batch->messages[0].result == -ENODEV);
		CHECK(batch->messages[1].result == 0);
		CHECK(batch->messages[2].result == -EEXIST);
		CHECK(batch->messages[3].result == -ENODEV);
		CHECK(batch->messages[4].result == -ENODEV);
		rtnl_done(&rtnl);
		world_end(&world);
	}
	rtnl_batch_free(batch);
}

static int enter_sees(void *owner, struct err *err)
{
	int *has = owner;
	struct rtnl rtnl = { 0 };

	if (rtnl_open(&rtnl, err) < 0)
		return err->code;
	*has = world_index(&rtnl, "nic0") != 0;
	rtnl_done(&rtnl);
	return 17;
}

TEST(namespaces_are_checked_and_left_again)
{
	struct err err = { 0 };
	struct world world;
	char path[64];
	int fd = -1;
	int has = 1;
	int pod;

	CHECK(netns_open("/nonexistent/netns", &fd, &err) == 1);
	CHECK(netns_open("/etc/passwd", &fd, &err) == 1);
	CHECK(netns_open("/proc/self/ns/mnt", &fd, &err) == -100008);
	CHECK(netns_open("/proc/self/ns/net", &fd, &err) == -100008);
	CHECK(fd == -1);
	if (world_begin(&world) != 0)
		return;
	pod = world_netns();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pod);
	CHECK(netns_open(path, &fd, &err) == 0);
	CHECK(netns_run(fd, enter_sees, &has, &err) == 17);
	CHECK(!has);
	CHECK(netns_run(world.host, enter_sees, &has, &err) == 17);
	CHECK(has);
	(void)close(fd);
	(void)close(pod);
	world_end(&world);
}
