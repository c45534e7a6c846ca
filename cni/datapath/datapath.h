/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to connect a pod. None of them sees HTTP or JSON. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/datapath/guards.h"
#include "cni/result.h"

struct err;

/* What is to be; all borrowed. */
struct datapath_plan {
	const char *container;
	const char *ifname;	/* in the pod */
	const char *attachment; /* CNI_IFNAME: of a NIC besides the first one not its name */
	const char *host_name;	/* of the host's end */
	struct mac pod_mac;
	int netns;		/* of the pod; -1: gone, or not known (DEL) */
	const char *netns_path; /* for the result */
	const char *master;	/* configured NIC of the host; NULL: the default route's */
	struct address host_ip; /* the NIC that has it; family 0: no matter */
	struct mac nic_mac;	/* datapath nic: the NIC to move */
	const char *nic_pci;	/* datapath nic: its PCI id for the result; NULL or "": none */
	bool nic_discover;	/* datapath nic: wait until the fabric knows it, see dhcp.h */
	bool nic_is_backend;	/* datapath nic: one that is no link of the host is success */
	uint32_t mtu;		/* 0: the master's */
	const struct cni_ip *ips;
	size_t n_ips;
	const struct cni_route *routes;
	size_t n_routes;
	bool skip_default_route;
	bool flowtable; /* datapath routed; where the host permits it */
	struct guards guards;
	bool mac_changed; /* CHECK: by a plugin behind us, at which the kernel forgot neighbours */
	bool leave_pair;  /* DEL: to the end of a namespace that is still there; see leave.h */
};

struct datapath {
	const char *name;
	/* Connect; on failure everything is undone. Fills interfaces, ips, routes of result. */
	int (*add)(const struct datapath_plan *plan, struct cni_result *result, struct err *err);
	/* Disconnect; what is not there is success. */
	int (*del)(const struct datapath_plan *plan, struct err *err);
	/* 0 or CNI_CHECK_FAILED: the text says what differs. Repairs nothing. */
	int (*check)(const struct datapath_plan *plan, const struct cni_result *expected,
		     struct err *err);
	/* 0 or CNI_UNAVAILABLE: the host's NIC is not there, or does not forward. Of the addresses
	 * their families alone are looked at; none: it is not known which there will be. */
	int (*status)(const struct datapath_plan *plan, struct err *err);
};

extern const struct datapath datapath_routed; /* routed.c */
extern const struct datapath datapath_nic;    /* nic.c */
extern const struct datapath datapath_netkit; /* netkit.c */
extern const struct datapath datapath_ipvlan; /* ipvlan.c */

/*
 * Remove what is in the host's network namespace for those whom is_alive() denies: host ends with
 * their routes and rules, rules whose host end is gone; NICs that came back by themselves are put
 * in order. (A route of ours is of a host end, and goes with it.)
 *
 * Returns how many, or negative: the first failure, after everything was tried.
 */
int datapath_gc(bool (*is_alive)(void *owner, const char *container, const char *ifname),
		void *owner, struct err *err);

/*
 * May the address be used for an attachment whose host end is `host_name`? Not when it is routed to
 * another host end of ours that is up, alone to any other link, or bound on the host.
 */
bool datapath_may_use(const struct address *address, const char *host_name);

/*
 * Take an address from the host's NIC, so that it can be a pod's. Never one that others depend on:
 * the first of an IPv4 network.
 *
 * master   name of the NIC; NULL: the default route's
 *
 * Returns 0, 1 (that NIC has it not, or must keep it), or negative.
 */
int datapath_claim(const struct address *address, const char *master, struct err *err);
