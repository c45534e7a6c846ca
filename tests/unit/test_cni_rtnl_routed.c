/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/wait.h>
#include <time.h>

#include "cni/datapath/datapath.h"
#include "cni/datapath/guards.h"
#include "cni/error.h"
#include "cni/neigh.h"
#include "cni/rule.h"
#include "tests/unit/cni_world.h"

static struct world world;
static struct err err; /* what the last call said */

/* One pod; its addresses live as long as it does. */
struct pod {
	struct cni_ip ips[4];
	struct datapath_plan plan;
	struct cni_result result;
	int netns;
};

static void pod_begin(struct pod *pod, const char *container, const char *host_name, const char *ip,
		      const char *ip6)
{
	const char *const texts[] = { ip, ip6 };

	memset(pod, 0, sizeof(*pod));
	pod->netns = world_netns();
	for (size_t i = 0; i < 2; i++)
		if (texts[i])
			pod->ips[pod->plan.n_ips++].address = world_address(texts[i]);
	pod->plan.container = container;
	pod->plan.ifname = "eth0";
	pod->plan.host_name = host_name;
	pod->plan.pod_mac = (struct mac){ { 2, 0, 0, 0, 0, 9 } };
	pod->plan.netns = pod->netns;
	pod->plan.netns_path = "/run/netns/pod";
	pod->plan.ips = pod->ips;
}

static void pod_end(struct pod *pod)
{
	cni_result_done(&pod->result);
	(void)close(pod->netns);
}

/* A world with the pod that most tests are about. False: it cannot be made here. */
static bool begin(struct pod *pod)
{
	if (world_begin(&world) != 0)
		return false;
	pod_begin(pod, "c1", "azc1", "10.1.0.5", NULL);
	return true;
}

static void end(struct pod *pod)
{
	pod_end(pod);
	world_end(&world);
}

/* As CNI_CODE of a failure, 0 of success. */
static int code_of(int rc)
{
	if (rc >= 0)
		return rc;
	printf("# %s\n", err.msg);
	return (int)cni_code_of(&err);
}

static int add(struct pod *pod)
{
	return code_of(datapath_routed.add(&pod->plan, &pod->result, &err));
}

static int check(struct pod *pod)
{
	return code_of(datapath_routed.check(&pod->plan, &pod->result, &err));
}

/* Without the result of ADD. */
static int check_alone(struct pod *pod)
{
	return code_of(datapath_routed.check(&pod->plan, NULL, &err));
}

static int del(struct pod *pod)
{
	return code_of(datapath_routed.del(&pod->plan, &err));
}

static int status(struct pod *pod)
{
	return code_of(datapath_routed.status(&pod->plan, &err));
}

static bool link_is_there(const char *name)
{
	struct rtnl rtnl = { 0 };
	int index = 0;

	if (rtnl_open(&rtnl, &err) == 0)
		index = world_index(&rtnl, name);
	rtnl_done(&rtnl);
	return index != 0;
}

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void try_add_check_del(const char *ip, const char *ip6)
{
	struct pod pod;

	if (world_begin(&world) != 0)
		return;
	pod_begin(&pod, "c1", "azc0000000001", ip, ip6);
	CHECK(status(&pod) == 0);
	CHECK(add(&pod) == 0);
	CHECK(pod.result.n_interfaces == 2 && pod.result.n_ips == pod.plan.n_ips);
	CHECK(pod.result.n_routes == pod.plan.n_ips);
	CHECK_TEXT(pod.result.interfaces[0].name, "azc0000000001");
	CHECK(!pod.result.interfaces[0].sandbox && pod.result.interfaces[0].mtu == 1400);
	CHECK_TEXT(pod.result.interfaces[1].sandbox, "/run/netns/pod");
	CHECK(pod.result.ips[0].interface == 1);
	CHECK(pod.result.ips[0].address.prefix == address_bits(pod.ips[0].address.family));
	CHECK(check(&pod) == 0);
	CHECK(add(&pod) == 0);
	CHECK(check_alone(&pod) == 0);
	CHECK(del(&pod) == 0);
	CHECK(!link_is_there("azc0000000001"));
	CHECK(del(&pod) == 0);
	CHECK(check_alone(&pod) == CNI_CHECK_FAILED);
	end(&pod);
}

TEST(a_pod_with_ipv4_comes_and_goes)
{
	try_add_check_del("10.1.0.5/24", NULL);
}

TEST(a_pod_with_ipv6_comes_and_goes)
{
	try_add_check_del("fd00:1::5/64", NULL);
}

TEST(a_pod_with_both_comes_and_goes)
{
	try_add_check_del("10.1.0.5", "fd00:1::5");
}

/* A UDP packet from here to there and the answer; true when it came back. */
static bool echo(int netns_from, int netns_to, const char *to, uint8_t family)
{
	struct address address = world_address(to);
	struct sockaddr_storage there = { .ss_family = family };
	socklen_t len = family == AF_INET ? 16 : 28;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct timeval limit = { .tv_sec = 3 };
	char got[8] = { 0 };
	int server;
	int client;
	bool ok;

	there.ss_family = family;
	memcpy((char *)&there + 2, "\x1f\x90", 2);
	memcpy((char *)&there + (family == AF_INET ? 4 : 8), address.bytes, address_bytes(family));
	if (setns(netns_to, CLONE_NEWNET) < 0)
		return false;
	server = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ok = bind(server, (void *)&there, len) == 0 && setns(netns_from, CLONE_NEWNET) == 0;
	client = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (int i = 0; ok && i < 2; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);

		ok = sendto(client, "ping", 4, 0, (void *)&there, len) == 4 &&
		     recvfrom(server, got, 4, 0, (void *)&from, &from_len) == 4 &&
		     sendto(server, "pong", 4, 0, (void *)&from, from_len) == 4 &&
		     recv(client, got, 4, 0) == 4;
	}
	(void)close(client);
	(void)close(server);
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	(void)close(home);
	return ok && strcmp(got, "pong") == 0;
}

TEST(pods_talk_to_each_other_and_to_the_host)
{
	struct pod a;
	struct pod b;

	if (world_begin(&world) != 0)
		return;
	pod_begin(&a, "a", "azca", "10.1.0.5", "fd00:1::5");
	pod_begin(&b, "b", "azcb", "10.1.0.6", "fd00:1::6");
	CHECK(add(&a) == 0);
	CHECK(add(&b) == 0);
	CHECK(echo(a.netns, b.netns, "10.1.0.6", AF_INET));
	CHECK(echo(b.netns, a.netns, "fd00:1::5", AF_INET6));
	CHECK(echo(world.host, a.netns, "10.1.0.5", AF_INET));
	CHECK(echo(world.host, b.netns, "10.1.0.6", AF_INET));
	CHECK(echo(a.netns, world.host, "10.9.0.2", AF_INET));
	CHECK(echo(a.netns, a.netns, "127.0.0.1", AF_INET));
	CHECK(del(&a) == 0);
	CHECK(del(&b) == 0);
	pod_end(&a);
	pod_end(&b);
	world_end(&world);
}

/* The way from a namespace to an address: RTN_*, 0 without any. */
static uint8_t way_in(int netns, const struct address *to)
{
	struct rtnl rtnl = { 0 };
	struct route route = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (setns(netns, CLONE_NEWNET) == 0 && rtnl_open(&rtnl, &err) == 0) {
		route_put_get(batch, to, 0);
		rtnl_reply(batch, route_reply, &route);
		if (rtnl_send(&rtnl, batch, &err) < 0)
			route.type = 0;
		rtnl_done(&rtnl);
	}
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	(void)close(home);
	rtnl_batch_free(batch);
	return route.type;
}

TEST(a_pod_answers_by_ipv6_as_soon_as_it_is_there)
{
	int late = 0;

	if (world_begin(&world) != 0)
		return;
	for (int i = 0; i < 40; i++) {
		struct pod pod;

		pod_begin(&pod, "c1", "azc0000000001", NULL, "fd00:1::5");
		CHECK(add(&pod) == 0);
		late += way_in(pod.netns, &pod.ips[0].address) != RTN_LOCAL;
		CHECK(del(&pod) == 0);
		pod_end(&pod);
	}
	CHECK(late == 0);
	world_end(&world);
}

TEST(an_attachment_that_fails_last_leaves_nothing)
{
	struct pod pod;

	if (world_begin(&world) != 0)
		return;
	/* New links of the host refuse IPv6: all goes well but the host's address and route. */
	CHECK(world_write("net/ipv6/conf/default/disable_ipv6", "1") == 0);
	pod_begin(&pod, "c1", "azc1", "10.1.0.5", "fd00:1::5");
	CHECK(add(&pod) == CNI_IO);
	CHECK(!link_is_there("azc1"));
	CHECK(pod.result.n_interfaces == 0 && pod.result.n_ips == 0);
	CHECK(world_write("net/ipv6/conf/default/disable_ipv6", "0") == 0);
	CHECK(add(&pod) == 0);
	end(&pod);
}

/* What a router of IPv6 sends: "for half an hour, the way out is through me". Source: RFC
 * 4861, 4.2.
 */
static void send_advertisement(int netns, const char *name)
{
	uint8_t packet[56] = {
		[0] = 0x60,  [5] = 16, [6] = 58, [7] = 255,  [8] = 0xfe, [9] = 0x80,  [23] = 0xbd,
		[24] = 0xff, [25] = 2, [39] = 1, [40] = 134, [44] = 64,	 [46] = 0x07, [47] = 0x08
	};
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(0x86dd),
				  .sll_halen = 6,
				  .sll_addr = { 0x33, 0x33, 0, 0, 0, 1 } };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint32_t sum = 16 + 58; /* of the pseudo header: length and protocol */
	int fd;

	for (size_t i = 8; i < sizeof(packet); i += 2)
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[42] = (uint8_t)(sum >> 8);
	packet[43] = (uint8_t)sum;
	if (setns(netns, CLONE_NEWNET) < 0)
		abort();
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	to.sll_ifindex = (int)if_nametoindex(name);
	CHECK(sendto(fd, packet, sizeof(packet), 0, (void *)&to, sizeof(to)) ==
	      (ssize_t)sizeof(packet));
	(void)close(fd);
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	(void)close(home);
}

static int see_default(void *owner, const struct nlmsghdr *nlh)
{
	struct route route;
	int *seen = owner;

	if (route_parse(nlh, &route) == 0 && route.dst.prefix == 0 && route.type == RTN_UNICAST)
		(*seen)++;
	return 0;
}

/* Default routes of IPv6 through a link. */
static int count_defaults(const char *name)
{
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	int seen = 0;

	CHECK(rtnl_open(&rtnl, &err) == 0);
	route_put_dump(batch, AF_INET6, world_index(&rtnl, name));
	CHECK(rtnl_dump(&rtnl, batch, see_default, NULL, &seen, &err) == 0);
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	return seen;
}

static int up_nic(void *owner, struct err *said)
{
	struct rtnl_batch *batch = rtnl_batch_new(said);
	int rc = rtnl_open(owner, said);

	link_put_up(batch, 0, "nic0", true);
	rc = rc < 0 ? rc : rtnl_send(owner, batch, said);
	rtnl_done(owner);
	rtnl_batch_free(batch);
	return rc;
}

TEST(the_host_takes_no_route_from_a_pod)
{
	const struct timespec step = { .tv_nsec = 10000000 };
	struct rtnl rtnl = { 0 };
	struct pod pod;

	if (!begin(&pod))
		return;
	/* a host that believes routers, as one without forwarding of IPv6 does */
	CHECK(world_write("net/ipv6/conf/all/forwarding", "0") == 0);
	CHECK(world_write("net/ipv6/conf/default/accept_ra", "1") == 0);
	CHECK(world_write("net/ipv6/conf/nic0/accept_ra", "1") == 0);
	CHECK(netns_run(world.fabric, up_nic, &rtnl, &err) == 0);
	CHECK(add(&pod) == 0);
	/* by the other one it can be told that there was time enough */
	for (int i = 0; i < 500 && count_defaults("nic0") == 0; i++) {
		send_advertisement(pod.netns, "eth0");
		send_advertisement(world.fabric, "nic0");
		(void)nanosleep(&step, NULL);
	}
	CHECK(count_defaults("nic0") == 1);
	CHECK(count_defaults("azc1") == 0);
	CHECK(del(&pod) == 0);
	end(&pod);
}

TEST(names_that_are_taken_are_told)
{
	struct pod pod;
	struct pod other;

	if (!begin(&pod))
		return;
	pod_begin(&other, "c2", "azc1", "10.1.0.6", NULL);
	CHECK(add(&pod) == 0);
	/* The host's end belongs to somebody else; the pod has an eth0. */
	CHECK(add(&other) == CNI_INTERFACE_EXISTS);
	other.plan.host_name = "azc2";
	other.plan.netns = pod.netns;
	CHECK(add(&other) == CNI_INTERFACE_EXISTS);
	CHECK(!link_is_there("azc2"));
	/* A leftover of the same attachment gives way, in another namespace, too. */
	other.plan = pod.plan;
	other.plan.netns = other.netns;
	CHECK(add(&other) == 0);
	CHECK(check(&other) == 0);
	pod_end(&pod);
	pod_end(&other);
	world_end(&world);
}

TEST(hosts_that_cannot_are_told)
{
	struct pod pod;

	if (!begin(&pod))
		return;
	CHECK(world_write("net/ipv4/ip_forward", "0") == 0);
	CHECK(status(&pod) == CNI_UNAVAILABLE);
	CHECK(add(&pod) == CNI_UNAVAILABLE);
	CHECK(world_write("net/ipv4/ip_forward", "1") == 0);
	pod.plan.mtu = 9000;
	CHECK(add(&pod) == CNI_CONFIG_INVALID);
	pod.plan.mtu = 0;
	pod.plan.master = "none0";
	CHECK(status(&pod) == CNI_UNAVAILABLE);
	CHECK(!link_is_there("azc1"));
	end(&pod);
}

TEST(forwarding_is_asked_of_the_families_that_pods_have)
{
	/* families of pods, what the host forwards, whether that will do */
	static const struct {
		const char *ip;
		const char *ip6;
		const char *forwards;
		int code;
	} rows[] = {
		{ "10.1.0.5", NULL, "10", 0 },
		{ "10.1.0.5", NULL, "01", CNI_UNAVAILABLE },
		{ NULL, "fd01::5", "01", 0 },
		{ NULL, "fd01::5", "10", CNI_UNAVAILABLE },
		{ "10.1.0.5", "fd01::5", "11", 0 },
		{ "10.1.0.5", "fd01::5", "10", CNI_UNAVAILABLE },
		{ "10.1.0.5", "fd01::5", "01", CNI_UNAVAILABLE },
		{ NULL, NULL, "10", 0 },
		{ NULL, NULL, "01", 0 },
		{ NULL, NULL, "00", CNI_UNAVAILABLE },
	};

	if (world_begin(&world) != 0)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char ipv4[] = { rows[i].forwards[0], '\0' };
		const char ipv6[] = { rows[i].forwards[1], '\0' };
		struct pod pod;

		CHECK(world_write("net/ipv4/ip_forward", ipv4) == 0);
		CHECK(world_write("net/ipv6/conf/all/forwarding", ipv6) == 0);
		pod_begin(&pod, "c1", "azc1", rows[i].ip, rows[i].ip6);
		CHECK(status(&pod) == rows[i].code);
		pod_end(&pod);
	}
	world_end(&world);
}

/* Inside the pod: forget the gateway. */
static int break_neigh(void *owner, struct err *said)
{
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(said);
	struct neigh neigh = { .address = world_address("169.254.1.1"),
			       .mac = { { 2, 9, 9, 9, 9, 9 } },
			       .state = 0x80 };
	int rc = rtnl_open(&rtnl, said);

	(void)owner;
	if (rc == 0) {
		neigh.index = world_index(&rtnl, "eth0");
		neigh_put(batch, &neigh);
		rc = rtnl_send(&rtnl, batch, said);
	}
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	return rc;
}

TEST(check_says_what_differs)
{
	struct pod pod;
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);

	if (world_begin(&world) != 0) {
		rtnl_batch_free(batch);
		return;
	}
	pod_begin(&pod, "c1", "azc1", "10.1.0.5", NULL);
	CHECK(add(&pod) == 0);
	pod.result.interfaces[1].mac.bytes[5] = 7;
	CHECK(check(&pod) == CNI_CHECK_FAILED);
	CHECK_TEXT(err.msg, "eth0: MAC address 02:00:00:00:00:09 instead of 02:00:00:00:00:07");
	CHECK(netns_run(pod.netns, break_neigh, NULL, &err) == 0);
	CHECK(check_alone(&pod) == CNI_CHECK_FAILED);
	CHECK_TEXT(err.msg, "eth0: neighbour 169.254.1.1/32 is missing");
	pod.ips[0].address = world_address("10.1.0.99");
	CHECK(check_alone(&pod) == CNI_CHECK_FAILED);
	CHECK_TEXT(err.msg, "azc1: route 10.1.0.99/32 is missing");
	pod.plan.n_ips = 0;
	CHECK(rtnl_open(&rtnl, &err) == 0);
	link_put_up(batch, 0, "azc1", false);
	CHECK(rtnl_send(&rtnl, batch, &err) == 0);
	CHECK(check_alone(&pod) == CNI_CHECK_FAILED);
	CHECK_TEXT(err.msg, "link azc1 is down");
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	end(&pod);
}

TEST(routes_are_as_configured)
{
	struct cni_route routes[] = {
		{ .dst = world_address("10.0.0.0/8"), .mtu = 1300, .priority = -1, .table = -1 },
		{ .dst = world_address("10.0.0.0/8"), .gw = world_address("10.1.0.1") },
		{ .dst = world_address("fd00::/8") }, /* the pod has no IPv6 */
		{ .dst = world_address("192.168.0.0/16"), .table = 300 },
	};
	struct pod pod;

	if (!begin(&pod))
		return;
	pod.plan.routes = routes;
	pod.plan.n_routes = 4;
	pod.plan.skip_default_route = true;
	CHECK(add(&pod) == 0);
	CHECK(pod.result.n_routes == 3);
	CHECK(check(&pod) == 0);
	pod.plan.skip_default_route = false;
	CHECK(check(&pod) == CNI_CHECK_FAILED);
	CHECK_TEXT(err.msg, "eth0: route 0.0.0.0/0 is missing");
	end(&pod);
}

TEST(a_further_link_takes_no_route_from_the_first)
{
	struct cni_route routes[] = { { .dst = world_address("10.0.0.0/8") },
				      { .dst = world_address("172.16.0.0/12"), .table = 254 },
				      { .dst = world_address("fd00::/8") } };
	struct pod first;
	struct pod further;

	if (world_begin(&world) != 0)
		return;
	pod_begin(&first, "c1", "azc1", "10.1.0.5", "fd00:1::5");
	pod_begin(&further, "c1", "azc2", "10.1.0.6", "fd00:1::6");
	(void)close(further.netns);
	further.plan.netns = further.netns = dup(first.netns);
	further.plan.ifname = "eth1";
	first.plan.routes = further.plan.routes = routes;
	first.plan.n_routes = further.plan.n_routes = 3;
	CHECK(add(&first) == 0);
	CHECK(add(&further) == 0);
	CHECK(check(&first) == 0 && check(&further) == 0);
	CHECK(del(&further) == 0);
	CHECK(check(&first) == 0);
	CHECK(del(&first) == 0);
	pod_end(&further);
	end(&first);
}

static int links_of_ours;

static int count_link(void *owner, const struct nlmsghdr *nlh)
{
	struct link link;

	(void)owner;
	if (link_parse(nlh, &link) == 0 && strncmp(link.name, "azc", 3) == 0)
		links_of_ours++;
	return 0;
}

static int count_links(void)
{
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);

	links_of_ours = 0;
	CHECK(rtnl_open(&rtnl, &err) == 0);
	link_put_dump(batch, NULL);
	CHECK(rtnl_dump(&rtnl, batch, count_link, NULL, NULL, &err) == 0);
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	return links_of_ours;
}

TEST(a_hundred_after_each_other_leave_nothing)
{
	double add_ms = 0;
	double del_ms = 0;

	if (world_begin(&world) != 0)
		return;
	for (int i = 0; i < 100; i++) {
		struct pod pod;
		double begin;

		pod_begin(&pod, "c1", "azc1", "10.1.0.5", i % 2 ? "fd00:1::5" : NULL);
		begin = now_ms();
		CHECK(add(&pod) == 0);
		add_ms += now_ms() - begin;
		begin = now_ms();
		CHECK(del(&pod) == 0);
		del_ms += now_ms() - begin;
		pod_end(&pod);
	}
	printf("# add %.3f ms, del %.3f ms\n", add_ms / 100, del_ms / 100);
	CHECK(count_links() == 0);
	world_end(&world);
}

TEST(links_without_ipv6_serve_ipv4)
{
	struct pod pod;

	if (world_begin(&world) != 0)
		return;
	/* Below 1280 bytes the kernel has no IPv6 on a link: it says what it says without IPv6. */
	pod_begin(&pod, "c1", "azc1", "10.1.0.5", "fd00:1::5");
	pod.plan.mtu = 1000;
	pod.plan.n_ips = 1;
	CHECK(add(&pod) == 0);
	CHECK(check(&pod) == 0);
	CHECK(del(&pod) == 0);
	pod.plan.n_ips = 2;
	CHECK(add(&pod) == CNI_CONFIG_INVALID);
	CHECK(!link_is_there("azc1"));
	end(&pod);
}

static bool alive_is_nobody(void *owner, const char *container, const char *ifname)
{
	(void)owner;
	(void)container;
	(void)ifname;
	return false;
}

/* What a process of its own does. */
static int add_one(struct pod *pod)
{

	pod->plan.guards.wireserver = GUARDS_CLOSE;
	if (datapath_routed.add(&pod->plan, &pod->result, &err) == 0)
		return 0;
	printf("# %s\n", err.msg);
	return 1;
}

TEST(many_at_once_all_succeed)
{
	enum { MANY = 30 };
	struct pod pods[MANY];
	char names[MANY][CNI_NAME_ROOM];
	char ips[MANY][32];
	double begin;
	int status;

	if (world_begin(&world) != 0)
		return;
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "azc%d", i);
		(void)snprintf(ips[i], sizeof(ips[i]), "10.1.0.%d", i + 1);
		pod_begin(&pods[i], names[i], names[i], ips[i], NULL);
	}
	begin = now_ms();
	(void)fflush(stdout);
	for (int i = 0; i < MANY; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(add_one(&pods[i]));
		CHECK(pid > 0);
	}
	for (int i = 0; i < MANY; i++)
		CHECK(wait(&status) > 0 && status == 0);
	printf("# %d at once: %.3f ms\n", MANY, now_ms() - begin);
	for (int i = 0; i < MANY; i++)
		CHECK(check_alone(&pods[i]) == 0);
	CHECK(datapath_gc(alive_is_nobody, NULL, &err) == MANY);
	CHECK(count_links() == 0);
	for (int i = 0; i < MANY; i++)
		pod_end(&pods[i]);
	world_end(&world);
}

static bool alive_is_even(void *owner, const char *container, const char *ifname)
{
	(void)owner;
	CHECK_TEXT(ifname, "eth0");
	return (container[strlen(container) - 1] - '0') % 2 == 0;
}

TEST(what_nobody_has_is_collected)
{
	struct pod pods[40];
	char names[40][CNI_NAME_ROOM];
	char containers[40][16];
	double begin;

	if (world_begin(&world) != 0)
		return;
	for (int i = 0; i < 40; i++) {
		char ip[32];

		(void)snprintf(names[i], sizeof(names[i]), "azc%d", i);
		(void)snprintf(containers[i], sizeof(containers[i]), "a/b%d", i);
		(void)snprintf(ip, sizeof(ip), "10.1.0.%d", i + 1);
		pod_begin(&pods[i], containers[i], names[i], ip, NULL);
		CHECK(add(&pods[i]) == 0);
	}
	CHECK(count_links() == 40);
	begin = now_ms();
	CHECK(datapath_gc(alive_is_even, NULL, &err) == 20);
	printf("# gc of 20: %.3f ms\n", now_ms() - begin);
	CHECK(count_links() == 20);
	CHECK(link_is_there("azc2") && !link_is_there("azc3") && link_is_there("nic0"));
	CHECK(datapath_gc(alive_is_even, NULL, &err) == 0);
	for (int i = 0; i < 40; i++)
		pod_end(&pods[i]);
	world_end(&world);
}

TEST(addresses_in_use_are_seen)
{
	struct address pod_address = world_address("10.1.0.5");
	struct address free_address = world_address("10.1.0.6");
	struct address nic_address = world_address("10.9.0.2");
	struct address pod_address6 = world_address("fd00:1::5");
	struct address free_address6 = world_address("fd00:1::6");
	struct pod pod;

	if (world_begin(&world) != 0)
		return;
	pod_begin(&pod, "c1", "azc1", "10.1.0.5", "fd00:1::5");
	CHECK(datapath_may_use(&pod_address, "azc2"));
	CHECK(add(&pod) == 0);
	CHECK(!datapath_may_use(&pod_address, "azc2"));
	CHECK(datapath_may_use(&pod_address, "azc1"));
	CHECK(datapath_may_use(&free_address, "azc2"));
	CHECK(!datapath_may_use(&pod_address6, "azc2"));
	CHECK(datapath_may_use(&pod_address6, "azc1"));
	CHECK(datapath_may_use(&free_address6, "azc2"));
	CHECK(!datapath_may_use(&nic_address, "azc2"));
	CHECK(del(&pod) == 0);
	CHECK(datapath_may_use(&pod_address, "azc2"));
	end(&pod);
}

TEST(addresses_that_others_have_routed_are_seen)
{
	const struct address theirs = world_address("10.1.0.77");
	const struct address theirs6 = world_address("fd00:1::77");
	const struct address beside = world_address("10.1.0.78");
	const struct address beside6 = world_address("fd00:1::78");
	const struct address nets[] = { world_address("10.1.0.0/24"), world_address("fd00:1::/64"),
					theirs, theirs6 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct rtnl rtnl = { 0 };
	struct pod pod;

	if (!begin(&pod))
		return;
	CHECK(rtnl_open(&rtnl, &err) == 0);
	CHECK(netns_run(world.fabric, up_nic, &(struct rtnl){ 0 }, &err) == 0);
	/* first those of networks, then those of addresses alone */
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		const struct route route = { .dst = nets[i],
					     .oif = world_index(&rtnl, "nic0"),
					     .scope = RT_SCOPE_LINK };

		CHECK(datapath_may_use(i < 3 ? &theirs : &beside, "azc1"));
		CHECK(datapath_may_use(&theirs6, "azc1"));
		rtnl_batch_clear(batch);
		route_put(batch, &route, ROUTE_ALONE);
		CHECK(rtnl_send(&rtnl, batch, &err) == 0);
	}
	CHECK(!datapath_may_use(&theirs, "azc1") && !datapath_may_use(&theirs6, "azc1"));
	CHECK(datapath_may_use(&beside, "azc1") && datapath_may_use(&beside6, "azc1"));
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	end(&pod);
}

static int rules_of_ours;

static int count_rule(void *owner, const struct nlmsghdr *nlh)
{
	struct rule rule;

	(void)owner;
	if (rule_parse(nlh, &rule) == 0 && rule.protocol == RTNL_PROTOCOL)
		rules_of_ours++;
	return 0;
}

static int count_rules(uint8_t family)
{
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);

	rules_of_ours = 0;
	CHECK(rtnl_open(&rtnl, &err) == 0);
	rule_put_dump(batch, family);
	CHECK(rtnl_dump(&rtnl, batch, count_rule, NULL, NULL, &err) == 0);
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	return rules_of_ours;
}

/*
 * errno of a TCP connection from a namespace. An answer to the first packet comes while the socket
 * is still busy sending it and is forgotten: a second later there is another.
 */
static int connect_from(int netns, const char *to, uint16_t port)
{
	struct address address = world_address(to);
	unsigned char there[16] = { 0 };
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct timeval limit = { .tv_sec = 4 };
	uint16_t family = AF_INET;
	int fd;
	int rc;

	if (setns(netns, CLONE_NEWNET) < 0)
		return -1;
	memcpy(there, &family, 2);
	there[2] = (unsigned char)(port >> 8);
	there[3] = (unsigned char)port;
	memcpy(there + 4, address.bytes, 4);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	rc = connect(fd, (void *)there, sizeof(there)) == 0 ? 0 : errno;
	(void)close(fd);
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	(void)close(home);
	return rc;
}

/* Which way the host sends a TCP packet that came in by a link (NULL: its own): 0 or negative. */
static int way_of(const char *iif, const char *from, const char *to, uint16_t port)
{
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct address src = world_address(from);
	struct address dst = world_address(to);
	struct nlmsghdr *nlh;
	struct rtmsg *header;
	int rc = rtnl_open(&rtnl, &err);

	nlh = rtnl_put(batch, RTM_GETROUTE, 0, "way");
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->rtm_family = AF_INET;
	header->rtm_dst_len = 32;
	mnl_attr_put(nlh, RTA_DST, 4, dst.bytes);
	if (iif) {
		header->rtm_src_len = 32;
		mnl_attr_put(nlh, RTA_SRC, 4, src.bytes);
		mnl_attr_put_u32(nlh, RTA_IIF, (uint32_t)world_index(&rtnl, iif));
	}
	mnl_attr_put_u8(nlh, RTA_IP_PROTO, 6);
	mnl_attr_put_u16(nlh, RTA_SPORT, htons(40000));
	mnl_attr_put_u16(nlh, RTA_DPORT, htons(port));
	rc = rc < 0 ? rc : rtnl_send(&rtnl, batch, &err);
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	return rc;
}

TEST(guards_close_what_pods_must_not_reach)
{
	struct pod pod;
	struct pod free_pod;

	if (!begin(&pod))
		return;
	pod_begin(&free_pod, "c2", "azc2", "10.1.0.6", NULL);
	CHECK(add(&free_pod) == 0);
	CHECK(count_rules(AF_INET) == 0 && count_rules(AF_INET6) == 0);
	CHECK(del(&free_pod) == 0);
	pod.plan.guards = (struct guards){ .wireserver = GUARDS_CLOSE, .imds = GUARDS_CLOSE };
	CHECK(add(&pod) == 0);
	CHECK(count_rules(AF_INET) == 11 && count_rules(AF_INET6) == 8);
	CHECK(connect_from(pod.netns, "168.63.129.16", 80) == EHOSTUNREACH);
	CHECK(way_of("azc1", "10.1.0.5", "168.63.129.16", 80) == -EACCES);
	CHECK(way_of("azc1", "10.1.0.5", "168.63.129.16", 32526) == -EACCES);
	CHECK(way_of("azc1", "10.1.0.5", "169.254.169.254", 80) == -EACCES);
	CHECK(way_of("azc1", "10.1.0.5", "168.63.129.16", 53) == 0);
	CHECK(way_of("azc1", "10.1.0.5", "168.63.129.16", 65535) == 0);
	CHECK(way_of(NULL, "10.9.0.2", "168.63.129.16", 80) == 0);
	CHECK(way_of(NULL, "10.9.0.2", "169.254.169.254", 80) == 0);
	/* One that is let through has rules of its own, which go with it. */
	free_pod.plan.guards = (struct guards){ .wireserver = GUARDS_PASS, .imds = GUARDS_PASS };
	CHECK(add(&free_pod) == 0);
	CHECK(count_rules(AF_INET) == 13 && count_rules(AF_INET6) == 10);
	CHECK(way_of("azc2", "10.1.0.6", "168.63.129.16", 80) == 0);
	CHECK(way_of("azc1", "10.1.0.5", "168.63.129.16", 80) == -EACCES);
	CHECK(add(&pod) == 0);
	CHECK(count_rules(AF_INET) == 13 && count_rules(AF_INET6) == 10);
	CHECK(del(&free_pod) == 0);
	CHECK(count_rules(AF_INET) == 11 && count_rules(AF_INET6) == 8);
	pod_end(&pod);
	pod_end(&free_pod);
	world_end(&world);
}

/* All live; while they are looked at, another pod comes. */
static bool alive_and_one_more(void *owner, const char *container, const char *ifname)
{
	struct pod *late = owner;

	(void)container, (void)ifname;
	if (late->result.n_interfaces == 0)
		CHECK(add(late) == 0);
	return true;
}

TEST(collecting_leaves_the_rules_of_a_pod_that_comes_meanwhile)
{
	struct pod pod;
	struct pod late;

	if (!begin(&pod))
		return;
	pod_begin(&late, "c2", "azc2", "10.1.0.6", NULL);
	late.plan.guards = (struct guards){ .wireserver = GUARDS_PASS, .imds = GUARDS_PASS };
	CHECK(add(&pod) == 0);
	CHECK(datapath_gc(alive_and_one_more, &late, &err) == 0);
	CHECK(late.result.n_interfaces == 2 && check(&late) == 0);
	CHECK(del(&late) == 0);
	pod_end(&late);
	CHECK(del(&pod) == 0);
	end(&pod);
}

static void delete_rules(uint8_t family, uint32_t priority)
{
	struct rtnl rtnl = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_DELRULE, 0, "lift");
	struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	header->family = family;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, priority);
	CHECK(rtnl_open(&rtnl, &err) == 0);
	CHECK(rtnl_send(&rtnl, batch, &err) == 0);
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
}

TEST(guards_close_what_is_named_and_are_checked)
{
	static const char *const names[] = { "10.9.0.7", "10.9.0.8:443", "10.9.0.8:444",
					     "[fd09::7]:80", "fd09::8" };
	struct endpoint also[sizeof(names) / sizeof(names[0])];
	struct pod pod;

	if (!begin(&pod))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(endpoint_parse(names[i], &also[i]) == 0);
	pod.plan.guards = (struct guards){ .also = also, .n_also = 5, .imds = GUARDS_PASS };
	CHECK(add(&pod) == 0);
	CHECK(count_rules(AF_INET) == 4 + 2 + 5 + 2 && count_rules(AF_INET6) == 4 + 4 + 2 + 2);
	CHECK(way_of("azc1", "10.1.0.5", "10.9.0.7", 1) == -EACCES);
	CHECK(way_of("azc1", "10.1.0.5", "10.9.0.8", 443) == -EACCES);
	CHECK(way_of("azc1", "10.1.0.5", "10.9.0.8", 444) == -EACCES);
	CHECK(way_of("azc1", "10.1.0.5", "10.9.0.8", 445) == 0);
	CHECK(check(&pod) == 0);
	delete_rules(AF_INET6, 92);
	CHECK(check(&pod) == CNI_CHECK_FAILED);
	CHECK(strstr(err.msg, "rule 92 to fd09::7"));
	CHECK(del(&pod) == 0);
	CHECK(add(&pod) == 0);
	CHECK(check(&pod) == 0);
	delete_rules(AF_INET, 88);
	CHECK(check(&pod) == CNI_CHECK_FAILED);
	CHECK(strstr(err.msg, "rule 88 to 169.254.169.254"));
	CHECK(del(&pod) == 0);
	end(&pod);
}
