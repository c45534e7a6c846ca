/* SPDX-License-Identifier: Apache-2.0 */
/* What is gathered from a configuration until all of it was seen; between netconf.c and
 * netconf_read.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/netconf.h"
#include "cni/netconf_guards.h"
#include "cni/netconf_ranges.h"
#include "config/json.h"

struct err;

/* Keys of runtimeConfig that are read. */
enum runtime_key {
	RUNTIME_IPS,
	RUNTIME_MAC,
	RUNTIME_DNS,
	RUNTIME_RANGES,
	RUNTIME_ANNOTATIONS,
	RUNTIME_COUNT
};

/* What is gathered until the whole document was seen. */
struct netconf_reader {
	struct netconf *netconf;
	struct err *err;
	bool own_ipam; /* "ipam.type" is one of our own sources */
	char version[32];
	char datapath[32];
	struct netconf_range single; /* ipam.subnet and its kin, the old form */
	struct range_list ranges;
	struct range_list runtime_ranges;
	struct cni_route ipam_routes[NETCONF_ROUTES_MAX];
	size_t n_ipam_routes;
	struct address runtime_ips[NETCONF_IPS_MAX];
	size_t n_runtime_ips;
	struct address args_ips[NETCONF_IPS_MAX];
	size_t n_args_ips;
	struct cni_dns runtime_dns; /* owned */
	struct netconf_label label;
	bool exact[RUNTIME_COUNT]; /* the key was there in its own spelling */
	bool preferred;		   /* so was cni.dev/valid-attachments */
};

/* One value; as json_fn, the owner is a struct netconf_reader. Errors as in read.h. */
int netconf_take_value(void *owner, const struct json_path *path, enum json_type type,
		       const char *text, size_t len);

/* Forget the attachments, or what is known of prevResult. */
void netconf_attachments_done(struct netconf *netconf);
void netconf_prev_done(struct netconf *netconf);
