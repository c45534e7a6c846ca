/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <net/if.h>

#include "cni/datapath/datapath.h"
#include "cni/datapath/nic.h"
#include "cni/error.h"
#include "cni/nic.h"
#include "cni/rule.h"
#include "tests/unit/cni_world.h"

static const struct mac mac_0 = { { 0x00, 0x0d, 0x3a, 1, 2, 3 } };
static const struct mac mac_1 = { { 0x00, 0x0d, 0x3a, 1, 2, 4 } };

TEST(a_function_that_joined_is_answered_with_its_master)
{
	/* As a dump of the kernel may come: functions first, NICs in the wrong order. */
	const struct link links[] = {
		{ .index = 9,
		  .name = "enP1s1",
		  .has_mac = true,
		  .mac = mac_0,
		  .master = 2,
		  .driver = "mlx5_core" },
		{ .index = 3,
		  .name = "eth1",
		  .has_mac = true,
		  .mac = mac_1,
		  .driver = "hv_netvsc" },
		{ .index = 2,
		  .name = "eth0",
		  .has_mac = true,
		  .mac = mac_0,
		  .driver = "hv_netvsc" },
		{ .index = 12, .name = "enP2s1", .has_mac = true, .mac = mac_1, .driver = "mana" },
		{ .index = 1, .name = "lo" },
	};

	CHECK(nic_in_front(links, 5, &links[0]) == &links[2]);
	CHECK(nic_in_front(links, 5, &links[1]) == &links[1]);
	CHECK(nic_in_front(links, 5, &links[2]) == &links[2]);
	/* Not joined yet: the MAC tells. */
	CHECK(nic_in_front(links, 5, &links[3]) == &links[1]);
	/* No synthetic NIC at all: an ordinary machine with that hardware. */
	CHECK(nic_in_front(&links[3], 1, &links[3]) == &links[3]);
	CHECK(nic_in_front(links, 5, &links[4]) == &links[4]);
}

TEST(a_nic_in_a_bridge_is_itself)
{
	const struct link links[] = {
		{ .index = 2,
		  .name = "eth0",
		  .has_mac = true,
		  .mac = mac_0,
		  .master = 5,
		  .driver = "virtio_net" },
		{ .index = 5, .name = "br0", .has_mac = true, .mac = mac_0, .kind = "bridge" },
	};

	CHECK(nic_in_front(links, 2, &links[0]) == &links[0]);
	CHECK(nic_is_vf_driver("mlx4_core") && nic_is_vf_driver("mana"));
	CHECK(!nic_is_vf_driver("virtio_net") && !nic_is_vf_driver(""));
}

TEST(nics_are_found_by_all_that_names_them)
{
	const struct address address = world_address("10.9.0.2");
	const struct address other = world_address("10.9.0.3");
	const struct mac none = { { 2, 2, 2, 2, 2, 2 } };
	struct world world;
	struct rtnl rtnl = { 0 };
	struct err err = { 0 };
	struct link nic = { 0 };

	if (world_begin(&world) != 0)
		return;
	CHECK(rtnl_open(&rtnl, &err) == 0);
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ 0 }, &nic, &err) == 0);
	CHECK_TEXT(nic.name, "nic0");
	CHECK(nic.mtu == 1400);
	nic.name[0] = '\0';
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ .address = &address }, &nic, &err) == 0);
	CHECK_TEXT(nic.name, "nic0");
	nic.name[0] = '\0';
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ .name = "nic0" }, &nic, &err) == 0);
	CHECK_TEXT(nic.name, "nic0");
	nic.name[0] = '\0';
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ .mac = &world_nic_mac }, &nic, &err) == 0);
	CHECK_TEXT(nic.name, "nic0");
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ .address = &other }, &nic, &err) == 1);
	CHECK_TEXT(err.msg, "no NIC has the address 10.9.0.3");
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ .mac = &none }, &nic, &err) == 1);
	CHECK(nic_resolve(&rtnl, &(struct nic_wish){ .name = "none" }, &nic, &err) == 1);
	CHECK_TEXT(nic.name, "nic0");
	rtnl_done(&rtnl);
	world_end(&world);
}

/* A second NIC, "nic1", and a pod that gets it. */
struct given {
	struct world world;
	struct rtnl host;
	struct cni_ip ip;
	struct datapath_plan plan;
	struct cni_result result;
};

static int given_begin(struct given *given)
{
	struct err err = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	int rc;

	memset(given, 0, sizeof(*given));
	rc = world_begin(&given->world);
	if (rc == 0) {
		CHECK(rtnl_open(&given->host, &err) == 0);
		world_put_nic(batch, "nic1", &mac_1, given->world.fabric);
		CHECK(rtnl_send(&given->host, batch, &err) == 0);
		given->ip.address = world_address("10.8.0.9/24");
		given->ip.gateway = world_address("10.8.0.1");
		given->plan.container = "c1";
		given->plan.ifname = "eth1";
		given->plan.host_name = "azc1";
		given->plan.attachment = "eth1";
		given->plan.netns = world_netns();
		given->plan.netns_path = "/run/netns/pod";
		given->plan.nic_mac = mac_1;
		given->plan.ips = &given->ip;
		given->plan.n_ips = 1;
	}
	rtnl_batch_free(batch);
	return rc;
}

static void given_end(struct given *given)
{
	if (given->plan.netns >= 0)
		(void)close(given->plan.netns);
	cni_result_done(&given->result);
	rtnl_done(&given->host);
	world_end(&given->world);
}

static bool is_free(struct given *given)
{
	struct err err;
	struct link nic = { 0 };

	return nic_resolve(&given->host, &(struct nic_wish){ .name = "nic1" }, &nic, &err) == 0 &&
	       !(nic.flags & IFF_UP) && !nic.alias[0] && mac_equal(&nic.mac, &mac_1);
}

TEST(a_nic_goes_into_the_pod_and_comes_back)
{
	struct given given;
	struct err err = { 0 };

	if (given_begin(&given) != 0)
		return;
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) == 0);
	CHECK(world_index(&given.host, "nic1") == 0);
	CHECK(given.result.n_interfaces == 1 && given.result.n_ips == 1);
	CHECK_TEXT(given.result.interfaces[0].name, "eth1");
	CHECK(given.result.interfaces[0].mtu == 1400);
	CHECK(datapath_nic.check(&given.plan, &given.result, &err) == 0);
	CHECK(datapath_nic.del(&given.plan, &err) == 0);
	CHECK(is_free(&given));
	CHECK(datapath_nic.check(&given.plan, &given.result, &err) < 0);
	CHECK(datapath_nic.del(&given.plan, &err) == 0);
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) == 0);
	CHECK(datapath_nic.del(&given.plan, &err) == 0);
	CHECK(is_free(&given));
	given_end(&given);
}

/* As a pod may: a link of its own making with a mark. -EOPNOTSUPP: not in this kernel. */
static int make_marked(void *owner, struct err *err)
{
	struct rtnl_batch *batch = rtnl_batch_new(err);
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "make evil");
	struct nlattr *info;
	int rc = rtnl_open(owner, err);

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "evil");
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "ifb");
	mnl_attr_nest_end(nlh, info);
	link_put_alias(batch, 0, "evil", "azl-nic:eth9:c1/eth1");
	rc = rc < 0 ? rc : rtnl_send(owner, batch, err);
	rtnl_done(owner);
	rtnl_batch_free(batch);
	return rc;
}

TEST(a_link_that_the_pod_has_made_is_not_brought_to_the_host)
{
	struct rtnl pod = { 0 };
	struct given given;
	struct err err = { 0 };
	int rc;

	if (given_begin(&given) != 0)
		return;
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) == 0);
	rc = netns_run(given.plan.netns, make_marked, &pod, &err);
	if (rc < 0)
		printf("# skip: %s\n", err.msg);
	CHECK(rc == 0 || rc == -EOPNOTSUPP);
	CHECK(datapath_nic.del(&given.plan, &err) == 0);
	CHECK(is_free(&given));
	CHECK(world_index(&given.host, "eth9") == 0 && world_index(&given.host, "evil") == 0);
	given_end(&given);
}

TEST(a_nic_that_the_kernel_gave_back_is_put_in_order)
{
	struct given given;
	struct err err = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	int index;

	if (given_begin(&given) != 0) {
		rtnl_batch_free(batch);
		return;
	}
	/* As the end of the namespace leaves it: on the host, under another name. */
	index = world_index(&given.host, "nic1");
	link_put_alias(batch, index, NULL, "azl-nic:nic1:c1/eth1");
	link_put_rename(batch, index, "dev7");
	CHECK(rtnl_send(&given.host, batch, &err) == 0);
	rtnl_batch_free(batch);
	(void)close(given.plan.netns);
	given.plan.netns = -1;
	CHECK(datapath_nic.del(&given.plan, &err) == 0);
	CHECK(is_free(&given));
	given_end(&given);
}

TEST(a_nic_that_cannot_be_set_up_comes_back)
{
	struct given given;
	struct err err = { 0 };

	if (given_begin(&given) != 0)
		return;
	given.ip.address.prefix = 99;
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) < 0);
	printf("# %s\n", err.msg);
	CHECK(is_free(&given));
	given.plan.ifname = "lo";
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) == -(CNI_ERR_BASE + 100));
	CHECK(is_free(&given));
	given_end(&given);
}

TEST(the_hosts_own_nic_stays)
{
	struct given given;
	struct err err = { 0 };

	if (given_begin(&given) != 0)
		return;
	given.plan.nic_mac = world_nic_mac;
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) < 0);
	CHECK_TEXT(err.msg, "nic0 carries the host's default route: it is not given to a pod");
	CHECK(world_index(&given.host, "nic0") != 0);
	given_end(&given);
}

TEST(marks_are_read_as_they_are_written)
{
	const struct datapath_plan plan = { .container = "a/b:c", .attachment = "eth0" };
	static const char *const bad[] = {
		"",
		"azl-nic:",
		"azl-nic::c/eth0",
		"azl-nic:nic1",
		"azl-nic:nic1:c",
		"azl-nic:a-name-of-sixteen:c/eth0",
		"c/eth0",
	};
	char alias[LINK_ALIAS_ROOM];
	char longest[LINK_ALIAS_ROOM];
	struct nic_mark mark;
	struct link link = { 0 };
	struct err err;

	CHECK(nic_mark_write(&plan, "nic1", link.alias, &err) == 0);
	CHECK(nic_is_of(&plan, &link, &mark));
	CHECK_TEXT(mark.name, "nic1");
	CHECK_TEXT(mark.container, "a/b:c");
	CHECK_TEXT(mark.attachment, "eth0");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!nic_mark_read(bad[i], &mark));
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CHECK(nic_mark_write(&(struct datapath_plan){ .container = longest, .attachment = "e" },
			     "nic1", alias, &err) < 0);
}

TEST(nics_of_one_attachment_come_back_together)
{
	const struct mac mac_2 = { { 0x00, 0x0d, 0x3a, 1, 2, 5 } };
	struct given given;
	struct err err = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct datapath_plan second;

	if (given_begin(&given) != 0) {
		rtnl_batch_free(batch);
		return;
	}
	world_put_nic(batch, "nic2", &mac_2, given.world.fabric);
	CHECK(rtnl_send(&given.host, batch, &err) == 0);
	rtnl_batch_free(batch);
	given.plan.attachment = "eth0";
	second = given.plan;
	second.ifname = "ib0";
	second.nic_mac = mac_2;
	second.n_ips = 0;
	second.nic_is_backend = true;
	second.nic_pci = "0001:00:02.0";
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) == 0);
	CHECK(datapath_nic.add(&second, &given.result, &err) == 0);
	CHECK(given.result.n_interfaces == 2 && given.result.n_ips == 1);
	CHECK_TEXT(given.result.interfaces[1].pci_id, "0001:00:02.0");
	CHECK(datapath_nic.check(&second, &given.result, &err) == 0);
	/* one that is no link of the host is listed */
	second.nic_mac.bytes[5] = 9;
	CHECK(datapath_nic.add(&second, &given.result, &err) == 0);
	CHECK(given.result.n_interfaces == 3 && !given.result.interfaces[2].sandbox);
	second.nic_is_backend = false;
	CHECK(datapath_nic.add(&second, &given.result, &err) < 0);
	CHECK(datapath_nic.del(&given.plan, &err) == 0);
	CHECK(is_free(&given) && world_index(&given.host, "nic2") != 0);
	given_end(&given);
}

TEST(a_nic_whose_wire_is_dead_is_not_kept)
{
	struct given given;
	struct err err = { 0 };

	if (given_begin(&given) != 0)
		return;
	given.plan.nic_discover = true;
	CHECK(datapath_nic.add(&given.plan, &given.result, &err) ==
	      -(CNI_ERR_BASE + CNI_TRY_AGAIN));
	CHECK(strstr(err.msg, "network is not ready"));
	CHECK(is_free(&given));
	given_end(&given);
}

static bool nobody(void *owner, const char *container, const char *ifname)
{
	int *asked = owner;

	*asked += strcmp(container, "c1") == 0 && strcmp(ifname, "eth1") == 0;
	return false;
}

TEST(gc_puts_nics_in_order_and_drops_rules_of_the_gone)
{
	const struct rule gone = {
		.dst = { .family = AF_INET, .prefix = 32, .bytes = { 10, 7, 7, 7 } },
		.iif = "azcgone",
		.priority = 88,
		.action = FR_ACT_TO_TBL,
		.table = RT_TABLE_MAIN,
		.protocol = RTNL_PROTOCOL
	};
	struct rule all = gone;
	struct given given;
	struct err err = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	int asked = 0;
	int index;

	if (given_begin(&given) != 0) {
		rtnl_batch_free(batch);
		return;
	}
	(void)snprintf(all.iif, sizeof(all.iif), "lo");
	index = world_index(&given.host, "nic1");
	link_put_alias(batch, index, NULL, "azl-nic:nic1:c1/eth1");
	link_put_rename(batch, index, "dev7");
	rule_put(batch, &gone);
	rule_put(batch, &all);
	CHECK(rtnl_send(&given.host, batch, &err) == 0);
	rtnl_batch_free(batch);
	CHECK(datapath_gc(nobody, &asked, &err) == 2);
	CHECK(asked == 1 && is_free(&given));
	CHECK(datapath_gc(nobody, &asked, &err) == 0);
	given_end(&given);
}

TEST(an_address_is_claimed_when_nothing_hangs_on_it)
{
	const struct address mine = world_address("10.9.0.20/24");
	const struct address first = world_address("10.9.0.2");
	const struct address wanted = world_address("10.9.0.20");
	const struct address other = world_address("10.9.0.21");
	struct given given;
	struct err err = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);

	if (given_begin(&given) != 0) {
		rtnl_batch_free(batch);
		return;
	}
	addr_put(batch, world_index(&given.host, "nic0"), &mine, true);
	CHECK(rtnl_send(&given.host, batch, &err) == 0);
	rtnl_batch_free(batch);
	CHECK(!datapath_may_use(&wanted, "azc1"));
	CHECK(datapath_claim(&first, NULL, &err) == 1);
	CHECK(datapath_claim(&other, NULL, &err) == 1);
	CHECK(datapath_claim(&wanted, "nic1", &err) == 1);
	CHECK(datapath_claim(&wanted, "none", &err) != 0);
	CHECK(datapath_claim(&wanted, NULL, &err) == 0);
	CHECK(datapath_may_use(&wanted, "azc1"));
	CHECK(!datapath_may_use(&first, "azc1"));
	given_end(&given);
}
