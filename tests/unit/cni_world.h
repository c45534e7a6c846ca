/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host of our own to try things on: a network namespace with a NIC "nic0" (10.9.0.2, default
 * route, MTU 1400) whose other end is in a second namespace, and pods that are namespaces without a
 * name.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cni/addr.h"
#include "cni/link.h"
#include "cni/netns.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "config/base/err.h"
#include "config/base/fd.h"

struct world {
	int before; /* the namespace the test began in */
	int fabric;
	int host;
};

static const struct mac world_nic_mac = { { 0x00, 0x0d, 0x3a, 1, 2, 3 } };

static struct address world_address(const char *text)
{
	struct address address = { 0 };

	if (address_parse(text, &address) < 0)
		abort();
	return address;
}

/* A new network namespace; ours stays. */
static int world_netns(void)
{
	int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int made = -1;

	if (before >= 0 && unshare(CLONE_NEWNET) == 0) {
		made = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (setns(before, CLONE_NEWNET) < 0)
			abort();
	}
	(void)close(before);
	return made;
}

static void world_end(struct world *world)
{
	if (setns(world->before, CLONE_NEWNET) < 0)
		abort();
	(void)close(world->before);
	(void)close(world->fabric);
	(void)close(world->host);
}

/* A link of the host whose other end is outside. */
static void world_put_nic(struct rtnl_batch *batch, const char *name, const struct mac *mac,
			  int outside)
{
	struct link_pair pair = { .name = name,

				  .mac = *mac,
				  .peer_name = name,
				  .peer_mac = { { 2, 0, 0, 0, 0, 1 } },
				  .peer_netns = outside,
				  .mtu = 1400 };

	link_put_pair(batch, &pair);
}

/* Number of a link, 0: none. */
static int world_index(struct rtnl *rtnl, const char *name)
{
	struct err err;
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct link link = { 0 };

	link_put_get_name(batch, name);
	rtnl_reply(batch, link_reply, &link);
	(void)rtnl_send(rtnl, batch, &err);
	rtnl_batch_free(batch);
	return link.index;
}

static int world_write(const char *name, const char *value)
{
	struct err err;

	return netns_sysctl(name, value, &err);
}

/* 0 on success; 1: not root, there is nothing to try. */
static int world_begin(struct world *world)
{
	struct err err = { 0 };
	struct rtnl_batch *batch = rtnl_batch_new(&err);
	struct address address = world_address("10.9.0.2/24");
	struct rtnl rtnl = { 0 };
	int rc = -1;

	if (geteuid() != 0) {
		printf("# skip: needs root\n");
		rtnl_batch_free(batch);
		return 1;
	}
	world->before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	world->fabric = world_netns();
	world->host = world_netns();
	if (world->fabric < 0 || world->host < 0 || setns(world->host, CLONE_NEWNET) < 0)
		abort();
	if (rtnl_open(&rtnl, &err) == 0) {
		world_put_nic(batch, "nic0", &world_nic_mac, world->fabric);
		link_put_up(batch, 0, "nic0", true);
		link_put_up(batch, 1, NULL, true);
		rc = rtnl_send(&rtnl, batch, &err);
	}
	if (rc == 0) {
		struct route route = { .dst = { .family = AF_INET },
				       .gw = world_address("10.9.0.1"),
				       .oif = world_index(&rtnl, "nic0") };

		rtnl_batch_clear(batch);
		addr_put(batch, route.oif, &address, true);
		route_put(batch, &route, ROUTE_ALONE);
		rc = rtnl_send(&rtnl, batch, &err);
	}
	if (rc < 0)
		printf("# world: %s\n", err.msg);
	(void)world_write("net/ipv4/ip_forward", "1");
	(void)world_write("net/ipv6/conf/all/forwarding", "1");
	rtnl_done(&rtnl);
	rtnl_batch_free(batch);
	return rc;
}
