/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "cni/link.h"
#include "config/azlctl/ethtool.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/nic.h"
#include "config/base/err.h"
#include "tests/unit/cni_world.h"
#include "tests/unit/test.h"

/* ---- which ---- */

static const struct mac mac_0 = { { 0x00, 0x0d, 0x3a, 1, 2, 3 } };
static const struct mac mac_1 = { { 0x00, 0x0d, 0x3a, 1, 2, 4 } };

#define NAMED(number, text) .index = (number), .name = (text), .has_mac = true

TEST(every_synthetic_nic_is_chosen_with_its_functions)
{
	const struct link links[] = {
		{ NAMED(9, "enP1s1"), .mac = mac_0, .master = 2, .driver = "mlx5_core" },
		{ NAMED(2, "eth0"), .mac = mac_0, .driver = "hv_netvsc" },
		{ NAMED(3, "eth1"), .mac = mac_1, .driver = "hv_netvsc" },
		/* not joined yet: the MAC tells */
		{ NAMED(12, "enP2s1"), .mac = mac_1, .driver = "mana" },
		{ NAMED(5, "docker0"), .mac = mac_1 },
		{ .index = 1, .name = "lo" },
	};
	struct host_facts facts = { 0 };

	/* The route does not matter: at boot there is none. */
	nic_choose(links, 6, 0, &facts);
	CHECK(facts.n_nics == 4);
	CHECK_TEXT(facts.nics[0].name, "eth0");
	CHECK_TEXT(facts.nics[1].name, "enP1s1");
	CHECK_TEXT(facts.nics[2].name, "eth1");
	CHECK_TEXT(facts.nics[3].name, "enP2s1");
	CHECK(!facts.nics[0].is_vf && facts.nics[1].is_vf && facts.nics[3].is_vf);
}

TEST(elsewhere_it_is_the_nic_of_the_default_route)
{
	const struct link links[] = {
		{ NAMED(2, "eth0"), .mac = mac_0, .driver = "virtio_net" },
		{ NAMED(3, "eth1"), .mac = mac_1, .driver = "virtio_net" },
		{ .index = 1, .name = "lo" },
	};
	struct host_facts facts = { 0 };

	nic_choose(links, 3, 3, &facts);
	CHECK(facts.n_nics == 1 && !facts.nics[0].is_vf);
	CHECK_TEXT(facts.nics[0].name, "eth1");
	facts.n_nics = 0;
	nic_choose(links, 3, 0, &facts);
	CHECK(facts.n_nics == 0);
}

/* ---- texts ---- */

TEST(settings_are_read_as_they_are_written)
{
	static const char *const bad[] = { "rx",    "rx ",    "rx x",	  "rx 1 2",
					   "xx 1",  " rx 1",  "rx  1",	  "rx 4294967296",
					   "rx -1", "rx1 tx", "combined", "rx 1 tx" };
	const struct ethtool_numbers rings = { .rx = 1024, .tx = 4294967295 };
	const struct ethtool_numbers channels = { .combined = 8 };
	struct ethtool_numbers again;
	char text[NIC_TEXT_ROOM];

	nic_format(&rings, text);
	CHECK_TEXT(text, "rx 1024 tx 4294967295");
	CHECK(nic_parse(text, &again) == 0 && memcmp(&again, &rings, sizeof(again)) == 0);
	nic_format(&channels, text);
	CHECK_TEXT(text, "combined 8");
	CHECK(nic_parse(text, &again) == 0 && memcmp(&again, &channels, sizeof(again)) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(nic_parse(bad[i], &again) == -EINVAL);
		CHECK(again.combined == 8);
	}
}

static const char *wished(const char *wishes, const struct ethtool_counts *counts)
{
	static char text[NIC_TEXT_ROOM];
	struct ethtool_numbers numbers;

	if (nic_wish(wishes, counts, &numbers) != 0)
		return "(nothing)";
	nic_format(&numbers, text);
	return text;
}

TEST(wishes_go_as_far_as_the_device)
{
	/* hv_netvsc, mlx5_core and mana as they come */
	const struct ethtool_counts netvsc = { .now = { .rx = 9709, .tx = 170 },
					       .max = { .rx = 18811, .tx = 2560 } };
	const struct ethtool_counts mana = { .now = { .rx = 512, .tx = 256 },
					     .max = { .rx = 8192, .tx = 16384 } };
	const struct ethtool_counts channels = { .now = { .combined = 16 },
						 .max = { .combined = 32 } };
	const struct ethtool_counts veth = { .now = { .rx = 4, .tx = 4 },
					     .max = { .rx = 4, .tx = 3 } };
	const struct ethtool_counts none = { { 0 }, { 0 } };

	CHECK_TEXT(wished("rx>=1024", &netvsc), "rx 9709 tx 170");
	CHECK_TEXT(wished("rx=1024", &netvsc), "rx 1024 tx 170");
	CHECK_TEXT(wished("rx=max tx=4096", &netvsc), "rx 18811 tx 2560");
	CHECK_TEXT(wished("rx>=1024", &mana), "rx 1024 tx 256");
	CHECK_TEXT(wished("rx>=1024 tx=512", &mana), "rx 1024 tx 512");
	CHECK_TEXT(wished("channels=8", &channels), "combined 8");
	CHECK_TEXT(wished("channels=64", &channels), "combined 32");
	CHECK_TEXT(wished("channels=max", &channels), "combined 32");
	CHECK_TEXT(wished("channels=max", &veth), "rx 4 tx 3");
	CHECK_TEXT(wished("channels=2", &veth), "rx 2 tx 2");
	CHECK_TEXT(wished("rx=64", &channels), "(nothing)");
	CHECK_TEXT(wished("channels=2", &none), "(nothing)");
}

/* ---- messages ---- */

static struct genlmsghdr *answer(char room[512], uint8_t command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct genlmsghdr *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	nlh->nlmsg_type = 0x15;
	header->cmd = command;
	return header;
}

TEST(answers_of_the_kernel_are_read)
{
	char room[512] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = (void *)room;
	struct ethtool_counts counts;

	(void)answer(room, ETHTOOL_MSG_RINGS_GET_REPLY);
	mnl_attr_put_u32(nlh, ETHTOOL_A_RINGS_RX_MAX, 8192);
	mnl_attr_put_u32(nlh, ETHTOOL_A_RINGS_RX, 1024);
	mnl_attr_put_u8(nlh, ETHTOOL_A_RINGS_TX_MAX, 9); /* of a wrong size */
	mnl_attr_put_u32(nlh, ETHTOOL_A_RINGS_TX, 256);
	mnl_attr_put_u8(nlh, ETHTOOL_A_RINGS_TCP_DATA_SPLIT, 1);
	CHECK(ethtool_parse(nlh, ETHTOOL_PART_RINGS, &counts) == 0);
	CHECK(counts.now.rx == 1024 && counts.now.tx == 256 && counts.now.combined == 0);
	CHECK(counts.max.rx == 8192 && counts.max.tx == 0);
	/* not what was asked for, and cut short */
	CHECK(ethtool_parse(nlh, ETHTOOL_PART_CHANNELS, &counts) == -EBADMSG);
	nlh->nlmsg_len = NLMSG_LENGTH(2);
	CHECK(ethtool_parse(nlh, ETHTOOL_PART_RINGS, &counts) == -EBADMSG);

	(void)answer(room, ETHTOOL_MSG_CHANNELS_GET_REPLY);
	mnl_attr_put_u32(nlh, ETHTOOL_A_CHANNELS_COMBINED_MAX, 64);
	mnl_attr_put_u32(nlh, ETHTOOL_A_CHANNELS_COMBINED_COUNT, 16);
	CHECK(ethtool_parse(nlh, ETHTOOL_PART_CHANNELS, &counts) == 0);
	CHECK(counts.now.combined == 16 && counts.max.combined == 64 && counts.now.rx == 0);
}

TEST(a_request_names_the_link_and_numbers_that_are_there)
{
	struct err err = { 0 };
	own_batch struct rtnl_batch *batch = rtnl_batch_new(&err);
	const struct ethtool_numbers numbers = { .rx = 2048, .combined = 7 };
	const struct nlmsghdr *nlh = (const void *)batch->bytes;
	const struct genlmsghdr *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	ethtool_put_set(batch, 0x15, ETHTOOL_PART_RINGS, "eth0", &numbers);
	CHECK(nlh->nlmsg_type == 0x15 && header->cmd == ETHTOOL_MSG_RINGS_SET);
	attr = rtnl_attr(nlh, GENL_HDRLEN);
	CHECK(attr && mnl_attr_get_type(attr) == ETHTOOL_A_RINGS_HEADER);
	CHECK_TEXT(mnl_attr_get_str(rtnl_nested(attr)), "eth0");
	attr = rtnl_attr_next(nlh, attr);
	CHECK(attr && mnl_attr_get_type(attr) == ETHTOOL_A_RINGS_RX);
	CHECK(attr && mnl_attr_get_u32(attr) == 2048);
	CHECK(attr && !rtnl_attr_next(nlh, attr)); /* no tx, and nothing of channels */
}

/* ---- the kernel ---- */

/* A pair of links with four queues each, as no datapath makes them. */
static int put_wide_pair(struct rtnl *rtnl, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "wide");
	struct nlattr *info, *data, *peer;

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "wide0");
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 4);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, 4);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "wide1");
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return rtnl_send(rtnl, batch, err);
}

TEST(channels_of_a_link_are_set_and_rings_it_has_none)
{
	const struct ethtool_numbers two = { .rx = 2, .tx = 3 }, many = { .rx = 9 };
	struct ethtool_counts counts;
	struct host_facts facts = { 0 };
	struct ethtool ethtool;
	struct rtnl rtnl = { 0 };
	struct world world;
	struct err err = { 0 };

	if (world_begin(&world) != 0)
		return;
	CHECK(rtnl_open(&rtnl, &err) == 0 && put_wide_pair(&rtnl, &err) == 0);
	CHECK(ethtool_open(&ethtool, &err) == 0);
	CHECK(ethtool_get(&ethtool, ETHTOOL_PART_CHANNELS, "wide0", &counts, &err) == 0);
	CHECK(counts.max.rx == 4 && counts.max.tx == 4 && counts.max.combined == 0);
	CHECK(ethtool_set(&ethtool, ETHTOOL_PART_CHANNELS, "wide0", &two, &err) == 0);
	CHECK(ethtool_get(&ethtool, ETHTOOL_PART_CHANNELS, "wide0", &counts, &err) == 0);
	CHECK(counts.now.rx == 2 && counts.now.tx == 3);
	CHECK(ethtool_set(&ethtool, ETHTOOL_PART_CHANNELS, "wide0", &many, &err) == -EINVAL);
	CHECK(strncmp(err.msg, "channels of wide0: ", 19) == 0);
	CHECK(ethtool_get(&ethtool, ETHTOOL_PART_RINGS, "wide0", &counts, &err) == -EOPNOTSUPP);
	CHECK(ethtool_get(&ethtool, ETHTOOL_PART_RINGS, "none0", &counts, &err) == -ENODEV);
	ethtool_done(&ethtool);
	rtnl_done(&rtnl);
	/* The world's NIC has its default route. */
	CHECK(nic_read_facts(&facts, &err) == 0 && facts.n_nics == 1);
	CHECK_TEXT(facts.nics[0].name, "nic0");
	world_end(&world);
}
