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
	struct buf names; /* of CNI_NAME_ROOM bytes each */
};

static void gc_restart(void *owner)
{
	struct gc *gc = owner;

	gc->names.len = 0;
}

static int gc_see(void *owner, const struct nlmsghdr *nlh)
{
	struct gc *gc = owner;
	struct link link;
	char *slash;

	if (link_parse(nlh, &link) < 0)
		return 0;
	/* Retagged already: by one who was killed before the deletion. */
	if (link.group == RTNL_GROUP_GONE)
		return buf_add(&gc->names, link.name, sizeof(link.name), GC_BYTES_MAX);
	slash = strrchr(link.alias, '/');
	if (link.group != RTNL_GROUP || !slash)
		return 0;
	*slash = '\0';
	if (gc->is_alive(gc->owner, link.alias, slash + 1))
		return 0;
	return buf_add(&gc->names, link.name, sizeof(link.name), GC_BYTES_MAX);
}

/* As many as fit one batch; each alone may be gone by now. Returns how many were put. */
static size_t gc_put(struct rtnl_batch *batch, const char *names, size_t n)
{
	enum {
		GC_MESSAGES = 2 + GUARDS_FORGET_MESSAGES,
		GC_AT_ONCE = RTNL_SEND_MESSAGES / GC_MESSAGES
	};
	size_t put = n < GC_AT_ONCE ? n : GC_AT_ONCE;

	for (size_t i = 0; i < put; i++) {
		const char *name = names + i * CNI_NAME_ROOM;

		link_put_group(batch, 0, name, RTNL_GROUP_GONE);
		rtnl_ignore(batch, ENODEV);
		link_put_up(batch, 0, name, false);
		rtnl_ignore(batch, ENODEV);
		guards_put_forget(batch, name);
	}
	return put;
}

static int gc_remove(struct rtnl *rtnl, struct rtnl_batch *batch, const struct buf *names,
		     struct err *err)
{
	size_t n = names->len / CNI_NAME_ROOM;
	int rc = 0;

	for (size_t done = 0; rc == 0 && done < n;) {
		rtnl_batch_clear(batch);
		done += gc_put(batch, (const char *)names->data + done * CNI_NAME_ROOM, n - done);
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
	if (rc == 0 && gc.names.len > 0)
		rc = gc_remove(&rtnl, batch, &gc.names, err);
	buf_done(&gc.names);
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
