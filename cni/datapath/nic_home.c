/* SPDX-License-Identifier: Apache-2.0 */
/* The way back of NICs that were moved into pods, by their marks alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cni/datapath/nic.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/nic.h"
#include "cni/rtnl.h"
#include "config/base/buf.h"
#include "config/base/clean.h"

#define NIC_MARK "azl-nic:"

/* For one whose old name is taken. */
#define NIC_ANY_NAME "eth%d"

enum { NIC_FOUND_MAX_BYTES = 1 << 20 };

bool nic_mark_read(const char *alias, struct nic_mark *mark)
{
	const size_t prefix = strlen(NIC_MARK);
	const char *name = alias + prefix;
	const char *colon;
	const char *slash;

	if (strncmp(alias, NIC_MARK, prefix) != 0)
		return false;
	colon = strchr(name, ':');
	slash = colon ? strrchr(colon, '/') : NULL;
	if (!slash || colon == name || colon - name >= CNI_NAME_ROOM)
		return false;
	(void)snprintf(mark->name, sizeof(mark->name), "%.*s", (int)(colon - name), name);
	(void)snprintf(mark->container, sizeof(mark->container), "%.*s", (int)(slash - colon - 1),
		       colon + 1);
	(void)snprintf(mark->attachment, sizeof(mark->attachment), "%s", slash + 1);
	return true;
}

int nic_mark_write(const struct datapath_plan *plan, const char *name, char alias[LINK_ALIAS_ROOM],
		   struct err *err)
{
	int len = snprintf(alias, LINK_ALIAS_ROOM, "%s%s:%s/%s", NIC_MARK, name, plan->container,
			   plan->attachment);

	if (len < LINK_ALIAS_ROOM)
		return 0;
	return cni_err(err, CNI_ENVIRONMENT_INVALID, "CNI_CONTAINERID is too long");
}

bool nic_is_of(const struct datapath_plan *plan, const struct link *link, struct nic_mark *mark)
{
	return nic_mark_read(link->alias, mark) && strcmp(mark->container, plan->container) == 0 &&
	       strcmp(mark->attachment, plan->attachment) == 0;
}

/* Those of an attachment among all links of a namespace. */
struct nic_search {
	const struct datapath_plan *plan;
	const char *kind; /* that a NIC may have besides none; NULL: any */
	struct buf links; /* of struct link */
};

static void search_restart(void *owner)
{
	struct nic_search *search = owner;

	search->links.len = 0;
}

static int search_see(void *owner, const struct nlmsghdr *nlh)
{
	struct nic_search *search = owner;
	struct nic_mark mark;
	struct link link;

	if (link_parse(nlh, &link) < 0 || !nic_is_of(search->plan, &link, &mark))
		return 0;
	if (search->kind && link.kind[0] && strcmp(link.kind, search->kind) != 0)
		return 0;
	return buf_add(&search->links, &link, sizeof(link), NIC_FOUND_MAX_BYTES);
}

/* By their marks, not by their names: a move whose rename fails leaves one under the old one. */
static int search_run(struct rtnl *rtnl, struct nic_search *search, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);

	if (!batch)
		return err->code;
	link_put_dump(batch, NULL);
	return rtnl_dump(rtnl, batch, search_see, search_restart, search, err);
}

static int move_one(struct rtnl *pod, struct rtnl_batch *batch, const struct link *link, int home,
		    const char *name, struct err *err)
{
	rtnl_batch_clear(batch);
	link_put_up(batch, link->index, NULL, false);
	rtnl_ignore(batch, ENODEV);
	link_put_move(batch, link->index, NULL, home, name);
	/* the namespace is ending, or the first try moved it under the name that it had */
	rtnl_ignore(batch, ENODEV);
	return rtnl_send(pod, batch, err);
}

/*
 * Marks in the pod are what the pod says: it may put one on a link that it has made, to have it on
 * the host. Hardware has no kind, and no pod can make any. A host that is itself a namespace, with
 * one end of a pair for a NIC, has such NICs for its pods, too.
 */
static const char *kind_of_nics(const struct datapath_plan *plan)
{
	static const char veth[] = "veth";
	own_rtnl struct rtnl host = { 0 };
	struct link nic = { 0 };
	struct err ignored;

	if (rtnl_open(&host, &ignored) == 0 &&
	    nic_resolve(&host, &(struct nic_wish){ .name = plan->master }, &nic, &ignored) == 0 &&
	    strcmp(nic.kind, veth) == 0)
		return veth;
	return "";
}

/* Out of the pod, those that are there. */
static int move_out(const struct datapath_plan *plan, struct err *err)
{
	own_fd int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	own_rtnl struct rtnl pod = { 0 };
	struct nic_search search = { .plan = plan, .kind = kind_of_nics(plan) };
	int rc;

	if (home < 0)
		return err_errno(err, "open the network namespace of the host");
	if (!batch)
		return err->code;
	rc = pod_open_netns(plan->netns, &pod, err);
	if (rc == 0)
		rc = search_run(&pod, &search, err);
	for (size_t i = 0; rc == 0 && i < search.links.len / sizeof(struct link); i++) {
		const struct link *link = (const void *)(search.links.data + i * sizeof(*link));
		struct nic_mark mark;

		if (!nic_is_of(plan, link, &mark))
			continue;
		rc = move_one(&pod, batch, link, home, mark.name, err);
		if (rc == -EEXIST)
			rc = move_one(&pod, batch, link, home, NIC_ANY_NAME, err);
	}
	buf_done(&search.links);
	return rc;
}

int nic_settle(struct rtnl *host, const struct link *link, const struct nic_mark *mark,
	       struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);

	if (!batch)
		return err->code;
	link_put_up(batch, link->index, NULL, false);
	rtnl_ignore(batch, ENODEV);
	if (strcmp(link->name, mark->name) != 0) {
		link_put_rename(batch, link->index, mark->name);
		rtnl_ignore(batch, ENODEV);
		rtnl_ignore(batch, EEXIST); /* it keeps the one it has */
	}
	link_put_alias(batch, link->index, NULL, "");
	rtnl_ignore(batch, ENODEV);
	return rtnl_send(host, batch, err);
}

/* Back on the host, from us or from the end of its namespace: down, its old name, no mark. */
static int settle_all(const struct datapath_plan *plan, struct err *err)
{
	own_rtnl struct rtnl host = { 0 };
	struct nic_search search = { .plan = plan };
	int rc = rtnl_open(&host, err);

	if (rc == 0)
		rc = search_run(&host, &search, err);
	for (size_t i = 0; rc == 0 && i < search.links.len / sizeof(struct link); i++) {
		const struct link *link = (const void *)(search.links.data + i * sizeof(*link));
		struct nic_mark mark;

		if (nic_is_of(plan, link, &mark))
			rc = nic_settle(&host, link, &mark, err);
	}
	buf_done(&search.links);
	return rc;
}

int nic_bring_home(const struct datapath_plan *plan, struct err *err)
{
	int rc = plan->netns < 0 ? 0 : move_out(plan, err);

	return rc < 0 ? rc : settle_all(plan, err);
}
