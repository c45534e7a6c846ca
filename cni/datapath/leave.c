/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/leave.h"

#include <errno.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/datapath.h"
#include "cni/datapath/pod.h"
#include "cni/link.h"
#include "cni/rtnl.h"
#include "config/base/err.h"

/* A link by its number. Returns 0, 1 (there is none), or negative. */
static int leave_find(struct rtnl *rtnl, struct rtnl_batch *batch, int index, struct link *link,
		      struct err *err)
{
	int rc;

	rtnl_batch_clear(batch);
	link_put_get(batch, index);
	rtnl_reply(batch, link_reply, link);
	rc = rtnl_send(rtnl, batch, err);
	return rc == -ENODEV ? 1 : rc;
}

/* Each end says the number of the other one. */
static bool leave_is_pair(const struct link *a, const struct link *b)
{
	return a->peer == b->index && b->peer == a->index;
}

/* In one send, which a kill does not divide: what is in that group has no guards any more. */
static int leave_host_end(struct rtnl *host, struct rtnl_batch *batch, const struct link *end,
			  struct err *err)
{
	rtnl_batch_clear(batch);
	link_put_up(batch, end->index, NULL, false);
	link_put_group(batch, end->index, NULL, RTNL_GROUP_GONE);
	guards_put_forget(batch, end->name);
	return rtnl_send(host, batch, err);
}

/* Addresses of one link. */
struct leave_list {
	struct address addresses[RTNL_SEND_MESSAGES];
	size_t n;
	int index;
};

static int leave_see(void *owner, const struct nlmsghdr *nlh)
{
	struct leave_list *list = owner;
	struct addr addr;

	if (addr_parse(nlh, &addr) < 0 || addr.index != list->index)
		return 0;
	if (list->n == sizeof(list->addresses) / sizeof(list->addresses[0]))
		return -ENOSPC;
	list->addresses[list->n++] = addr.address;
	return 0;
}

static void leave_restart(void *owner)
{
	struct leave_list *list = owner;

	list->n = 0;
}

static int leave_pod_end(struct rtnl *pod, struct rtnl_batch *batch, int index, struct err *err)
{
	struct leave_list list = { .index = index };
	int rc;

	/* down first, which takes routes, and addresses of IPv6 */
	rtnl_batch_clear(batch);
	link_put_up(batch, index, NULL, false);
	rc = rtnl_send(pod, batch, err);
	if (rc < 0)
		return rc;
	rtnl_batch_clear(batch);
	addr_put_dump(batch, AF_UNSPEC, index);
	rc = rtnl_dump(pod, batch, leave_see, leave_restart, &list, err);
	if (rc < 0)
		return rc;
	rtnl_batch_clear(batch);
	for (size_t i = 0; i < list.n; i++)
		addr_put_delete(batch, index, &list.addresses[i]);
	return rtnl_send(pod, batch, err);
}

bool leave_pair(struct rtnl *host, const struct datapath_plan *plan)
{
	struct err err = { 0 };
	own_batch struct rtnl_batch *batch = rtnl_batch_new(&err);
	own_rtnl struct rtnl pod = { 0 };
	struct link host_end = { 0 };
	struct link pod_end = { 0 };

	if (!batch || pod_find_link(host, plan->host_name, &host_end, &err) != 0 ||
	    (host_end.group != RTNL_GROUP && host_end.group != RTNL_GROUP_GONE))
		return false;
	return pod_open_netns(plan->netns, &pod, &err) == 0 &&
	       leave_find(&pod, batch, host_end.peer, &pod_end, &err) == 0 &&
	       leave_is_pair(&host_end, &pod_end) &&
	       leave_host_end(host, batch, &host_end, &err) == 0 &&
	       leave_pod_end(&pod, batch, pod_end.index, &err) == 0;
}

int leave_clear(struct rtnl *host, const struct datapath_plan *plan, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl pod = { 0 };
	struct link host_end = { 0 };
	struct link pod_end = { 0 };
	int rc;

	if (!batch)
		return err->code;
	rc = pod_open_netns(plan->netns, &pod, err);
	if (rc == 0)
		rc = pod_find_link(&pod, plan->ifname, &pod_end, err);
	if (rc == 1) /* it went meanwhile */
		return 0;
	if (rc == 0)
		rc = leave_find(host, batch, pod_end.peer, &host_end, err);
	if (rc != 0)
		return rc;
	if (host_end.group != RTNL_GROUP_GONE || !leave_is_pair(&host_end, &pod_end))
		return 1;
	rtnl_batch_clear(batch);
	link_put_delete(batch, host_end.name);
	rtnl_ignore(batch, ENODEV);
	return rtnl_send(host, batch, err);
}
