/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NIC of its own: moved into the pod, and moved back before the namespace ends. Only the
 * synthetic NIC is moved; the kernel moves its virtual function after it. The name it had is in its
 * alias, so that it comes back under it whatever else is lost.
 *
 * Source: drivers/net/hyperv/netvsc_drv.c, netvsc_event_set_vf_ns.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cni/addr.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/nic.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "config/base/clean.h"
#include "config/base/log.h"

#define DATAPATH_NIC_ALIAS "azl-nic:"

enum {
	DATAPATH_NIC_VF_MS = 2000, /* netvsc moves it from a work queue */
	DATAPATH_NIC_VF_STEP_MS = 20,
};

/* Is a virtual function behind a NIC? */
struct datapath_nic_vf {
	int master;
	bool found;
};

static int datapath_nic_see_vf(void *owner, const struct nlmsghdr *nlh)
{
	struct datapath_nic_vf *vf = owner;
	struct link link;

	if (link_parse(nlh, &link) == 0 && link.master == vf->master && !link.kind[0])
		vf->found = true;
	return 0;
}

static int datapath_nic_has_vf(struct rtnl *rtnl, int index, bool *has, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct datapath_nic_vf vf = { .master = index };
	int rc;

	if (!batch)
		return err->code;
	link_put_dump(batch, NULL);
	rc = rtnl_dump(rtnl, batch, datapath_nic_see_vf, NULL, &vf, err);
	*has = vf.found;
	return rc;
}

/* The NIC works without it, only slower. */
static void datapath_nic_await_vf(const struct datapath_plan *plan, struct rtnl *pod, int index)
{
	const struct timespec step = { .tv_nsec = DATAPATH_NIC_VF_STEP_MS * 1000000L };
	struct err ignored;

	for (int waited = 0; waited <= DATAPATH_NIC_VF_MS; waited += DATAPATH_NIC_VF_STEP_MS) {
		bool has = false;

		if (datapath_nic_has_vf(pod, index, &has, &ignored) == 0 && has)
			return;
		(void)nanosleep(&step, NULL);
	}
	log_warn(plan->container,
		 "%s: its virtual function did not follow: the synthetic path is used",
		 plan->ifname);
}

/* Of a NIC that was given to this attachment: its name before; false: another link. */
static bool datapath_nic_is(const struct datapath_plan *plan, const struct link *link,
			    char name[CNI_NAME_ROOM])
{
	const size_t prefix = strlen(DATAPATH_NIC_ALIAS);
	const char *begin = link->alias + prefix;
	char owner[LINK_ALIAS_ROOM];
	const char *colon;

	if (strncmp(link->alias, DATAPATH_NIC_ALIAS, prefix) != 0)
		return false;
	colon = strchr(begin, ':');
	if (!colon || colon - begin >= CNI_NAME_ROOM)
		return false;
	(void)snprintf(owner, sizeof(owner), "%s/%s", plan->container, plan->ifname);
	if (strcmp(colon + 1, owner) != 0)
		return false;
	(void)snprintf(name, CNI_NAME_ROOM, "%.*s", (int)(colon - begin), begin);
	return true;
}

/* The one among all links of a namespace. */
struct datapath_nic_search {
	const struct datapath_plan *plan;
	struct link found; /* index 0: none */
	char old_name[CNI_NAME_ROOM];
};

static void datapath_nic_restart(void *owner)
{
	struct datapath_nic_search *search = owner;

	search->found.index = 0;
}

static int datapath_nic_see(void *owner, const struct nlmsghdr *nlh)
{
	struct datapath_nic_search *search = owner;
	struct link link;

	if (link_parse(nlh, &link) == 0 && datapath_nic_is(search->plan, &link, search->old_name))
		search->found = link;
	return 0;
}

/* By its mark, not by its name: a move whose rename fails leaves it under the old one. */
static int datapath_nic_find(struct rtnl *rtnl, struct datapath_nic_search *search, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);

	if (!batch)
		return err->code;
	link_put_dump(batch, NULL);
	return rtnl_dump(rtnl, batch, datapath_nic_see, datapath_nic_restart, search, err);
}

static int datapath_nic_choose(const struct datapath_plan *plan, struct rtnl *host,
			       struct link *nic, struct err *err)
{
	const struct nic_wish theirs = { .mac = &plan->nic_mac };
	const struct nic_wish ours = { 0 };
	struct err none;
	struct link main_nic;
	int rc = nic_resolve(host, &theirs, nic, err);

	if (rc == 1)
		rc = err->code = -(CNI_ERR_BASE + CNI_UNAVAILABLE);
	if (rc < 0)
		return rc;
	if (nic->flags & IFF_LOOPBACK)
		return cni_err(err, CNI_CONFIG_INVALID, "link %s is no NIC", nic->name);
	if (nic_resolve(host, &ours, &main_nic, &none) == 0 && main_nic.index == nic->index)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "%s carries the host's default route: it is not given to a pod",
			       nic->name);
	return 0;
}

static int datapath_nic_move_in(const struct datapath_plan *plan, struct rtnl *host,
				const struct link *nic, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	char alias[LINK_ALIAS_ROOM];
	int len = snprintf(alias, sizeof(alias), "%s%s:%s/%s", DATAPATH_NIC_ALIAS, nic->name,
			   plan->container, plan->ifname);
	int rc;

	if (!batch)
		return err->code;
	if (len >= (int)sizeof(alias))
		return cni_err(err, CNI_ENVIRONMENT_INVALID, "CNI_CONTAINERID is too long");
	link_put_alias(batch, nic->index, NULL, alias);
	/* Down: a link that is up is renamed by new kernels only. */
	link_put_up(batch, nic->index, NULL, false);
	link_put_move(batch, nic->index, NULL, plan->netns, plan->ifname);
	rc = rtnl_send(host, batch, err);
	if (rc == -EEXIST)
		return cni_err(err, CNI_INTERFACE_EXISTS, "interface %s already exists in %s",
			       plan->ifname, plan->netns_path);
	return rc;
}

static void datapath_nic_put_routes(struct rtnl_batch *batch, const struct datapath_plan *plan,
				    const struct pod_routes *routes, int index)
{
	for (size_t i = 0; i < routes->n; i++) {
		const struct cni_route *wanted = &routes->routes[i];
		struct route route = { .dst = wanted->dst,
				       .gw = wanted->gw,
				       .oif = index,
				       .mtu = wanted->mtu,
				       .advmss = wanted->advmss,
				       .protocol = RTNL_PROTOCOL };

		route.table = wanted->table > 0 ? (uint32_t)wanted->table : 0;
		route.priority = wanted->priority > 0 ? (uint32_t)wanted->priority : 0;
		for (size_t j = 0; j < plan->n_ips && !route.gw.family; j++)
			if (plan->ips[j].gateway.family == route.dst.family)
				route.gw = plan->ips[j].gateway;
		/* Without a gateway the fabric answers for every address. */
		if (route.gw.family)
			route.onlink = true;
		else
			route.scope = RT_SCOPE_LINK;
		route_put(batch, &route, true);
	}
}

static int datapath_nic_set_up(const struct datapath_plan *plan, struct rtnl *pod, int index,
			       struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct pod_routes routes;

	if (!batch)
		return err->code;
	pod_routes(plan, &routes);
	link_put_up(batch, 1, NULL, true);
	link_put_up(batch, index, NULL, true);
	for (size_t i = 0; i < plan->n_ips; i++)
		addr_put(batch, index, &plan->ips[i].address, true);
	datapath_nic_put_routes(batch, plan, &routes, index);
	return rtnl_send(pod, batch, err);
}

static int datapath_nic_fill(const struct datapath_plan *plan, const struct link *nic,
			     struct cni_result *result, struct err *err)
{
	struct pod_routes routes;
	int rc =
		pod_add_interface(result, plan->ifname, &nic->mac, nic->mtu, plan->netns_path, err);

	if (rc < 0)
		return rc;
	pod_routes(plan, &routes);
	for (size_t i = 0; i < plan->n_ips && result->n_ips < CNI_IPS_MAX; i++) {
		result->ips[result->n_ips] = plan->ips[i];
		result->ips[result->n_ips++].interface = (int)result->n_interfaces - 1;
	}
	for (size_t i = 0; i < routes.n && result->n_routes < CNI_ROUTES_MAX; i++)
		result->routes[result->n_routes++] = routes.routes[i];
	return 0;
}

/* Out of the pod, if it is there. */
static int datapath_nic_move_out(const struct datapath_plan *plan, struct err *err)
{
	own_fd int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl pod = { 0 };
	struct datapath_nic_search search = { .plan = plan };
	int rc;

	if (home < 0)
		return err_errno(err, "open the network namespace of the host");
	if (!batch)
		return err->code;
	rc = pod_open_netns(plan->netns, &pod, err);
	if (rc == 0)
		rc = datapath_nic_find(&pod, &search, err);
	if (rc < 0 || search.found.index == 0)
		return rc;
	link_put_up(batch, search.found.index, NULL, false);
	link_put_move(batch, search.found.index, NULL, home, search.old_name);
	return rtnl_send(&pod, batch, err);
}

/* Back on the host, from us or from the end of its namespace: down, its old name, no mark. */
static int datapath_nic_settle(const struct datapath_plan *plan, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl host = { 0 };
	struct datapath_nic_search search = { .plan = plan };
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open(&host, err);
	if (rc == 0)
		rc = datapath_nic_find(&host, &search, err);
	if (rc < 0 || search.found.index == 0)
		return rc;
	link_put_up(batch, search.found.index, NULL, false);
	if (strcmp(search.found.name, search.old_name) != 0)
		link_put_rename(batch, search.found.index, search.old_name);
	link_put_alias(batch, search.found.index, NULL, "");
	return rtnl_send(&host, batch, err);
}

static int datapath_nic_del(const struct datapath_plan *plan, struct err *err)
{
	int rc = plan->netns < 0 ? 0 : datapath_nic_move_out(plan, err);

	return rc < 0 ? rc : datapath_nic_settle(plan, err);
}

static int datapath_nic_add(const struct datapath_plan *plan, struct cni_result *result,
			    struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	own_rtnl struct rtnl pod = { 0 };
	struct link nic;
	struct link inside;
	struct err ignored;
	bool has_vf = false;
	int rc = rtnl_open(&host, err);

	if (rc == 0)
		rc = datapath_nic_choose(plan, &host, &nic, err);
	if (rc == 0)
		rc = datapath_nic_has_vf(&host, nic.index, &has_vf, err);
	if (rc == 0)
		rc = datapath_nic_move_in(plan, &host, &nic, err);
	if (rc == 0)
		rc = pod_open(plan, &pod, err);
	if (rc == 0)
		rc = pod_find_link(&pod, plan->ifname, &inside, err);
	if (rc == 0)
		rc = datapath_nic_set_up(plan, &pod, inside.index, err);
	if (rc == 0)
		rc = datapath_nic_fill(plan, &inside, result, err);
	if (rc != 0) {
		(void)datapath_nic_del(plan, &ignored);
		return rc > 0 ? cni_err(err, CNI_IO, "%s went away", plan->ifname) : rc;
	}
	if (has_vf)
		datapath_nic_await_vf(plan, &pod, inside.index);
	return 0;
}

static int datapath_nic_check(const struct datapath_plan *plan, const struct cni_result *expected,
			      struct err *err)
{
	own_rtnl struct rtnl pod = { 0 };
	struct link nic = { 0 };
	char old_name[CNI_NAME_ROOM];
	int rc;

	(void)expected;
	if (plan->netns < 0)
		return cni_err(err, CNI_CHECK_FAILED, "the network namespace is gone");
	rc = pod_open_netns(plan->netns, &pod, err);
	if (rc == 0)
		rc = pod_find_link(&pod, plan->ifname, &nic, err);
	if (rc == 1)
		return cni_err(err, CNI_CHECK_FAILED, "link %s is missing", plan->ifname);
	if (rc == 0 && (!datapath_nic_is(plan, &nic, old_name) || !(nic.flags & IFF_UP)))
		return cni_err(err, CNI_CHECK_FAILED, "link %s is down or is not the NIC",
			       plan->ifname);
	return rc;
}

static int datapath_nic_status(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	struct link nic;
	int rc = rtnl_open(&host, err);

	(void)plan; /* which NIC is only known with a pod */
	if (rc == 0)
		rc = nic_resolve(&host, &(struct nic_wish){ 0 }, &nic, err);
	if (rc == 1)
		rc = err->code = -(CNI_ERR_BASE + CNI_UNAVAILABLE);
	return rc;
}

const struct datapath datapath_nic = {
	.name = "nic",
	.add = datapath_nic_add,
	.del = datapath_nic_del,
	.check = datapath_nic_check,
	.status = datapath_nic_status,
};
