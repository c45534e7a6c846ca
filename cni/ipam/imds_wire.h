/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of one NIC out of the network document of Azure's metadata service. Pure.
 *
 * Source: Azure/azure-compute-docs: instance-metadata-service, "Network metadata".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/address.h"

enum {
	IMDS_IPS_MAX = 256, /* of a NIC and family; Azure's limit for a VM */
};

struct imds_family {
	struct address primary;		  /* family 0: none */
	struct address subnet;		  /* the first one, with its prefix; family 0: none */
	struct address ips[IMDS_IPS_MAX]; /* the secondary ones, longest prefix */
	size_t n;
};

struct imds_nic {
	struct imds_family ipv4;
	struct imds_family ipv6;
};

/*
 * Find the interface with a MAC address; the order of interfaces means nothing.
 *
 * Returns 0 with nic written, -ENOENT (no such interface), -EBADMSG (not such a document), -ENOMEM.
 */
int imds_wire_parse(const char *json, size_t len, const struct mac *mac, struct imds_nic *nic);

/* Does the NIC still have this address as a secondary one? */
bool imds_wire_has(const struct imds_nic *nic, const struct address *address);
