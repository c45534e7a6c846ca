/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about NICs that are moved into pods agree on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/datapath/datapath.h"
#include "cni/link.h"

struct err;
struct rtnl;

enum { NIC_OWNER_ROOM = LINK_ALIAS_ROOM };

/* What the alias of such a NIC says, wherever it is: "azl-nic:NAME:CONTAINER/ATTACHMENT". */
struct nic_mark {
	char name[CNI_NAME_ROOM]; /* it had on the host */
	char container[NIC_OWNER_ROOM];
	char attachment[NIC_OWNER_ROOM];
};

/* Read an alias. Returns false when it is none of these. Pure. */
bool nic_mark_read(const char *alias, struct nic_mark *mark);

/* Make an alias. Returns 0 or CNI_ENVIRONMENT_INVALID: too long for the kernel. Pure. */
int nic_mark_write(const struct datapath_plan *plan, const char *name, char alias[LINK_ALIAS_ROOM],
		   struct err *err);

/* Is the link one of the plan's attachment? Its mark is written then. Pure. */
bool nic_is_of(const struct datapath_plan *plan, const struct link *link, struct nic_mark *mark);

/*
 * Bring all NICs of the plan's attachment back to the host: out of the pod where its namespace is
 * there, and those that the kernel gave back when it ended. They are down then, have their old
 * names (or, when those are taken, others) and no mark. None is success.
 */
int nic_bring_home(const struct datapath_plan *plan, struct err *err);

/* Put one NIC on the host in order: as nic_bring_home leaves it. */
int nic_settle(struct rtnl *host, const struct link *link, const struct nic_mark *mark,
	       struct err *err);

/* Is the NIC in the pod, up, with all addresses and routes? 0 or CNI_CHECK_FAILED. */
int nic_check(const struct datapath_plan *plan, const struct cni_result *expected, struct err *err);
