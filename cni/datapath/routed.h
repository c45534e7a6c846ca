/* SPDX-License-Identifier: Apache-2.0 */
/* What routed.c and routed_check.c agree on. */
#pragma once

#include "cni/datapath/datapath.h"
#include "cni/link.h"

struct err;

/* Of every host end: each is alone with its pod, and a MAC that is given is left alone by udev. */
extern const struct mac routed_host_mac;

/* The gateway that a pod sees: on no link but its own. */
const struct address *routed_gateway(uint8_t family);

/* "CONTAINER/IFNAME". Returns 0 or CNI_ENVIRONMENT_INVALID: too long for the kernel. */
int routed_alias(const struct datapath_plan *plan, char alias[LINK_ALIAS_ROOM], struct err *err);

int routed_check(const struct datapath_plan *plan, const struct cni_result *expected,
		 struct err *err);
