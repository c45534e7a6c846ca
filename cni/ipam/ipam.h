/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of addresses. None of them sees netlink. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/result.h"

struct cni_args;
struct err;
struct lease;
struct netconf;

enum {
	IPAM_IPS_MAX = 8,
	IPAM_NICS_MAX = 12,
	IPAM_NIC_IPS_MAX = 2, /* one of each family */
	IPAM_NIC_ROUTES_MAX = 36,
	IPAM_PCI_ROOM = 64,
};

/* What a source is asked with; all borrowed. */
struct ipam_request {
	const struct netconf *netconf;
	const struct cni_args *args;
	const char *config; /* the JSON from stdin, for delegation */
	size_t config_len;
	int dir;	  /* DIR of the network, see lease.h */
	const char *key;  /* of the attachment */
	int lock;	  /* of the attachment, see lease.h; -1: not held */
	int64_t until_ms; /* CLOCK_MONOTONIC: everything is over by then */
	/* May this address be used? Asked before it is handed out: not routed to somebody who
	 * lives, not bound on the host. NULL: every one may. */
	bool (*may_use)(void *owner, const struct address *address);
	void *owner;
};

/* A NIC of the host that the pod gets for itself. */
struct ipam_nic {
	struct mac mac;
	bool is_backend; /* for RDMA: no addresses, and it need not be a link of the host */
	struct cni_ip ips[IPAM_NIC_IPS_MAX]; /* longest prefix */
	size_t n_ips;
	struct cni_route routes[IPAM_NIC_ROUTES_MAX]; /* all that it gets */
	size_t n_routes;
	char pci_id[IPAM_PCI_ROOM]; /* "": not told */
};

/* What it gave; n_ips 0: NICs alone. */
struct ipam_answer {
	struct cni_ip
		ips[IPAM_IPS_MAX]; /* prefix as the source says; gateway of the subnet or none */
	size_t n_ips;
	struct cni_route routes[CNI_ROUTES_MAX];
	size_t n_routes;
	struct cni_dns dns;	 /* owned */
	bool skip_default_route; /* the routes are all */
	struct address host_ip;	 /* address of the NIC on the host to go through; family 0: any */
	struct ipam_nic *nics;	 /* owned; IPAM_NICS_MAX of them, or NULL */
	size_t n_nics;
};

void ipam_answer_done(struct ipam_answer *answer);

struct ipam {
	const char *name;
	bool refills; /* what is exhausted now has more soon: worth another try of the runtime's */
	/* The same key again gets the same addresses. Negative with CNI codes: CNI_TRY_AGAIN,
	 * CNI_ADDRESS_EXHAUSTED, CNI_CONFIG_INVALID, ... Nothing is held after a failure. */
	int (*add)(const struct ipam_request *request, struct ipam_answer *answer, struct err *err);
	/* Give back by key; unknown is success. What cannot be told now is kept to be told later;
	 * only when that fails, too, negative. Never waits for the network longer than 1 s. */
	int (*del)(const struct ipam_request *request, struct err *err);
	/* Does the source still hold these addresses for the key? 0 or CNI_CHECK_FAILED. */
	int (*check)(const struct ipam_request *request, const struct cni_ip *ips, size_t n_ips,
		     struct err *err);
	/* Can an ADD be served? 0, CNI_UNAVAILABLE, CNI_UNAVAILABLE_LIMITED. */
	int (*status)(const struct ipam_request *request, struct err *err);
	/* Give back what is held for keys that is_alive() denies; tell what was kept for later. */
	int (*gc)(const struct ipam_request *request,
		  bool (*is_alive)(void *owner, const char *key), void *owner, struct err *err);
	/* Bring up to date what is kept of the source; NULL: nothing is. */
	int (*refresh)(const struct ipam_request *request, struct err *err);
};

extern const struct ipam ipam_ranges;	/* ranges.c */
extern const struct ipam ipam_imds;	/* imds.c */
extern const struct ipam ipam_cns;	/* cns.c */
extern const struct ipam ipam_delegate; /* delegate.c: any IPAM plugin in CNI_PATH */

/* Of a configuration; NULL for none. */
const struct ipam *ipam_of(const struct netconf *netconf);
