/* SPDX-License-Identifier: Apache-2.0 */
/* The network configuration on stdin. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"
#include "cni/result.h"

struct err;

enum {
	NETCONF_MAX_BYTES = 1 << 20, /* of ADD; with prevResult twice as much */
	NETCONF_NAME_ROOM = 201,     /* of a network, with NUL */
	NETCONF_RANGES_MAX = 16,
	NETCONF_ROUTES_MAX = 64,
	NETCONF_IPS_MAX = 8,
	NETCONF_OPEN_MAX = 8,
	NETCONF_ALSO_MAX = 16,
};

enum cni_version { CNI_V0_3_0, CNI_V0_3_1, CNI_V0_4_0, CNI_V1_0_0, CNI_V1_1_0, CNI_V_MAX };

enum netconf_datapath { DATAPATH_ROUTED, DATAPATH_NIC, DATAPATH_IPVLAN, DATAPATH_NETKIT };
enum netconf_removal { REMOVAL_NOW, REMOVAL_NAMESPACE };
enum netconf_ipam { IPAM_NONE, IPAM_RANGES, IPAM_IMDS, IPAM_CNS, IPAM_DELEGATE };
enum netconf_target { TARGET_WIRESERVER, TARGET_IMDS, NETCONF_TARGETS };
enum netconf_guard { GUARD_DEFAULT, GUARD_CLOSED, GUARD_OPEN, GUARD_OPT_IN };
enum netconf_ask { ASK_NOTHING, ASK_ALLOW, ASK_UNKNOWN };

/* One range of addresses: "subnet", "rangeStart", "rangeEnd", "gateway". */
struct netconf_range {
	struct address subnet;
	struct address first; /* family 0: the second of the subnet */
	struct address last;  /* family 0: the last but one */
	struct address gateway;
	unsigned int set; /* index of the set it is in: one address is taken from each set */
};

struct netconf_attachment {
	char *container; /* owned */
	char *ifname;	 /* owned */
};

/* Strings are owned, NULL when absent. */
struct netconf {
	enum cni_version version;
	char *name;
	char *type;
	enum netconf_datapath datapath; /* "datapath": routed (default), nic, ipvlan, netkit */
	enum netconf_removal removal;	/* "removal" of a pair at DEL: now (default), namespace */
	char *master;	/* "master": name of the host's NIC; NULL: by default route */
	uint32_t mtu;	/* "mtu"; 0: the master's */
	bool flowtable; /* "flowtable": datapath routed alone */
	/* "guards": { "wireserver": true, false or "opt-in", "imds": the same, "also": [...] } */
	enum netconf_guard guards[NETCONF_TARGETS];
	struct endpoint also[NETCONF_ALSO_MAX];
	size_t n_also;
	enum netconf_ask asked[NETCONF_TARGETS]; /* by the pod; see netconf_guards.h */
	enum netconf_ipam ipam;
	char *ipam_type; /* as written, for delegation */
	/* These at the top or inside "ipam"; there, only for our own sources. */
	char *cns_url;	/* "cnsurl"; NULL: http://127.0.0.1:10090 */
	char *cns_ca;	/* "cnsca": file of authorities for https; NULL: the system's */
	char *cns_cert; /* "cnscert": our certificate for https; NULL: none */
	char *cns_key;	/* "cnskey": its private key; NULL: in the same file */
	char *imds_url; /* "imdsurl", for tests; NULL: http://169.254.169.254 */
	char *data_dir; /* "dataDir", where "ranges" keeps its store; NULL: beside the leases */
	bool claim_host_addresses; /* "claimHostAddresses" */
	bool ipv4_only;		   /* "ipv6": false: of a NIC that has both families, of IMDS */
	struct netconf_range ranges[NETCONF_RANGES_MAX];
	size_t n_ranges;
	/* "routes"; of our own sources of addresses "ipam.routes", too */
	struct cni_route routes[NETCONF_ROUTES_MAX];
	size_t n_routes;
	struct address wanted[NETCONF_IPS_MAX]; /* runtimeConfig.ips, args.cni.ips */
	size_t n_wanted;
	bool has_mac;
	struct mac mac; /* runtimeConfig.mac */
	struct cni_dns dns;
	bool has_prev;				/* prevResult was there */
	struct cni_result *prev;		/* owned; NULL: absent, or not to be read */
	char *prev_error;			/* why it could not be read: DEL goes on */
	bool has_attachments;			/* GC: one of the two keys was there */
	struct netconf_attachment *attachments; /* owned */
	size_t n_attachments;
};

void netconf_done(struct netconf *netconf);

/*
 * Read and check a configuration. Unknown keys are ignored; keys of runtimeConfig are compared
 * without regard to case (go-cni sends Go's own names).
 *
 * Returns 0 or CNI_DECODE (not JSON), CNI_CONFIG_INVALID (the text names key and value),
 * CNI_VERSION_INCOMPATIBLE, -ENOMEM.
 *
 * Source: CNI spec 1.1.0, sections 1 and 2; containerd go-cni types.go.
 */
int netconf_parse(const char *json, size_t len, struct netconf *netconf, struct err *err);

/*
 * The name of the network, out of a document that may be faulty elsewhere: of what can be read of
 * it, the last one, as netconf_parse takes it.
 *
 * name   written when true
 *
 * Returns false when there is none, or none that netconf_parse would take.
 */
bool netconf_name(const char *json, size_t len, char name[NETCONF_NAME_ROOM]);

/* "0.3.1", ...; and back: 0 or -EINVAL. Exact names only. */
const char *cni_version_text(enum cni_version version);
int cni_version_parse(const char *text, size_t len, enum cni_version *version);
