/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that Azure gave to the host's NIC besides its own. */
#include "cni/ipam/imds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/imds_wire.h"
#include "cni/ipam/ipam.h"
#include "cni/ipam/pool.h"
#include "cni/ipam/store.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum {
	IMDS_WAIT_US = 20000, /* between two looks at the lock */
	IMDS_STATUS_MS = 2000,
};

/* One ADD or CHECK; on the heap, for its size. */
struct imds {
	const struct ipam_request *request;
	struct imds_nic nic;
	struct pool pool;
	struct pool_range ranges[2 * IMDS_IPS_MAX];
	struct address wanted[NETCONF_IPS_MAX + 1];
};

/* Milliseconds since the cache was written; -1: there is none. */
static int64_t imds_age(int dir)
{
	struct timespec now;
	struct stat info;
	int64_t age;

	if (fstatat(dir, "imds.json", &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	age = (int64_t)(now.tv_sec - info.st_mtim.tv_sec) * 1000 +
	      (now.tv_nsec - info.st_mtim.tv_nsec) / 1000000;
	return age < 0 ? INT64_MAX : age; /* the clock was set back */
}

/* Read the NIC out of the cache. Returns 0, -ENOENT (no cache), -EBADMSG, -ENODEV (no such NIC). */
static int imds_read(int dir, const struct mac *mac, struct imds_nic *nic)
{
	struct buf buf = { 0 };
	int code = fd_read_file(dir, "imds.json", IMDS_MAX_BYTES, &buf);

	if (code == 0) {
		code = imds_wire_parse((const char *)buf.data, buf.len, mac, nic);
		code = code == -ENOENT ? -ENODEV : code;
	}
	buf_done(&buf);
	return code;
}

/* Wait for one's turn to fetch. Returns 0 with *lock written, CNI_TRY_AGAIN, or negative. */
static int imds_lock(const struct ipam_request *request, int *lock, struct err *err)
{
	own_fd int fd = openat(request->dir, "imds.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, "open the lock of IMDS");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, "lock IMDS");
		if (http_now_ms() >= request->until_ms)
			return cni_err(err, CNI_TRY_AGAIN, "IMDS is being asked by another call");
		(void)usleep(IMDS_WAIT_US);
	}
	*lock = fd_take(&fd);
	return 0;
}

/*
 * Fetch unless somebody just did: one process asks for all that wait, as the service allows five
 * requests in a second.
 */
static int imds_fetch(const struct ipam_request *request, struct err *err)
{
	own_fd int lock = -1;
	int64_t age;
	int code = imds_lock(request, &lock, err);

	if (code < 0)
		return code;
	age = imds_age(request->dir);
	if (age >= 0 && age < IMDS_FRESH_MS)
		return 0;
	return imds_refresh(request->netconf->imds_url, request->dir, request->until_ms, err);
}

/* As imds_fetch, whatever is there. */
static int imds_fetch_anyway(const struct ipam_request *request, struct err *err)
{
	own_fd int lock = -1;
	int code = imds_lock(request, &lock, err);

	return code < 0 ? code
			: imds_refresh(request->netconf->imds_url, request->dir, request->until_ms,
				       err);
}

static void imds_ranges(struct imds *imds, const struct imds_family *family, unsigned int set)
{
	for (size_t i = 0; i < family->n; i++)
		imds->ranges[imds->pool.n_ranges++] = (struct pool_range){
			.first = family->ips[i],
			.last = family->ips[i],
			.set = set,
		};
}

static bool imds_is_alive(void *owner, const char *key)
{
	const struct imds *imds = owner;
	struct err ignored = { 0 };
	struct lease lease = { 0 };
	int code = lease_read(imds->request->dir, key, &lease, &ignored);
	bool is_alive;

	if (code < 0)
		return code != -ENOENT && code != -EBADMSG;
	is_alive = lease_is_alive(imds->request->dir, &lease);
	lease_done(&lease);
	return is_alive;
}

/* What may be handed out, from the NIC's addresses. */
static void imds_pool(struct imds *imds, int dir)
{
	const struct ipam_request *request = imds->request;
	const struct netconf *netconf = request->netconf;

	memcpy(imds->wanted, netconf->wanted, netconf->n_wanted * sizeof(*netconf->wanted));
	imds->pool = (struct pool){
		.network_dir = request->dir,
		.dir = dir,
		.ranges = imds->ranges,
		.wanted = imds->wanted,
		.n_wanted = netconf->n_wanted,
		.may_use = request->may_use,
		.may_use_owner = request->owner,
		.is_alive = imds_is_alive,
		.is_alive_owner = imds,
		.until_ms = request->until_ms,
	};
	if (request->args && request->args->ip.family)
		imds->wanted[imds->pool.n_wanted++] = request->args->ip;
	imds_ranges(imds, &imds->nic.ipv4, 0);
	/* pods get IPv6 where the NIC has addresses of it for them */
	if (!netconf->ipv4_only)
		imds_ranges(imds, &imds->nic.ipv6, imds->nic.ipv4.n > 0 ? 1 : 0);
}

static int imds_none(int code, struct err *err)
{
	if (code == -ENODEV)
		return cni_err(err, CNI_TRY_AGAIN,
			       "IMDS does not list the host's NIC by its MAC address yet");
	return cni_err(err, CNI_TRY_AGAIN, "the document of IMDS cannot be read: %s",
		       err_reason(-code));
}

static int imds_take(struct imds *imds, const struct mac *mac, int dir, struct pool_given *given,
		     size_t *n, struct err *err)
{
	int code = imds_read(imds->request->dir, mac, &imds->nic);

	if (code == -EBADMSG)
		(void)unlinkat(imds->request->dir, "imds.json", 0);
	if (code < 0)
		return imds_none(code, err);
	imds_pool(imds, dir);
	if (imds->pool.n_ranges == 0)
		return cni_err(err, CNI_ADDRESS_EXHAUSTED,
			       "the host's NIC has no address besides its own");
	return pool_take(&imds->pool, imds->request->key, given, n, err);
}

/* From the cache; asked for again when it has nothing and is not fresh. */
static int imds_take_or_fetch(struct imds *imds, const struct mac *mac, int dir,
			      struct pool_given *given, size_t *n, struct err *err)
{
	int64_t age = imds_age(imds->request->dir);
	struct err why = { 0 };
	int code = age < 0 ? 1 : imds_take(imds, mac, dir, given, n, err);

	if (code == 0 || (code < 0 && code != -(CNI_ERR_BASE + CNI_ADDRESS_EXHAUSTED) &&
			  code != -(CNI_ERR_BASE + CNI_CONFIG_INVALID) &&
			  code != -(CNI_ERR_BASE + CNI_TRY_AGAIN)))
		return code;
	age = imds_age(imds->request->dir); /* none any more when it could not be read */
	if (code < 0 && age >= 0 && age < IMDS_FRESH_MS)
		return code;
	if (imds_fetch(imds->request, &why) < 0) {
		if (code > 0)
			*err = why;
		return err->code;
	}
	return imds_take(imds, mac, dir, given, n, err);
}

/* The first address of a subnet is its gateway, by Azure's rule. */
static struct address imds_gateway(const struct address *subnet)
{
	struct address gateway = address_network(subnet);

	gateway.prefix = address_bits(gateway.family);
	(void)address_next(&gateway);
	return gateway;
}

static void imds_answer(const struct imds *imds, const struct pool_given *given, size_t n,
			struct ipam_answer *answer)
{
	const struct address *subnet = &imds->nic.ipv4.subnet;

	memset(answer, 0, sizeof(*answer));
	for (size_t i = 0; i < n; i++) {
		struct cni_ip *ip = &answer->ips[answer->n_ips++];

		ip->address = given[i].address;
		ip->interface = -1;
		if (subnet->family == AF_INET && subnet->prefix > 0 &&
		    address_is_in(&ip->address, subnet)) {
			ip->address.prefix = subnet->prefix;
			ip->gateway = imds_gateway(subnet);
		}
	}
	answer->host_ip = imds->nic.ipv4.primary;
}

static int imds_open(const struct ipam_request *request, int *dir, struct err *err)
{
	return store_open(request->dir, request->netconf->data_dir, request->netconf->name, dir,
			  err);
}

int imds_add_for(const struct ipam_request *request, const struct mac *mac,
		 struct ipam_answer *answer, struct err *err)
{
	own_mem struct imds *imds = calloc(1, sizeof(*imds));
	struct pool_given given[IPAM_IPS_MAX];
	own_fd int dir = -1;
	size_t n = 0;
	int code;

	if (!imds)
		return err_set(err, -ENOMEM, "no memory for the addresses of IMDS");
	imds->request = request;
	code = imds_open(request, &dir, err);
	if (code == 0)
		code = imds_take_or_fetch(imds, mac, dir, given, &n, err);
	if (code == 0)
		imds_answer(imds, given, n, answer);
	return code;
}

static int imds_add(const struct ipam_request *request, struct ipam_answer *answer, struct err *err)
{
	struct mac mac;
	int code = imds_mac(request->netconf->master, &mac, err);

	return code < 0 ? code : imds_add_for(request, &mac, answer, err);
}

static int imds_del(const struct ipam_request *request, struct err *err)
{
	struct pool pool = { .network_dir = request->dir, .until_ms = request->until_ms };
	own_fd int dir = -1;
	int code = imds_open(request, &dir, err);

	pool.dir = dir;
	return code < 0 ? code : pool_give_back(&pool, request->key, err);
}

/* An address that Azure took away is no longer delivered, though we hold it. */
static int imds_check(const struct ipam_request *request, const struct cni_ip *ips, size_t n_ips,
		      struct err *err)
{
	own_mem struct imds_nic *nic = calloc(1, sizeof(*nic));
	struct pool pool = { .network_dir = request->dir, .until_ms = request->until_ms };
	own_fd int dir = -1;
	struct mac mac;
	int code;

	if (!nic)
		return err_set(err, -ENOMEM, "no memory for the addresses of IMDS");
	code = imds_open(request, &dir, err);
	pool.dir = dir;
	if (code == 0)
		code = pool_check(&pool, request->key, ips, n_ips, err);
	if (code == 0)
		code = imds_mac(request->netconf->master, &mac, err);
	if (code < 0 || imds_read(request->dir, &mac, nic) != 0)
		return code;
	for (size_t i = 0; i < n_ips; i++) {
		char text[ADDRESS_TEXT_ROOM];

		address_format(&ips[i].address, false, text);
		if (!imds_wire_has(nic, &ips[i].address))
			return cni_err(err, CNI_CHECK_FAILED,
				       "IMDS does not list %s any more: nothing is delivered to it",
				       text);
	}
	return 0;
}

static int imds_status(const struct ipam_request *request, struct err *err)
{
	struct ipam_request quick = *request;
	struct err why = { 0 };
	struct mac mac;

	if (imds_mac(request->netconf->master, &mac, &why) < 0)
		return cni_err(err, CNI_UNAVAILABLE, "%s", why.msg);
	if (imds_age(request->dir) >= 0)
		return 0;
	if (quick.until_ms > http_now_ms() + IMDS_STATUS_MS)
		quick.until_ms = http_now_ms() + IMDS_STATUS_MS;
	if (imds_fetch(&quick, &why) < 0)
		return cni_err(err, CNI_UNAVAILABLE, "%s", why.msg);
	return 0;
}

static int imds_gc(const struct ipam_request *request,
		   bool (*is_alive)(void *owner, const char *key), void *owner, struct err *err)
{
	struct pool pool = { .network_dir = request->dir, .until_ms = request->until_ms };
	own_fd int dir = -1;
	int code = imds_open(request, &dir, err);

	pool.dir = dir;
	return code < 0 ? code : pool_gc(&pool, is_alive, owner, err);
}

const struct ipam ipam_imds = {
	.name = "imds",
	.add = imds_add,
	.del = imds_del,
	.check = imds_check,
	.status = imds_status,
	.gc = imds_gc,
	.refresh = imds_fetch_anyway,
};
