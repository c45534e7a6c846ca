/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of links and routes, of any kind of pair: routed.c makes it, routed_pod.c and
 * routed_host.c set up its ends, routed_check.c looks at it again. Who offers it as a datapath says
 * which kind.
 */
#pragma once

#include "cni/datapath/datapath.h"
#include "cni/datapath/pod.h"
#include "cni/link.h"

struct err;
struct rtnl;
struct rtnl_batch;

/* Where an attachment stands. */
struct routed_work {
	const struct datapath_plan *plan;
	enum link_pair_kind kind;
	struct rtnl_batch *batch;
	struct rtnl *host;
	struct rtnl *pod;
	char alias[LINK_ALIAS_ROOM];
	struct link nic; /* of the host; index 0: it has none, and does without */
	uint32_t mtu;
	struct link host_end;
	struct pod_routes routes;
};

/* Of every host end: each is alone with its pod, and a MAC that is given is left alone by udev. */
extern const struct mac routed_host_mac;

/* The gateway that a pod sees: on no link but its own. */
const struct address *routed_gateway(uint8_t family);

/* One batch for each end; both links are there. Return 0 or negative. */
int routed_set_up_pod(struct routed_work *work, struct err *err);
int routed_set_up_host(struct routed_work *work, struct err *err);

/*
 * Remove the rules that lead to the table of a further link of the pod, for the plan's addresses:
 * unlike routes they do not go with the link. None is success.
 */
int routed_forget_pod(const struct datapath_plan *plan, struct err *err);

/* The verbs of a datapath, with pairs of a kind; as in datapath.h. */
int routed_add(enum link_pair_kind kind, const struct datapath_plan *plan,
	       struct cni_result *result, struct err *err);
int routed_del(const struct datapath_plan *plan, struct err *err);
int routed_check(enum link_pair_kind kind, const struct datapath_plan *plan,
		 const struct cni_result *expected, struct err *err);
int routed_status(const struct datapath_plan *plan, struct err *err);
