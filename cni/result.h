/* SPDX-License-Identifier: Apache-2.0 */
/* The result of ADD in every version of the specification, and error objects. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"

struct buf;
struct err;

enum {
	CNI_INTERFACES_MAX = 16,
	CNI_IPS_MAX = 16,
	CNI_ROUTES_MAX = 64,
	CNI_NAME_ROOM = 16, /* of an interface, IFNAMSIZ */
};

struct cni_interface {
	char name[CNI_NAME_ROOM];
	bool has_mac;
	struct mac mac;
	uint32_t mtu;  /* 0: unset */
	char *sandbox; /* owned; NULL: on the host */
	char *pci_id;  /* owned */
};

struct cni_ip {
	struct address address; /* with its prefix */
	struct address gateway; /* family 0: none */
	int interface;		/* index into interfaces; -1: none */
};

struct cni_route {
	struct address dst; /* with its prefix */
	struct address gw;  /* family 0: none */
	uint32_t mtu;	    /* these five since 1.1.0; 0 or -1: unset */
	uint32_t advmss;
	int64_t priority;
	int64_t table;
	int64_t scope;
};

/* Strings and arrays of strings are owned; arrays end with NULL, or are NULL. */
struct cni_dns {
	char **nameservers;
	char *domain;
	char **search;
	char **options;
};

struct cni_result {
	struct cni_interface interfaces[CNI_INTERFACES_MAX];
	size_t n_interfaces;
	struct cni_ip ips[CNI_IPS_MAX];
	size_t n_ips;
	struct cni_route routes[CNI_ROUTES_MAX];
	size_t n_routes;
	struct cni_dns dns;
};

void cni_dns_done(struct cni_dns *dns);
void cni_result_done(struct cni_result *result);

/*
 * Read a result (prevResult, or what an IPAM plugin printed) of any version from 0.3.0 on.
 *
 * Returns 0 or CNI_DECODE, CNI_CONFIG_INVALID, -ENOMEM.
 */
int cni_result_parse(const char *json, size_t len, struct cni_result *result, struct err *err);

/*
 * Append a result as one JSON object in the format of a version: "version" with each address below
 * 1.0.0, no field that the version does not know, empty ones left out.
 *
 * version   enum cni_version
 *
 * Returns 0 or -ENOMEM.
 */
int cni_result_write(const struct cni_result *result, unsigned int version, struct buf *out);

/* Append {"cniVersion","code","msg","details"}. details may be NULL. Returns 0 or -ENOMEM. */
int cni_error_write(const struct err *failed, const char *details, unsigned int version,
		    struct buf *out);
