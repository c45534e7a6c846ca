/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Azure CNS is asked and what it answers, as JSON. Pure.
 *
 * Source: Azure/azure-container-networking: cns/api.go, cns/NetworkContainerContract.go,
 * cns/types/codes.go, cns/restserver/ipam.go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"

struct buf;

enum {
	CNS_IPS_MAX = 16,
	CNS_ROUTES_MAX = 32, /* of one NIC */
	CNS_DNS_MAX = 4,
	CNS_MESSAGE_ROOM = 512,
	CNS_NIC_TEXT_ROOM = 32,
	CNS_PCI_ROOM = 64,
};

/* "ReturnCode". */
enum cns_code {
	CNS_SUCCESS = 0,
	CNS_INVALID_PARAMETER = 2,
	CNS_RESERVATION_UNKNOWN = 5,
	CNS_UNKNOWN = 14,
	CNS_CONTAINER_UNKNOWN = 18,
	CNS_INVALID_REQUEST = 23,
	CNS_PROGRAM_PENDING = 31,
	CNS_ALLOCATE_FAILED = 32,
	CNS_CONTEXT_EMPTY = 33,
	CNS_CONTEXT_UNSUPPORTED = 34,
	CNS_NMAGENT_APIS = 37,
	CNS_NMAGENT_INTERNAL = 41,
	CNS_UNAUTHORIZED = 42,
	CNS_API_UNSUPPORTED = 43,
	CNS_CONNECTION = 45,
	CNS_UNEXPECTED = 99,
	CNS_NMAGENT_VERSIONS = 100,
	CNS_NO_CODE = -1, /* the reply has none */
};

enum cns_nic {
	CNS_NIC_INFRA, /* also what old versions leave empty */
	CNS_NIC_FRONTEND,
	CNS_NIC_FRONTEND_ACCELNET,
	CNS_NIC_BACKEND,
	CNS_NIC_APIPA,
	CNS_NIC_OTHER,
};

/* Who asks; strings are borrowed and never NULL. */
struct cns_pod {
	const char *interface_id; /* "podInterfaceID" */
	const char *container;	  /* "infraContainerID" */
	const char *ifname;
	const char *pod;
	const char *pod_namespace;
	const struct address *wanted;
	size_t n_wanted;
};

struct cns_route {
	struct address dst; /* with its prefix */
	struct address gw;  /* family 0: none */
};

/* One of "podIPInfo"; addresses of family 0 were absent or empty. */
struct cns_ip {
	struct address address;	    /* PodIPConfig.IPAddress */
	uint8_t prefix;		    /* PodIPConfig.PrefixLength; 0: none */
	struct address gateway;	    /* GatewayIPAddress */
	struct address gateway6;    /* GatewayIPv6Address */
	struct address address6;    /* NetworkContainerIPv6Config: a second address of the NIC */
	struct address address6_gw; /* and its gateway */
	struct address dns[CNS_DNS_MAX];
	size_t n_dns;
	struct address host;	    /* HostPrimaryIPInfo.PrimaryIP */
	struct address host_subnet; /* with its prefix */
	struct address host_gateway;
	enum cns_nic nic;
	char nic_text[CNS_NIC_TEXT_ROOM];
	bool has_mac;
	struct mac mac;
	char pci_id[CNS_PCI_ROOM]; /* PnPID */
	bool is_shared;		   /* managed by others */
	bool skip_default_routes;
	struct cns_route routes[CNS_ROUTES_MAX];
	size_t n_routes;
};

struct cns_reply {
	int code; /* enum cns_code */
	char message[CNS_MESSAGE_ROOM];
	struct cns_ip ips[CNS_IPS_MAX];
	size_t n_ips;
};

/* Append the request for addresses, or their release: one body for both. Returns 0 or negative. */
int cns_wire_request(const struct cns_pod *pod, struct buf *out);

/* The same for versions that know one address only. */
int cns_wire_request_one(const struct cns_pod *pod, struct buf *out);

/*
 * Read a reply: keys without regard to case, the code at the top or inside "response", nothing
 * behind the first document.
 *
 * Returns 0 (code may be CNS_NO_CODE) or -EBADMSG (not JSON, an address that is none, too many),
 * -ENOMEM.
 */
int cns_wire_reply(const char *json, size_t len, struct cns_reply *reply);

/* Is there an "IPAddress" of that value? 1, 0, or as cns_wire_reply(). */
int cns_wire_has_address(const char *json, size_t len, const struct address *address);
