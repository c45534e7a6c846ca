/* SPDX-License-Identifier: Apache-2.0 */
/* What the dead have left in the host's network namespace, and addresses that somebody has. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/datapath.h"
#include "cni/datapath/guards.h"
#include "cni/datapath/nic.h"
#include "cni/datapath/pod.h"
#include "cni/link.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "cni/rule.h"
#include "config/base/buf.h"
#include "config/base/err.h"

enum { GC_BYTES_MAX = 16 * 1024 * 1024 };

/* What is_alive denies, and what is there without its link. */
struct gc {
	bool (*is_alive)(void *owner, const char *container, const char *ifname);
	void *owner;
	struct buf ends;    /* struct gc_end: host ends that go */
	struct buf nics;    /* struct link: NICs that came back by themselves */
	struct buf links;   /* struct gc_end: all others */
	struct buf rules;   /* struct rule, of pods */
	size_t rules_whole; /* bytes of families that were read to their end */
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
	gc->nics.len = 0;
	gc->links.len = 0;
}

static void gc_done(struct gc *gc)
{
	buf_done(&gc->ends);
	buf_done(&gc->nics);
	buf_done(&gc->links);
	buf_done(&gc->rules);
}

static int gc_see(void *owner, const struct nlmsghdr *nlh)
{
	struct gc *gc = owner;
	struct nic_mark mark;
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
	if (nic_mark_read(link.alias, &mark) &&
	    !gc->is_alive(gc->owner, mark.container, mark.attachment) &&
	    buf_add(&gc->nics, &link, sizeof(link), GC_BYTES_MAX) < 0)
		return -ENOMEM;
	slash = strrchr(link.alias, '/');
	if (slash && link.group == RTNL_GROUP) {
		*slash = '\0';
		if (!gc->is_alive(gc->owner, link.alias, slash + 1))
			return buf_add(&gc->ends, &end, sizeof(end), GC_BYTES_MAX);
	}
	return buf_add(&gc->links, &end, sizeof(end), GC_BYTES_MAX);
}

static bool gc_has_link(const struct gc *gc, const char *name)
{
	const struct gc_end *links = (const void *)gc->links.data;

	for (size_t i = 0; i < gc->links.len / sizeof(*links); i++) {
		if (strcmp(links[i].name, name) == 0)
			return true;
	}
	return false;
}

/* A rule for a pod; those for all pods name no link but lo. */
static int gc_see_rule(void *owner, const struct nlmsghdr *nlh)
{
	struct gc *gc = owner;
	struct rule rule;

	if (rule_parse(nlh, &rule) < 0 || rule.protocol != RTNL_PROTOCOL || !rule.iif[0])
		return 0;
	return buf_add(&gc->rules, &rule, sizeof(rule), GC_BYTES_MAX);
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

static int gc_settle_nics(struct rtnl *rtnl, const struct gc *gc, struct err *err)
{
	const struct link *nics = (const void *)gc->nics.data;
	size_t n = gc->nics.len / sizeof(*nics);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct nic_mark mark;

		if (nic_mark_read(nics[i].alias, &mark))
			rc = nic_settle(rtnl, &nics[i], &mark, err);
	}
	return rc < 0 ? rc : (int)n;
}

static void gc_restart_rules(void *owner)
{
	struct gc *gc = owner;

	gc->rules.len = gc->rules_whole;
}

static int gc_find_rules_of(struct rtnl *rtnl, struct rtnl_batch *batch, struct gc *gc,
			    uint8_t family, struct err *err)
{
	int rc;

	rtnl_batch_clear(batch);
	rule_put_dump(batch, family);
	rc = rtnl_dump(rtnl, batch, gc_see_rule, gc_restart_rules, gc, err);
	/* a kernel without rules has none of ours */
	if (rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT)
		rc = 0;
	gc->rules_whole = gc->rules.len;
	return rc;
}

static int gc_find_rules(struct rtnl *rtnl, struct rtnl_batch *batch, struct gc *gc,
			 struct err *err)
{
	int rc = gc_find_rules_of(rtnl, batch, gc, AF_INET, err);

	return rc < 0 ? rc : gc_find_rules_of(rtnl, batch, gc, AF_INET6, err);
}

/* Those whose link is gone. */
static int gc_remove_rules(struct rtnl *rtnl, struct rtnl_batch *batch, const struct gc *gc,
			   struct err *err)
{
	const struct rule *rules = (const void *)gc->rules.data;
	int done = 0;

	for (size_t i = 0; i < gc->rules.len / sizeof(*rules); i++) {
		int rc;

		if (gc_has_link(gc, rules[i].iif))
			continue;
		rtnl_batch_clear(batch);
		rule_put_delete(batch, &rules[i]);
		rc = rtnl_send(rtnl, batch, err);
		if (rc < 0)
			return rc;
		done++;
	}
	return done;
}

/* Everything goes on behind a failure; the first one is told. */
static void gc_count(int *total, int rc, struct err *err, const struct err *said)
{
	if (rc < 0 && *total >= 0) {
		*total = rc;
		*err = *said;
	} else if (rc > 0 && *total >= 0) {
		*total += rc;
	}
}

int datapath_gc(bool (*is_alive)(void *owner, const char *container, const char *ifname),
		void *owner, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl rtnl = { 0 };
	struct gc gc = { .is_alive = is_alive, .owner = owner };
	struct err said = { 0 };
	int total = 0;
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open(&rtnl, err);
	if (rc < 0)
		return rc;
	/* Before the links: a rule that comes with its link while we look is of a pod that lives.
	 */
	gc_count(&total, gc_find_rules(&rtnl, batch, &gc, &said), err, &said);
	rtnl_batch_clear(batch);
	link_put_dump(batch, NULL);
	rc = rtnl_dump(&rtnl, batch, gc_see, gc_restart, &gc, err);
	if (rc == 0) {
		if (gc.ends.len > 0)
			gc_count(&total, gc_remove(&rtnl, batch, &gc.ends, &said), err, &said);
		gc_count(&total, gc_settle_nics(&rtnl, &gc, &said), err, &said);
		gc_count(&total, gc_remove_rules(&rtnl, batch, &gc, &said), err, &said);
	}
	gc_done(&gc);
	return rc < 0 ? rc : total;
}

/* Returns 0 with the route, 1: the kernel knows no way, or negative: no answer. */
static int gc_way_to(struct rtnl *rtnl, struct rtnl_batch *batch, const struct address *address,
		     struct route *route, struct err *err)
{
	int rc;

	rtnl_batch_clear(batch);
	route_put_match(batch, address);
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
	/* a route for it alone: a pod of somebody else's, whose route would be replaced */
	if (link.group != RTNL_GROUP)
		return route.dst.prefix < address_bits(address->family);
	return !(link.flags & IFF_UP) || strcmp(link.name, host_name) == 0;
}
