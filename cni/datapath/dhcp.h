/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One DHCP DISCOVER from a NIC that was given to a pod: by it Azure's host learns who is behind the
 * NIC and answers names for it from 168.63.129.16. What is offered is not used.
 *
 * Source: RFC 2131; Azure/azure-container-networking: dhcp/dhcp_linux.go,
 * network/secondary_endpoint_client_linux.go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/address.h"

struct err;

enum {
	DHCP_PACKET_BYTES = 328, /* IPv4, UDP, and 300 of BOOTP: the least that relays take */
	DHCP_WAIT_MS = 3000,
};

/* The packet, from its IPv4 header on. Pure. */
void dhcp_discover(const struct mac *mac, uint32_t xid, uint8_t packet[DHCP_PACKET_BYTES]);

/* Is a packet, from its IPv4 header on, an offer for this MAC address and transaction? Pure. */
bool dhcp_is_offer(const uint8_t *packet, size_t len, const struct mac *mac, uint32_t xid);

/*
 * Ask on a link of a namespace until somebody offers.
 *
 * Returns 0 or CNI_TRY_AGAIN: nobody did within wait_ms; the text has "network is not ready", for
 * which tools on the node look.
 */
int dhcp_ask(int netns, int index, const struct mac *mac, int wait_ms, struct err *err);
