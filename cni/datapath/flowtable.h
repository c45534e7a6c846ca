/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flowtable of nf_tables: what belongs to a connection that both sides have answered goes from
 * link to link at ingress, past routing and the chains of forwarding. NAT is kept: conntrack knows
 * it.
 *
 *   table inet azl {
 *     flowtable pods { hook ingress priority 0; devices = { NIC, host ends }; }
 *     chain forward { type filter hook forward priority 0; policy accept;
 *                     ct state established flow add @pods }
 *   }
 *
 * The table is the host's: made by whoever comes first, in one batch with all that is in it, and
 * left when the last pod goes. Who flushes it gets it back at the next ADD, with that pod's link.
 */
#pragma once

struct err;

/*
 * Put a pod's link, and the NIC, into the flowtable. In the host's network namespace.
 *
 * nic   NULL: none
 *
 * Returns 0, or negative: the host forbids netfilter (EPERM) or its kernel lacks what is needed;
 * nothing was changed, and the pod goes on without.
 */
int flowtable_add(const char *nic, const char *host_name, struct err *err);

/*
 * Take a pod's link out, after it was removed: kernels before 6.16 did so by themselves, later ones
 * keep its name. What is not there is success, and so is a host without netfilter.
 *
 * Source: net/netfilter/nf_tables_api.c, nf_tables_flowtable_event.
 */
void flowtable_forget(const char *host_name);
