/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses from ranges of the configuration. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/ipam/ipam.h"
#include "cni/ipam/pool.h"
#include "cni/ipam/store.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "config/base/clean.h"

struct ranges {
	struct pool pool;
	struct pool_range ranges[NETCONF_RANGES_MAX];
	struct address gateways[NETCONF_RANGES_MAX];
	struct address excluded[3 * NETCONF_RANGES_MAX];
	struct address wanted[NETCONF_IPS_MAX + 1];
	int network_dir;
};

/* The last address of a network. */
static struct address ranges_end(const struct address *net)
{
	struct address end = address_network(net);

	for (unsigned int bit = net->prefix; bit < address_bits(net->family); bit++)
		end.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	end.prefix = address_bits(net->family);
	return end;
}

/* The one below; not for an address of zeros. */
static struct address ranges_below(struct address address)
{
	for (size_t i = address_bytes(address.family); i-- > 0;) {
		if (address.bytes[i]-- != 0)
			break;
	}
	return address;
}

/* One range with its defaults; networks of one or two addresses are used whole. */
static int ranges_one(struct ranges *ranges, const struct netconf_range *in, size_t i,
		      struct err *err)
{
	struct pool_range *range = &ranges->ranges[i];
	struct address *gateway = &ranges->gateways[i];
	struct address start = address_network(&in->subnet);
	struct address end = ranges_end(&in->subnet);
	struct address second = start;
	bool is_small = address_bits(start.family) - in->subnet.prefix < 2;

	start.prefix = end.prefix;
	second.prefix = end.prefix;
	(void)address_next(&second);
	range->set = in->set;
	range->first = in->first.family ? in->first : is_small ? start : second;
	range->last = in->last.family ? in->last : is_small ? end : ranges_below(end);
	*gateway = in->gateway;
	if (!gateway->family && !is_small)
		*gateway = second;
	if (!address_is_in(&range->first, &in->subnet) ||
	    !address_is_in(&range->last, &in->subnet) ||
	    address_compare(&range->first, &range->last) > 0) {
		char text[ADDRESS_TEXT_ROOM];

		address_format(&in->subnet, true, text);
		return cni_err(err, CNI_CONFIG_INVALID,
			       "ipam.ranges: rangeStart and rangeEnd do not lie in order in %s",
			       text);
	}
	if (gateway->family)
		ranges->excluded[ranges->pool.n_excluded++] = *gateway;
	if (!is_small) {
		ranges->excluded[ranges->pool.n_excluded++] = start;
		if (start.family == AF_INET)
			ranges->excluded[ranges->pool.n_excluded++] = end;
	}
	return 0;
}

static bool ranges_is_alive(void *owner, const char *key)
{
	const struct ranges *ranges = owner;
	struct err ignored = { 0 };
	struct lease lease = { 0 };
	int code = lease_read(ranges->network_dir, key, &lease, &ignored);
	bool is_alive;

	if (code < 0)
		return code != -ENOENT && code != -EBADMSG;
	is_alive = lease_is_alive(ranges->network_dir, &lease);
	lease_done(&lease);
	return is_alive;
}

/* What the configuration says, and the folder (owned by the caller). */
static int ranges_init(struct ranges *ranges, const struct ipam_request *request, int *dir,
		       struct err *err)
{
	const struct netconf *netconf = request->netconf;
	struct pool *pool = &ranges->pool;

	memset(ranges, 0, sizeof(*ranges));
	if (netconf->n_ranges == 0)
		return cni_err(err, CNI_CONFIG_INVALID, "ipam.ranges: there is no range");
	for (size_t i = 0; i < netconf->n_ranges; i++) {
		int code = ranges_one(ranges, &netconf->ranges[i], i, err);

		if (code < 0)
			return code;
	}
	memcpy(ranges->wanted, netconf->wanted, netconf->n_wanted * sizeof(*netconf->wanted));
	pool->n_wanted = netconf->n_wanted;
	if (request->args && request->args->ip.family)
		ranges->wanted[pool->n_wanted++] = request->args->ip;
	ranges->network_dir = request->dir;
	pool->network_dir = request->dir;
	pool->ranges = ranges->ranges;
	pool->n_ranges = netconf->n_ranges;
	pool->excluded = ranges->excluded;
	pool->wanted = ranges->wanted;
	pool->may_use = request->may_use;
	pool->may_use_owner = request->owner;
	pool->is_alive = ranges_is_alive;
	pool->is_alive_owner = ranges;
	pool->until_ms = request->until_ms;
	if (store_open(request->dir, netconf->data_dir, netconf->name, dir, err) < 0)
		return err->code;
	pool->dir = *dir;
	return 0;
}

static int ranges_add(const struct ipam_request *request, struct ipam_answer *answer,
		      struct err *err)
{
	struct pool_given given[IPAM_IPS_MAX];
	struct ranges ranges;
	own_fd int dir = -1;
	size_t n = 0;
	int code = ranges_init(&ranges, request, &dir, err);

	if (code == 0)
		code = pool_take(&ranges.pool, request->key, given, &n, err);
	if (code < 0)
		return code;
	memset(answer, 0, sizeof(*answer));
	for (size_t i = 0; i < n; i++) {
		struct cni_ip *ip = &answer->ips[answer->n_ips++];

		ip->address = given[i].address;
		ip->address.prefix = request->netconf->ranges[given[i].range].subnet.prefix;
		ip->gateway = ranges.gateways[given[i].range];
		ip->interface = -1;
	}
	return 0;
}

/* Giving back needs no range: a configuration that lost them can still be cleaned up. */
static int ranges_del(const struct ipam_request *request, struct err *err)
{
	const struct netconf *netconf = request->netconf;
	struct pool pool = { .network_dir = request->dir, .until_ms = request->until_ms };
	own_fd int dir = -1;
	int code = store_open(request->dir, netconf->data_dir, netconf->name, &dir, err);

	if (code < 0)
		return code;
	pool.dir = dir;
	return pool_give_back(&pool, request->key, err);
}

static int ranges_check(const struct ipam_request *request, const struct cni_ip *ips, size_t n_ips,
			struct err *err)
{
	struct ranges ranges;
	own_fd int dir = -1;
	int code = ranges_init(&ranges, request, &dir, err);

	return code < 0 ? code : pool_check(&ranges.pool, request->key, ips, n_ips, err);
}

static int ranges_status(const struct ipam_request *request, struct err *err)
{
	struct ranges ranges;
	own_fd int dir = -1;

	if (ranges_init(&ranges, request, &dir, err) < 0) {
		struct err why = *err;

		return cni_err(err, CNI_UNAVAILABLE, "%s", why.msg);
	}
	return 0;
}

static int ranges_gc(const struct ipam_request *request,
		     bool (*is_alive)(void *owner, const char *key), void *owner, struct err *err)
{
	const struct netconf *netconf = request->netconf;
	struct pool pool = { .network_dir = request->dir, .until_ms = request->until_ms };
	own_fd int dir = -1;
	int code = store_open(request->dir, netconf->data_dir, netconf->name, &dir, err);

	if (code < 0)
		return code;
	pool.dir = dir;
	return pool_gc(&pool, is_alive, owner, err);
}

const struct ipam ipam_ranges = {
	.name = "ranges",
	.add = ranges_add,
	.del = ranges_del,
	.check = ranges_check,
	.status = ranges_status,
	.gc = ranges_gc,
};
