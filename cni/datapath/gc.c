/* SPDX-License-Identifier: Apache-2.0 */
/* Host ends whose pods are gone, and addresses that somebody has. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/datapath.h"
#include "cni/datapath/guards.h"
#include "cni/datapath/pod.h"
#include "cni/link.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "config/base/buf.h"
#include "config/base/err.h"

enum { GC_BYTES_MAX = 16 * 1024 * 1024 };

/* What is_alive denies. */
struct gc {
	bool (*is_alive)(void *owner, const char *container, const char *ifname);
	void *owner;
	struct buf ends; /* of struct gc_end each */
};

/* By number: a name may be somebody else's by the time it is used. */
struct gc_end {
	int index;
	char name[CNI_NAME_ROOM];
};

static void gc_restart(void *owner)
{
	struct gc *gc = owner;

	gc->ends.len = 0;
}

static int gc_see(void *owner, const struct nlmsghdr *nlh)
{
	struct gc *gc = owner;
	struct link link;
	struct gc_end end = { 0 };
	char *slash;

	if (link_parse(nlh, &link) < 0)
		return 0;
	end.index = link.index;
	/* Without a name, nothing but its deletion is missing: see leave.h. */
	if (link.group == RTNL_GROUP_GONE)
		return buf_add(&gc->ends, &end, sizeof(end), GC_BYTES_MAX);
	memcpy(end.name, link.name, sizeof(end.name));
	slash = strrchr(link.alias, '/');
	if (link.group != RTNL_GROUP || !slash)
		return 0;
	*slash = '\0';
	if (gc->is_alive(gc->owner, link.alias, slash + 1))
		return 0;
	return buf_add(&gc->ends, &end, sizeof(end), GC_BYTES_MAX);
}

/* As many as fit one batch; each alone may be gone by now. Returns how many were put. */
static size_t gc_put(struct rtnl_batch *batch, const struct gc_end *ends, size_t n)
{
	enum {
		GC_MESSAGES = 2 + GUARDS_FORGET_MESSAGES,
		GC_AT_ONCE = RTNL_SEND_MESSAGES / GC_MESSAGES
	};
	size_t put = n < GC_AT_ONCE ? n : GC_AT_ONCE;

	for (size_t i = 0; i < put; i++) {
		if (!ends[i].name[0])
			continue;
		link_put_group(batch, ends[i].index, NULL, RTNL_GROUP_GONE);
		rtnl_ignore(batch, ENODEV);
		link_put_up(batch, ends[i].index, NULL, false);
		rtnl_ignore(batch, ENODEV);
		guards_put_forget(batch, ends[i].name);
	}
	return put;
}

static int gc_remove(struct rtnl *rtnl, struct rtnl_batch *batch, const struct buf *list,
		     struct err *err)
{
	const struct gc_end *ends = (const void *)list->data;
	size_t n = list->len / sizeof(*ends);
	int rc = 0;

	for (size_t done = 0; rc == 0 && done < n;) {
		rtnl_batch_clear(batch);
		done += gc_put(batch, ends + done, n - done);
		rc = rtnl_send(rtnl, batch, err);
	}
	if (rc < 0)
		return rc;
	/* One wait of the kernel for all of them. Source: net/core/rtnetlink.c, rtnl_group_dellink.
	 */
	rtnl_batch_clear(batch);
	link_put_delete_group(batch, RTNL_GROUP_GONE);
	rtnl_ignore(batch, ENODEV);
	rc = rtnl_send(rtnl, batch, err);
	return rc < 0 ? rc : (int)n;
}

int datapath_gc(bool (*is_alive)(void *owner, const char *container, const char *ifname),
		void *owner, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl rtnl = { 0 };
	struct gc gc = { .is_alive = is_alive, .owner = owner };
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open(&rtnl, err);
	if (rc < 0)
		return rc;
	link_put_dump(batch, NULL);
	rc = rtnl_dump(&rtnl, batch, gc_see, gc_restart, &gc, err);
	if (rc == 0 && gc.ends.len > 0)
		rc = gc_remove(&rtnl, batch, &gc.ends, err);
	buf_done(&gc.ends);
	return rc;
}

/* Returns 0 with the route, 1: the kernel knows no way, or negative: no answer. */
static int gc_way_to(struct rtnl *rtnl, struct rtnl_batch *batch, const struct address *address,
		     struct route *route, struct err *err)
{
	int rc;

	rtnl_batch_clear(batch);
	route_put_get(batch, address);
	rtnl_reply(batch, route_reply, route);
	rc = rtnl_send(rtnl, batch, err);
	if (rc == 0)
		return route->oif == 0;
	return batch->messages[0].result < 0 ? 1 : rc;
}

bool datapath_may_use(const struct address *address, const char *host_name)
{
	struct err err;
	own_batch struct rtnl_batch *batch = rtnl_batch_new(&err);
	own_rtnl struct rtnl rtnl = { 0 };
	struct route route = { 0 };
	struct link link = { 0 };
	int rc;

	if (!batch || rtnl_open(&rtnl, &err) < 0)
		return false;
	rc = gc_way_to(&rtnl, batch, address, &route, &err);
	if (rc != 0)
		return rc == 1;
	if (route.type == RTN_LOCAL)
		return false;
	rtnl_batch_clear(batch);
	link_put_get(batch, route.oif);
	rtnl_reply(batch, link_reply, &link);
	rc = rtnl_send(&rtnl, batch, &err);
	if (rc < 0)
		return rc == -ENODEV;
	return link.group != RTNL_GROUP || !(link.flags & IFF_UP) ||
	       strcmp(link.name, host_name) == 0;
}
