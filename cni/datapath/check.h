/* SPDX-License-Identifier: Apache-2.0 */
/* What CHECK has in common: things wanted, dumps that show them, and the first that is missing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/address.h"
#include "cni/datapath/pod.h"
#include "cni/link.h"
#include "cni/rtnl.h"

struct err;

enum { CHECK_WANTED_MAX = POD_ROUTES_MAX + CNI_IPS_MAX };

/* Things wanted of one kind: each an address. */
struct check_list {
	struct address wanted[CHECK_WANTED_MAX];
	bool found[CHECK_WANTED_MAX];
	size_t n;
};

/* alone: with the longest prefix instead of its own. */
void check_want(struct check_list *list, const struct address *address, bool alone);

/* Mark what is wanted and was seen; from a dump, as rtnl_reply_fn: the owner is the list. */
void check_see(struct check_list *list, const struct address *address);
int check_see_addr(void *owner, const struct nlmsghdr *nlh);
int check_see_route(void *owner, const struct nlmsghdr *nlh);

typedef void check_put_fn(struct rtnl_batch *batch, uint8_t family, int index);

/* Where, and which dump shows it. */
struct check_place {
	struct rtnl *rtnl;
	const struct link *link;
	check_put_fn *put;
	rtnl_reply_fn *see;
	const char *what; /* for the text: "route" */
};

/* One dump for each family of which something is wanted. Returns 0, CNI_CHECK_FAILED, or negative.
 */
int check_dump(const struct check_place *place, struct check_list *list, struct err *err);

/* Find a link that is up. Returns 0, CNI_CHECK_FAILED, or negative. */
int check_find(struct rtnl *rtnl, const char *name, struct link *link, struct err *err);

/*
 * What is said of the pod's link in the result of ADD; later plugins may have changed it.
 *
 * index   written: its number in the result, or -1
 *
 * Returns NULL when nothing is said.
 */
const struct cni_interface *check_expected(const struct datapath_plan *plan,
					   const struct cni_result *expected, int *index);
