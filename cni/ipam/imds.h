/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of Azure's metadata service and its cache:
 *
 *   DIR/imds.json    as it was fetched; its time is when
 *   DIR/imds.new     the next one, until it is whole; what was left of it is written over
 *   DIR/imds.lock    flock of who fetches
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"

struct err;
struct ipam_answer;
struct ipam_request;
struct mac;

enum {
	IMDS_FETCH_MS = 4000,  /* all tries together */
	IMDS_FRESH_MS = 60000, /* younger than this it is not fetched again */
	IMDS_MAX_BYTES = 1 << 20,
};

/*
 * Fetch the document and replace the cache, whatever its age. The caller holds the lock.
 *
 * url        base of the service; NULL: Azure's
 * dir        DIR of the network
 * until_ms   CLOCK_MONOTONIC
 *
 * Returns 0, CNI_TRY_AGAIN, CNI_CNS_REFUSED (the service does not take the request), or negative.
 *
 * Source: Azure/azure-compute-docs: instance-metadata-service, "Rate limiting", "Errors and
 * debugging".
 */
int imds_refresh(const char *url, int dir, int64_t until_ms, struct err *err);

/* As the source's add, for the NIC with a MAC address. */
int imds_add_for(const struct ipam_request *request, const struct mac *mac,
		 struct ipam_answer *answer, struct err *err);

/*
 * The MAC address of a NIC of the host; master NULL: the one that has the default route.
 *
 * Returns 0 or CNI_TRY_AGAIN: there is none yet.
 */
int imds_mac(const char *master, struct mac *mac, struct err *err);
