/* SPDX-License-Identifier: Apache-2.0 */
/* The guards of a configuration, and what a pod asks of them. Pure. */
#pragma once

#include "cni/datapath/guards.h"
#include "cni/netconf.h"

struct err;
struct read_value;

/* Keys of the pod's annotations, and of labels in args.cni. */
#define NETCONF_ASK_WIRESERVER "network.azl.io/wireserver"
#define NETCONF_ASK_IMDS       "network.azl.io/imds"

/* What is known of one of args.cni.labels so far. */
struct netconf_label {
	int target; /* NETCONF_TARGETS: none of ours */
	enum netconf_ask ask;
};

/* Something inside "guards". Errors as in read.h. */
int netconf_guards_read(const struct read_value *value, struct netconf *netconf);

/* One of the pod's annotations, whose key is at level 2; something inside args.cni.labels. What a
 * pod asks is no error here. */
void netconf_guards_annotation(const struct read_value *value, struct netconf *netconf);
void netconf_guards_label(const struct read_value *value, struct netconf_label *label,
			  struct netconf *netconf);

/* What the host's rules are to be for this pod; borrows "also". */
struct guards netconf_guards(const struct netconf *netconf);

/* Did the pod ask for something in words that are known? Returns 0 or CNI_CONFIG_INVALID. For ADD:
 * what it was refused for must not keep DEL from its work. */
int netconf_guards_check(const struct netconf *netconf, struct err *err);

/* The key of what the pod asks for and does not get; NULL: nothing. */
const char *netconf_guards_refused(const struct netconf *netconf);
