/* SPDX-License-Identifier: Apache-2.0 */
/* DEL that leaves the pair to the end of the pod's namespace. */
#include "cni/datapath/leave.h"

#include <net/if.h>
#include <sys/socket.h>
#include <time.h>

#include "cni/datapath/datapath.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/rule.h"
#include "config/base/clean.h"
#include "tests/unit/cni_world.h"
#include "tests/unit/test.h"

#define HOST_END "azc0000000001"

static struct world world;
static struct rtnl host;
static struct err err;
static struct cni_ip ips[2];
static int netns;		  /* of the pod that most tests are about, */
static struct datapath_plan plan; /* and its plan */

/* A plan for a pod with addresses of both families that may reach IMDS. */
static struct datapath_plan plan_of(const char *container, const char *host_name, int pod)
{
	return (struct datapath_plan){
		.container = container,
		.ifname = "eth0",
		.host_name = host_name,
		.pod_mac = { { 2, 0, 0, 0, 0, 9 } },
		.netns = pod,
		.netns_path = "/run/netns/pod",
		.ips = ips,
		.n_ips = 2,
		.guards = { .imds = GUARDS_PASS },
		.leave_pair = true,
	};
}

static bool begin(void)
{
	if (world_begin(&world) != 0)
		return false;
	ips[0].address = world_address("10.1.0.5");
	ips[1].address = world_address("fd00:1::5");
	netns = world_netns();
	plan = plan_of("c1", HOST_END, netns);
	return rtnl_open(&host, &err) == 0;
}

static void end(void)
{
	(void)close(netns);
	rtnl_done(&host);
	world_end(&world);
}

static bool add(const struct datapath_plan *of)
{
	struct cni_result result = { 0 };
	int code = datapath_routed.add(of, &result, &err);

	if (code == 0)
		code = datapath_routed.check(of, &result, &err);
	cni_result_done(&result);
	if (code < 0)
		printf("# %s\n", err.msg);
	return code == 0;
}

static bool del(const struct datapath_plan *of)
{
	return datapath_routed.del(of, &err) == 0;
}

static struct link find(struct rtnl *rtnl, const char *name)
{
	struct link link = { 0 };

	if (pod_find_link(rtnl, name, &link, &err) != 0)
		link.index = 0;
	return link;
}

static int n_seen;

static int see_addr(void *owner, const struct nlmsghdr *nlh)
{
	struct addr addr;

	if (addr_parse(nlh, &addr) == 0 && addr.index == *(int *)owner)
		n_seen++;
	return 0;
}

static int see_route(void *owner, const struct nlmsghdr *nlh)
{
	struct route route;

	if (route_parse(nlh, &route) == 0 && route.oif == *(int *)owner)
		n_seen++;
	return 0;
}

static int see_rule(void *owner, const struct nlmsghdr *nlh)
{
	struct rule rule;

	if (rule_parse(nlh, &rule) == 0 && strcmp(rule.iif, owner) == 0)
		n_seen++;
	return 0;
}

/* How many of them a link has. */
static int count(struct rtnl *rtnl, int index, rtnl_reply_fn *see)
{
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	n_seen = 0;
	for (size_t i = 0; i < 2; i++) {
		rtnl_batch_clear(batch);
		if (see == see_addr)
			addr_put_dump(batch, families[i], index);
		else
			route_put_dump(batch, families[i], index);
		CHECK(rtnl_dump(rtnl, batch, see, NULL, &index, &err) == 0);
	}
	rtnl_batch_free(batch);
	return n_seen;
}

static int count_rules(char *iif)
{
	struct rtnl_batch *batch = rtnl_batch_new(&err);

	n_seen = 0;
	rule_put_dump(batch, AF_INET);
	CHECK(rtnl_dump(&host, batch, see_rule, NULL, iif, &err) == 0);
	rtnl_batch_free(batch);
	return n_seen;
}

/* Both ends are there, and that is all. */
static void check_left(int of, const char *pod_name)
{
	struct link ours = find(&host, HOST_END);
	struct rtnl pod = { 0 };
	struct link theirs;
	char name[] = HOST_END;

	CHECK(pod_open_netns(of, &pod, &err) == 0);
	theirs = find(&pod, pod_name);
	CHECK(ours.index != 0 && ours.group == RTNL_GROUP_GONE && !(ours.flags & IFF_UP));
	CHECK(theirs.index != 0 && theirs.peer == ours.index && !(theirs.flags & IFF_UP));
	CHECK(count(&host, ours.index, see_route) == 0 && count(&host, ours.index, see_addr) == 0);
	CHECK(count(&pod, theirs.index, see_route) == 0);
	CHECK(count(&pod, theirs.index, see_addr) == 0);
	CHECK(count_rules(name) == 0);
	rtnl_done(&pod);
}

/* Wait for the kernel, which removes links of a namespace when it finds the time. */
static bool goes(const char *name)
{
	const struct timespec step = { .tv_nsec = 5000000 };

	for (int i = 0; i < 2000 && find(&host, name).index != 0; i++)
		(void)nanosleep(&step, NULL);
	return find(&host, name).index == 0;
}

TEST(the_pair_stays_and_nothing_else_and_goes_with_the_namespace)
{
	if (!begin())
		return;
	CHECK(add(&plan));
	CHECK(!datapath_may_use(&ips[0].address, "another"));
	CHECK(del(&plan));
	check_left(netns, "eth0");
	CHECK(datapath_may_use(&ips[0].address, "another"));
	CHECK(datapath_may_use(&ips[1].address, "another"));
	CHECK(datapath_routed.check(&plan, NULL, &err) == -(CNI_ERR_BASE + CNI_CHECK_FAILED));
	CHECK(del(&plan));
	check_left(netns, "eth0");
	netns = fd_close(netns);
	CHECK(goes(HOST_END));
	end();
}

TEST(without_a_namespace_the_pair_goes_at_once)
{
	if (!begin())
		return;
	CHECK(add(&plan));
	plan.netns = -1;
	CHECK(del(&plan) && find(&host, HOST_END).index == 0);
	plan.netns = netns;
	CHECK(add(&plan));
	plan.leave_pair = false;
	CHECK(del(&plan) && find(&host, HOST_END).index == 0);
	CHECK(del(&plan));
	end();
}

TEST(what_was_left_gives_way)
{
	struct datapath_plan first;
	struct datapath_plan second;

	if (!begin())
		return;
	first = plan_of("c1", HOST_END, netns);
	second = plan_of("c2", "azc0000000002", netns);
	CHECK(add(&first) && del(&first));
	/* the same again, another container's, the first again: one eth0, one pair at a time */
	CHECK(add(&first) && del(&first));
	CHECK(add(&second) && find(&host, HOST_END).index == 0);
	/* one that is in use does not */
	CHECK(!add(&first) && cni_code_of(&err) == CNI_INTERFACE_EXISTS);
	CHECK(find(&host, "azc0000000002").group == RTNL_GROUP);
	CHECK(del(&second) && add(&first) && find(&host, "azc0000000002").index == 0);
	/* another interface has nothing to do with it */
	CHECK(del(&first));
	second.ifname = "eth1";
	CHECK(add(&second));
	check_left(netns, "eth0");
	end();
}

TEST(both_names_may_be_of_what_was_left)
{
	struct datapath_plan first;
	struct datapath_plan second;
	int other;

	if (!begin())
		return;
	other = world_netns();
	first = plan_of("c1", HOST_END, netns);
	second = plan_of("c2", "azc0000000002", other);
	CHECK(add(&first) && del(&first) && add(&second) && del(&second));
	first.netns = other;
	CHECK(add(&first));
	(void)close(other);
	end();
}

/* Inside the pod: do something with eth0. */
static int in_pod(void *owner, struct err *said)
{
	struct rtnl_batch *batch = rtnl_batch_new(said);
	struct rtnl rtnl = { 0 };
	int *elsewhere = owner;
	int index;
	int rc = rtnl_open(&rtnl, said);

	if (rc == 0) {
		index = world_index(&rtnl, "eth0");
		if (*elsewhere >= 0)
			link_put_move(batch, index, NULL, *elsewhere, "moved0");
		else
			link_put_rename(batch, index, "other0");
		rc = rtnl_send(&rtnl, batch, said);
	}
	rtnl_batch_free(batch);
	rtnl_done(&rtnl);
	return rc;
}

TEST(an_end_that_the_pod_renamed_is_found)
{
	int nowhere = -1;

	if (!begin())
		return;
	CHECK(add(&plan));
	if (netns_run(netns, in_pod, &nowhere, &err) == 0) { /* since Linux 6.2 */
		CHECK(del(&plan));
		check_left(netns, "other0");
	}
	end();
}

TEST(an_end_that_the_pod_moved_away_is_not_left)
{
	int elsewhere;

	if (!begin())
		return;
	elsewhere = world_netns();
	CHECK(add(&plan));
	CHECK(netns_run(netns, in_pod, &elsewhere, &err) == 0);
	CHECK(del(&plan) && find(&host, HOST_END).index == 0);
	(void)close(elsewhere);
	end();
}

static bool everybody(void *owner, const char *container, const char *ifname)
{
	(void)owner, (void)container, (void)ifname;
	return true;
}

TEST(gc_removes_what_was_left_and_nothing_that_is_used)
{
	struct datapath_plan first;
	struct datapath_plan second;

	if (!begin())
		return;
	first = plan_of("c1", HOST_END, netns);
	second = plan_of("c2", "azc0000000002", netns);
	second.ifname = "eth1";
	CHECK(add(&first) && del(&first) && add(&second));
	CHECK(datapath_gc(everybody, NULL, &err) == 1);
	CHECK(find(&host, HOST_END).index == 0);
	CHECK(datapath_routed.check(&second, NULL, &err) == 0);
	CHECK(datapath_gc(everybody, NULL, &err) == 0);
	end();
}
