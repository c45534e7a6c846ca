/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pods must not reach, forbidden by rules of routing in the host's network namespace: no
 * packet filter is needed, and nobody in a pod can lift them. They are the host's, once for all
 * pods; a pod that is allowed has a rule of its own in front.
 *
 *   88  iif HOST_END to ADDRESS              lookup main    a pod that is allowed
 *   89  iif lo to ADDRESS                    lookup main    the host itself
 *   90  to ADDRESS ipproto tcp dport PORT    prohibit
 *
 * WireServer: 168.63.129.16, ports 80 and 32526 (53 stays open: DNS). IMDS: 169.254.169.254,
 * port 80. Neither has an IPv6 address. Source: learn.microsoft.com, "What is IP address
 * 168.63.129.16?".
 */
#pragma once

#include <stdbool.h>

struct err;
struct rtnl;
struct rtnl_batch;

/*
 * Put the rules in force that are wanted and not there; where one is not wanted but in force, let
 * this pod pass.
 *
 * rtnl        in the host's network namespace
 * host_name   the pod's link on the host
 *
 * Returns 0 or negative.
 */
int guards_apply(struct rtnl *rtnl, bool wireserver, bool imds, const char *host_name,
		 struct err *err);

/* Messages that take back what guards_apply did for one pod alone; what is not there is success. */
void guards_put_forget(struct rtnl_batch *batch, const char *host_name);
