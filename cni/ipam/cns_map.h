/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of Azure CNS means for a pod. Pure. */
#pragma once

#include "cni/ipam/cns_wire.h"
#include "cni/ipam/ipam.h"

struct err;

/*
 * The code of a reply as an error of CNI; the text keeps the words of CNS.
 *
 * Returns 0, CNI_TRY_AGAIN (it can come right by itself), CNI_UNAVAILABLE (we may not ask),
 * CNI_CNS_REFUSED.
 *
 * Source: Azure/azure-container-networking: cns/types/codes.go.
 */
int cns_map_code(const struct cns_reply *reply, struct err *err);

/*
 * Addresses and routes of a pod, and the NICs that are its own. The order of entries does not
 * matter; MAC addresses are compared as bytes.
 *
 * answer   written on success; freed with ipam_answer_done()
 *
 * Returns 0, CNI_CNS_REFUSED (a reply that cannot be right, or a NIC that is not supported),
 * CNI_CONFIG_INVALID (nobody, or two, would have the default route; a NIC without a MAC address or
 * routes), -ENOMEM.
 *
 * Source: Azure/azure-container-networking: cns/NetworkContainerContract.go,
 * network/secondary_endpoint_client_linux.go.
 */
int cns_map_answer(const struct cns_reply *reply, struct ipam_answer *answer, struct err *err);
