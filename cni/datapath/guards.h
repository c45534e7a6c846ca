/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pods must not reach, forbidden by rules of routing in the host's network namespace: no
 * packet filter is needed, and nobody in a pod can lift them, whatever it may do there. They are
 * the host's, once for all that it forwards; what it sends itself is never held up.
 *
 *   85  to ADDRESS                                 goto 87     what is guarded
 *   86                                             goto 93     all else is past it at once
 *   87                                             nop
 *   88  iif HOST_END to ADDRESS                    goto 93     a pod that is let through
 *   89  iif lo                                     goto 93     the host itself
 *   90  to ADDRESS [ipproto tcp dport PORT]        prohibit
 *   91  to ADDRESS ipproto tcp sport 1-65534       goto 93     all other ports
 *   92  to ADDRESS ipproto tcp                     prohibit    no port can be read: fragments
 *   93                                             nop         the host's own rules go on here
 *
 * 91 and 92 are there for addresses of which only ports are closed. 92 is what keeps a pod with raw
 * sockets from sending its SYN in two fragments, which 90 alone lets through unless something on
 * the host puts packets together. 91 goes by the source port, which no range can name 65535 of, so
 * that answers to a load balancer's probes pass whatever port those come from. 85 and 86 keep what
 * every forwarded packet costs the same, however many pods have a rule 88.
 *
 *   WireServer   168.63.129.16, TCP ports 80 and 32526; DNS (53) and probes stay
 *   IMDS         169.254.169.254, all of it
 *   both         as 64:ff9b::/96 has them (NAT64), all of it; they have no other IPv6 address
 *   "also"       what the configuration names: an address, or one TCP port of it
 *
 * What networks want of each other's pods:
 *   - One that closes, closes for all pods of the host, those of other networks too.
 *   - A pod of a network that leaves something open by its own word (false, or "opt-in" and the pod
 *     asked) has rules 88 of its own, in whatever order pods and networks come. IMDS on nodes of
 *     CNS, where it is open unless configured, has none: it is open while nobody closes it.
 *   - "also" is closed to everybody; nobody is let through.
 *   - A changed configuration holds for pods from then on; one that closes, for all that have no
 *     rules 88.
 * Rules 88 go with their pod (DEL, GC). The others stay until the host boots: that the last pod of
 * now is gone says nothing of the next one. "ip rule flush protocol 172" and the same with -6 lift
 * all of them (for that moment the host may be held up, too); the next ADD puts in force again what
 * its configuration wants, and CHECK misses what is lifted.
 *
 * systemd-networkd removes rules that it does not know when it starts, unless networkd.conf says
 * ManageForeignRoutingPolicyRules=no.
 *
 * Not covered: what does not pass the host's routing, that is a NIC that was moved into the pod and
 * ipvlan; and addresses of the host's own.
 *
 * To a pod, IPv4 says "no route to host" and IPv6 "permission denied": at once, or a second later
 * (the answer to the first SYN may come while connect(2) still holds the socket, which makes it a
 * soft error), or not at all, for the kernel limits how often it tells (net.ipv4.route.error_cost).
 *
 * Source: learn.microsoft.com, "What is IP address 168.63.129.16?"; RFC 6052, section 2.1;
 * net/core/flow_dissector.c (fragments have no ports), net/core/fib_rules.c, net/ipv4/tcp_ipv4.c
 * (tcp_v4_err, TCP_SYN_SENT), net/ipv4/route.c (ip_error).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct endpoint;
struct err;
struct rtnl;
struct rtnl_batch;

enum { GUARDS_ALSO_MAX = 16 };

enum guards_way {
	GUARDS_LEAVE, /* as it is */
	GUARDS_CLOSE,
	GUARDS_PASS, /* open for this pod, whoever closes it */
};

struct guards {
	enum guards_way wireserver;
	enum guards_way imds;
	const struct endpoint *also; /* borrowed; closed */
	size_t n_also;		     /* up to GUARDS_ALSO_MAX */
};

/*
 * Put the rules in force that are not. IPv6 is left out on a kernel that has none. Costs a list of
 * the rules of each family, some 0.05 ms and 1 us for each rule 88; to create them all and be told
 * that they are there costs twice as much, but no more with many rules 88.
 *
 * rtnl        in the host's network namespace
 * host_name   the pod's link on the host
 *
 * Returns 0 or negative.
 */
int guards_apply(struct rtnl *rtnl, const struct guards *guards, const char *host_name,
		 struct err *err);

/* Are they in force? Returns 0, CNI_CHECK_FAILED, or negative. */
int guards_check(struct rtnl *rtnl, const struct guards *guards, const char *host_name,
		 struct err *err);

/* GUARDS_FORGET_MESSAGES messages that take back what guards_apply did for one pod alone; what is
 * not there is success. */
enum { GUARDS_FORGET_MESSAGES = 4 };
void guards_put_forget(struct rtnl_batch *batch, const char *host_name);
