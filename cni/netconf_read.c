/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/netconf_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cni/error.h"
#include "cni/read.h"

enum { MTU_LEAST = 68, MTU_MOST = 65535 };

static const char *const runtime_keys[] = {
	[RUNTIME_IPS] = "ips",
	[RUNTIME_MAC] = "mac",
	[RUNTIME_DNS] = "dns",
	[RUNTIME_RANGES] = "ipRanges",
	[RUNTIME_ANNOTATIONS] = "io.kubernetes.cri.pod-annotations",
};

/* ---- lists ---- */

static int take_ip(const struct read_value *value, int level, struct address *ips, size_t *n)
{
	int depth = json_path_depth(value->path);
	int code;

	if (depth == level + 1) {
		*n = 0;
		if (value->type != JSON_ARRAY && value->type != JSON_NULL)
			return read_refuse(value, "must be a list of addresses");
		return 0;
	}
	if (depth != level + 2 || value->type == JSON_NULL)
		return depth > level + 2 ? read_refuse(value, "is not an IP address") : 0;
	if (*n == NETCONF_IPS_MAX)
		return read_refuse(value, "one address too many");
	ips[*n].family = 0;
	code = read_address(value, &ips[*n]);
	if (code == 0 && ips[*n].family != 0)
		(*n)++;
	return code;
}

static int take_attachment(struct netconf *netconf, const struct read_value *value)
{
	int depth = json_path_depth(value->path);
	struct netconf_attachment *grown;
	size_t n = netconf->n_attachments;

	if (depth == 2) {
		if (value->type != JSON_OBJECT)
			return read_refuse(value, "must be an object");
		grown = realloc(netconf->attachments, (n + 1) * sizeof(*grown));
		if (!grown)
			return err_set(value->err, -ENOMEM, "no memory");
		grown[n] = (struct netconf_attachment){ 0 };
		netconf->attachments = grown;
		netconf->n_attachments++;
		return 0;
	}
	if (depth != 3 || n == 0)
		return 0;
	if (read_key_is(value, 2, "containerID"))
		return read_text(value, &netconf->attachments[n - 1].container);
	if (read_key_is(value, 2, "ifname"))
		return read_text(value, &netconf->attachments[n - 1].ifname);
	return 0;
}

static int take_attachments(struct netconf_reader *parse, const struct read_value *value)
{
	struct netconf *netconf = parse->netconf;
	bool preferred = read_key_is(value, 0, "cni.dev/valid-attachments");

	if (json_path_depth(value->path) == 1) {
		/* null says nothing about who lives: as if the key were absent */
		if (value->type == JSON_NULL || (parse->preferred && !preferred))
			return 0;
		if (value->type != JSON_ARRAY)
			return read_refuse(value, "must be a list");
		netconf_attachments_done(netconf);
		parse->preferred = preferred;
		netconf->has_attachments = true;
		return 0;
	}
	return parse->preferred == preferred ? take_attachment(netconf, value) : 0;
}

/* ---- objects ---- */

static int take_prev(struct netconf_reader *parse, const struct read_value *value)
{
	struct netconf *netconf = parse->netconf;
	struct err err = { 0 };
	struct read_value inner = *value;
	int code = 0;

	inner.err = &err;
	if (json_path_depth(value->path) == 1) {
		netconf_prev_done(netconf);
		if (value->type == JSON_NULL)
			return 0;
		netconf->has_prev = true;
		if (value->type != JSON_OBJECT)
			code = read_refuse(&inner, "must be an object");
		else if (!(netconf->prev = calloc(1, sizeof(*netconf->prev))))
			return err_set(value->err, -ENOMEM, "no memory");
	} else if (netconf->prev) {
		code = read_result(&inner, 1, netconf->prev);
	}
	if (code == 0 || code == -ENOMEM)
		return code;
	netconf_prev_done(netconf);
	netconf->has_prev = true;
	netconf->prev_error = strdup(err.msg);
	return netconf->prev_error ? 0 : err_set(value->err, -ENOMEM, "no memory");
}

/* Keys that are understood at the top and inside "ipam". */
static int take_source(struct netconf *netconf, const struct read_value *value, int level)
{
	if (read_key_is(value, level, "cnsurl"))
		return read_text(value, &netconf->cns_url);
	if (read_key_is(value, level, "cnsca"))
		return read_text(value, &netconf->cns_ca);
	if (read_key_is(value, level, "cnscert"))
		return read_text(value, &netconf->cns_cert);
	if (read_key_is(value, level, "cnskey"))
		return read_text(value, &netconf->cns_key);
	if (read_key_is(value, level, "imdsurl"))
		return read_text(value, &netconf->imds_url);
	if (read_key_is(value, level, "dataDir"))
		return read_text(value, &netconf->data_dir);
	if (read_key_is(value, level, "claimHostAddresses"))
		return read_bool(value, &netconf->claim_host_addresses);
	if (read_key_is(value, level, "ipv6")) {
		bool wanted = true;
		int code = read_bool(value, &wanted);

		netconf->ipv4_only = !wanted;
		return code;
	}
	return 0;
}

static int take_ipam(struct netconf_reader *parse, const struct read_value *value)
{
	int depth = json_path_depth(value->path);
	int code;

	if (depth == 1)
		return value->type == JSON_OBJECT || value->type == JSON_NULL
			       ? 0
			       : read_refuse(value, "must be an object");
	if (depth == 2 && read_key_is(value, 1, "type"))
		return read_text(value, &parse->netconf->ipam_type);
	if (!parse->own_ipam) /* its own keys mean what its own plugin says */
		return 0;
	if (read_key_is(value, 1, "ranges"))
		return depth > 2 ? ranges_read(value, 2, &parse->ranges) : 0;
	if (read_key_is(value, 1, "routes"))
		return depth > 2 ? read_route(value, 2, parse->ipam_routes, NETCONF_ROUTES_MAX,
					      &parse->n_ipam_routes)
				 : 0;
	if (depth != 2)
		return 0;
	code = ranges_read_key(value, 1, &parse->single);
	return code < 0 ? code : take_source(parse->netconf, value, 1);
}

static int take_runtime_dns(struct netconf_reader *parse, const struct read_value *value)
{
	char ***list = NULL;
	int depth = json_path_depth(value->path);

	if (depth == 2) {
		cni_dns_done(&parse->runtime_dns);
		return 0;
	}
	if (read_key_is_folded(value, 2, "servers"))
		list = &parse->runtime_dns.nameservers;
	else if (read_key_is_folded(value, 2, "searches"))
		list = &parse->runtime_dns.search;
	else if (read_key_is_folded(value, 2, "options"))
		list = &parse->runtime_dns.options;
	if (list && depth == 3)
		read_list_done(list);
	return list && depth == 4 && value->type != JSON_NULL ? read_list(value, list) : 0;
}

static int take_runtime_mac(struct netconf *netconf, const struct read_value *value)
{
	char text[MAC_TEXT_ROOM] = "";
	int code = read_chars(value, text, sizeof(text));

	if (code < 0)
		return code;
	netconf->has_mac = text[0] != '\0';
	if (netconf->has_mac && mac_parse(text, &netconf->mac) < 0)
		return read_refuse(value, "is not the MAC address of one interface");
	return 0;
}

static int take_runtime(struct netconf_reader *parse, const struct read_value *value)
{
	int depth = json_path_depth(value->path);
	int key = 0;

	while (key < RUNTIME_COUNT && !read_key_is_folded(value, 1, runtime_keys[key]))
		key++;
	if (key == RUNTIME_COUNT || depth < 2)
		return 0;
	if (read_key_is(value, 1, runtime_keys[key]))
		parse->exact[key] = true;
	else if (parse->exact[key])
		return 0;
	switch ((enum runtime_key)key) {
	case RUNTIME_IPS:
		return take_ip(value, 1, parse->runtime_ips, &parse->n_runtime_ips);
	case RUNTIME_MAC:
		return take_runtime_mac(parse->netconf, value);
	case RUNTIME_DNS:
		return take_runtime_dns(parse, value);
	case RUNTIME_RANGES:
		if (depth == 2)
			parse->runtime_ranges.n = 0;
		return depth > 2 ? ranges_read(value, 2, &parse->runtime_ranges) : 0;
	case RUNTIME_ANNOTATIONS:
		netconf_guards_annotation(value, parse->netconf);
		break;
	case RUNTIME_COUNT:
		break;
	}
	return 0;
}

static int take_args(struct netconf_reader *parse, const struct read_value *value)
{
	if (read_key_is(value, 2, "ips"))
		return take_ip(value, 2, parse->args_ips, &parse->n_args_ips);
	if (read_key_is(value, 2, "labels"))
		netconf_guards_label(value, &parse->label, parse->netconf);
	return 0;
}

static int take_removal(const struct read_value *value, struct netconf *netconf)
{
	char name[16];
	int code = read_chars(value, name, sizeof(name));

	if (code < 0)
		return code;
	netconf->removal = strcmp(name, "namespace") == 0 ? REMOVAL_NAMESPACE : REMOVAL_NOW;
	if (netconf->removal == REMOVAL_NAMESPACE || strcmp(name, "now") == 0)
		return 0;
	return read_refuse(value, "is not known here: known are now and namespace");
}

static int take_top(struct netconf_reader *parse, const struct read_value *value)
{
	struct netconf *netconf = parse->netconf;
	int64_t mtu = 0;
	int code;

	if (read_key_is(value, 0, "cniVersion"))
		return read_chars(value, parse->version, sizeof(parse->version));
	if (read_key_is(value, 0, "name"))
		return read_text(value, &netconf->name);
	if (read_key_is(value, 0, "type"))
		return read_text(value, &netconf->type);
	if (read_key_is(value, 0, "datapath"))
		return read_chars(value, parse->datapath, sizeof(parse->datapath));
	if (read_key_is(value, 0, "removal"))
		return take_removal(value, netconf);
	if (read_key_is(value, 0, "flowtable"))
		return read_bool(value, &netconf->flowtable);
	if (read_key_is(value, 0, "master"))
		return read_text(value, &netconf->master);
	if (!read_key_is(value, 0, "mtu"))
		return take_source(netconf, value, 0);
	code = read_number(value, 0, MTU_MOST, &mtu);
	if (code == 0 && mtu != 0 && mtu < MTU_LEAST)
		return read_refuse(value, "is out of range");
	if (code == 0)
		netconf->mtu = (uint32_t)mtu;
	return code;
}

static int take_routes(struct netconf *netconf, const struct read_value *value)
{
	if (json_path_depth(value->path) > 1)
		return read_route(value, 1, netconf->routes, NETCONF_ROUTES_MAX,
				  &netconf->n_routes);
	netconf->n_routes = 0;
	return value->type == JSON_ARRAY || value->type == JSON_NULL
		       ? 0
		       : read_refuse(value, "must be a list");
}

int netconf_take_value(void *owner, const struct json_path *path, enum json_type type,
		       const char *text, size_t len)
{
	struct netconf_reader *parse = owner;
	struct read_value value = { path, type, text, len, parse->err };
	int depth = json_path_depth(path);

	if (depth == 0)
		return type == JSON_OBJECT ? 0 : read_refuse(&value, "must be an object");
	if (read_key_is(&value, 0, "prevResult"))
		return take_prev(parse, &value);
	if (read_key_is(&value, 0, "runtimeConfig"))
		return take_runtime(parse, &value);
	if (read_key_is(&value, 0, "ipam"))
		return take_ipam(parse, &value);
	if (read_key_is(&value, 0, "cni.dev/valid-attachments") ||
	    read_key_is(&value, 0, "cni.dev/attachments"))
		return take_attachments(parse, &value);
	if (read_key_is(&value, 0, "guards"))
		return netconf_guards_read(&value, parse->netconf);
	if (read_key_is(&value, 0, "routes"))
		return take_routes(parse->netconf, &value);
	if (read_key_is(&value, 0, "dns"))
		return depth > 1 ? read_dns(&value, 1, &parse->netconf->dns) : 0;
	if (read_key_is(&value, 0, "args") && read_key_is(&value, 1, "cni"))
		return take_args(parse, &value);
	return depth == 1 ? take_top(parse, &value) : 0;
}
