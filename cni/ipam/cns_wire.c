/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/cns_wire.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/num.h"
#include "config/json.h"

enum { CNS_REQUEST_MAX_BYTES = 64 << 10 };

static int wire_text(struct buf *out, const char *text)
{
	return buf_add_text(out, text, CNS_REQUEST_MAX_BYTES);
}

static int wire_field(struct buf *out, const char *before, const char *value)
{
	int code = wire_text(out, before);

	return code ? code : json_put_string(out, value, CNS_REQUEST_MAX_BYTES);
}

static int wire_context(struct buf *out, const char *before, const struct cns_pod *pod)
{
	int code = wire_text(out, before);

	code = code ? code : wire_field(out, "{\"podName\":", pod->pod);
	code = code ? code : wire_field(out, ",\"podNamespace\":", pod->pod_namespace);
	return code ? code : wire_text(out, "}");
}

int cns_wire_request(const struct cns_pod *pod, struct buf *out)
{
	int code = wire_text(out, "{\"desiredIPAddresses\":[");

	for (size_t i = 0; code == 0 && i < pod->n_wanted; i++) {
		char text[ADDRESS_TEXT_ROOM];

		address_format(&pod->wanted[i], false, text);
		code = wire_field(out, i ? "," : "", text);
	}
	code = code ? code : wire_field(out, "],\"podInterfaceID\":", pod->interface_id);
	code = code ? code : wire_field(out, ",\"infraContainerID\":", pod->container);
	code = code ? code : wire_context(out, ",\"orchestratorContext\":", pod);
	code = code ? code : wire_field(out, ",\"ifname\":", pod->ifname);
	return code ? code : wire_text(out, "}");
}

int cns_wire_request_one(const struct cns_pod *pod, struct buf *out)
{
	char text[ADDRESS_TEXT_ROOM] = "";
	int code;

	if (pod->n_wanted > 0)
		address_format(&pod->wanted[0], false, text);
	code = wire_field(out, "{\"DesiredIPAddress\":", text);
	code = code ? code : wire_field(out, ",\"PodInterfaceID\":", pod->interface_id);
	code = code ? code : wire_field(out, ",\"InfraContainerID\":", pod->container);
	code = code ? code : wire_context(out, ",\"OrchestratorContext\":", pod);
	code = code ? code : wire_field(out, ",\"Ifname\":", pod->ifname);
	return code ? code : wire_text(out, "}");
}

/* Bytes up to the end of the first object; all of them when it does not end. */
static size_t wire_first(const char *json, size_t len)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (json[i] == '\\')
				i++;
			else if (json[i] == '"')
				in_string = false;
		} else if (json[i] == '"') {
			in_string = true;
		} else if (json[i] == '{' || json[i] == '[') {
			depth++;
		} else if ((json[i] == '}' || json[i] == ']') && depth > 0 && --depth == 0) {
			return i + 1;
		}
	}
	return len;
}

/* Keys from `level` down, the last one NULL; "*" is any index. Case does not matter. */
__attribute__((sentinel)) static bool wire_is(const struct json_path *path, int level, ...)
{
	const char *want;
	va_list list;
	bool is_same = true;

	va_start(list, level);
	while (is_same && (want = va_arg(list, const char *))) {
		const char *key =
			level < json_path_depth(path) ? json_path_key(path, level, NULL) : NULL;

		if (strcmp(want, "*") == 0)
			is_same =
				level < json_path_depth(path) && json_path_index(path, level) >= 0;
		else
			is_same = key && strcasecmp(key, want) == 0;
		level++;
	}
	va_end(list);
	return is_same && level == json_path_depth(path);
}

struct wire_value {
	const struct json_path *path;
	enum json_type type;
	const char *text;
	size_t len;
	int base; /* level of the keys of one of "podIPInfo" */
};

/* An address, or none when the text is empty. Returns 0 or -EBADMSG. */
static int wire_address(const struct wire_value *value, struct address *address)
{
	char text[ADDRESS_TEXT_ROOM];

	if (value->type == JSON_NULL || (value->type == JSON_STRING && value->len == 0))
		return 0;
	if (value->type != JSON_STRING || value->len >= sizeof(text))
		return -EBADMSG;
	memcpy(text, value->text, value->len);
	text[value->len] = '\0';
	if (strlen(text) != value->len || address_parse(text, address) != 0)
		return -EBADMSG;
	return 0;
}

static int wire_prefix(const struct wire_value *value, uint8_t *prefix)
{
	uint64_t bits;

	if (value->type != JSON_NUMBER || num_u64_parse(value->text, value->len, &bits) != 0 ||
	    bits > 128)
		return -EBADMSG;
	*prefix = (uint8_t)bits;
	return 0;
}

static bool wire_true(const struct wire_value *value)
{
	return value->type == JSON_BOOL && value->text[0] == 't';
}

static int wire_nic(const struct wire_value *value, struct cns_ip *ip)
{
	static const char *const names[] = { "InfraNIC", "FrontendNIC", "FrontendNIC_Accelnet",
					     "BackendNIC", "ApipaNIC" };

	if (value->type == JSON_NULL || (value->type == JSON_STRING && value->len == 0))
		return 0;
	if (value->type != JSON_STRING)
		return -EBADMSG;
	(void)snprintf(
		ip->nic_text, sizeof(ip->nic_text), "%.*s",
		(int)(value->len < sizeof(ip->nic_text) ? value->len : sizeof(ip->nic_text) - 1),
		value->text);
	ip->nic = CNS_NIC_INFRA;
	while (ip->nic < CNS_NIC_OTHER && strcasecmp(ip->nic_text, names[ip->nic]) != 0)
		ip->nic++;
	return 0;
}

static int wire_mac(const struct wire_value *value, struct cns_ip *ip)
{
	char text[32];

	if (value->type != JSON_STRING || value->len == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(value->len < 31 ? value->len : 31),
		       value->text);
	if (mac_parse(text, &ip->mac) != 0)
		return -EBADMSG;
	ip->has_mac = true;
	return 0;
}

static int wire_pci(const struct wire_value *value, struct cns_ip *ip)
{
	if (value->type == JSON_NULL)
		return 0;
	if (value->type != JSON_STRING || value->len >= sizeof(ip->pci_id) ||
	    memchr(value->text, '\0', value->len))
		return -EBADMSG;
	memcpy(ip->pci_id, value->text, value->len);
	ip->pci_id[value->len] = '\0';
	return 0;
}

static int wire_route(const struct wire_value *value, struct cns_ip *ip)
{
	long at = json_path_index(value->path, value->base + 1);
	bool is_dst = wire_is(value->path, value->base + 2, "IPAddress", NULL);
	struct cns_route *route;

	if (at < 0 || (!is_dst && !wire_is(value->path, value->base + 2, "GatewayIPAddress", NULL)))
		return 0;
	if (at >= CNS_ROUTES_MAX)
		return -EBADMSG;
	route = &ip->routes[at];
	if ((size_t)at >= ip->n_routes)
		ip->n_routes = (size_t)at + 1;
	return wire_address(value, is_dst ? &route->dst : &route->gw);
}

static int wire_primary(const struct wire_value *value, struct cns_ip *ip)
{
	if (wire_is(value->path, value->base + 1, "GatewayIPAddress", NULL))
		return wire_address(value, &ip->gateway);
	if (wire_is(value->path, value->base + 1, "GatewayIPv6Address", NULL))
		return wire_address(value, &ip->gateway6);
	if (wire_is(value->path, value->base + 1, "DNSServers", "*", NULL) &&
	    ip->n_dns < CNS_DNS_MAX) {
		int code = wire_address(value, &ip->dns[ip->n_dns]);

		ip->n_dns += ip->dns[ip->n_dns].family != 0;
		return code;
	}
	return 0;
}

static int wire_second(const struct wire_value *value, struct cns_ip *ip)
{
	if (wire_is(value->path, value->base + 1, "IPSubnet", "IPAddress", NULL) ||
	    wire_is(value->path, value->base + 1, "IPSubnetV6", "IPAddress", NULL))
		return wire_address(value, &ip->address6);
	if (wire_is(value->path, value->base + 1, "GatewayIPAddress", NULL) ||
	    wire_is(value->path, value->base + 1, "GatewayIPv6Address", NULL))
		return wire_address(value, &ip->address6_gw);
	return 0;
}

static int wire_host(const struct wire_value *value, struct cns_ip *ip)
{
	if (wire_is(value->path, value->base + 1, "PrimaryIP", NULL))
		return wire_address(value, &ip->host);
	if (wire_is(value->path, value->base + 1, "Subnet", NULL))
		return wire_address(value, &ip->host_subnet);
	if (wire_is(value->path, value->base + 1, "Gateway", NULL))
		return wire_address(value, &ip->host_gateway);
	return 0;
}

/* A value below one of "podIPInfo". */
static int wire_ip(const struct wire_value *value, struct cns_ip *ip)
{
	const char *key = json_path_key(value->path, value->base, NULL);

	if (!key)
		return 0;
	if (wire_is(value->path, value->base, "PodIPConfig", "IPAddress", NULL))
		return wire_address(value, &ip->address);
	if (wire_is(value->path, value->base, "PodIPConfig", "PrefixLength", NULL))
		return wire_prefix(value, &ip->prefix);
	if (strcasecmp(key, "NetworkContainerPrimaryIPConfig") == 0)
		return wire_primary(value, ip);
	if (strcasecmp(key, "NetworkContainerIPv6Config") == 0)
		return wire_second(value, ip);
	if (strcasecmp(key, "HostPrimaryIPInfo") == 0)
		return wire_host(value, ip);
	if (strcasecmp(key, "Routes") == 0 && json_path_depth(value->path) == value->base + 3)
		return wire_route(value, ip);
	if (wire_is(value->path, value->base, "NICType", NULL))
		return wire_nic(value, ip);
	if (wire_is(value->path, value->base, "MacAddress", NULL))
		return wire_mac(value, ip);
	if (wire_is(value->path, value->base, "PnPID", NULL))
		return wire_pci(value, ip);
	if (wire_is(value->path, value->base, "sharedNic", NULL))
		ip->is_shared = wire_true(value);
	if (wire_is(value->path, value->base, "SkipDefaultRoutes", NULL))
		ip->skip_default_routes = wire_true(value);
	return 0;
}

/* The code of either place: a failure anywhere is one. */
static int wire_code(const struct wire_value *value, struct cns_reply *reply)
{
	uint64_t code;

	if (value->type != JSON_NUMBER || num_u64_parse(value->text, value->len, &code) != 0 ||
	    code > INT_MAX)
		return -EBADMSG;
	if (reply->code <= CNS_SUCCESS)
		reply->code = (int)code;
	return 0;
}

static int wire_on_value(void *owner, const struct json_path *path, enum json_type type,
			 const char *text, size_t len)
{
	struct wire_value value = { .path = path, .type = type, .text = text, .len = len };
	struct cns_reply *reply = owner;

	if (wire_is(path, 0, "ReturnCode", NULL) ||
	    wire_is(path, 0, "Response", "ReturnCode", NULL))
		return wire_code(&value, reply);
	if ((wire_is(path, 0, "Message", NULL) || wire_is(path, 0, "Response", "Message", NULL)) &&
	    type == JSON_STRING && len > 0) {
		(void)snprintf(reply->message, sizeof(reply->message), "%.*s",
			       (int)(len < CNS_MESSAGE_ROOM ? len : CNS_MESSAGE_ROOM - 1), text);
		return 0;
	}
	if (json_path_depth(path) >= 2 && json_path_key(path, 0, NULL) &&
	    strcasecmp(json_path_key(path, 0, NULL), "podIPInfo") == 0) {
		long at = json_path_index(path, 1);

		/* the form for one address has the object itself */
		value.base = at < 0 ? 1 : 2;
		if (at < 0)
			at = 0;
		if (at >= CNS_IPS_MAX)
			return -EBADMSG;
		if ((size_t)at >= reply->n_ips)
			reply->n_ips = (size_t)at + 1;
		return wire_ip(&value, &reply->ips[at]);
	}
	return 0;
}

int cns_wire_reply(const char *json, size_t len, struct cns_reply *reply)
{
	struct err ignored = { 0 };
	int code;

	memset(reply, 0, sizeof(*reply));
	reply->code = CNS_NO_CODE;
	code = json_scan(json, wire_first(json, len), wire_on_value, reply, &ignored);
	return code < 0 ? code : 0;
}

static int wire_on_address(void *owner, const struct json_path *path, enum json_type type,
			   const char *text, size_t len)
{
	struct wire_value value = { .path = path, .type = type, .text = text, .len = len };
	const struct address *want = owner;
	struct address address = { 0 };
	int depth = json_path_depth(path);

	if (depth < 1 || !wire_is(path, depth - 1, "IPAddress", NULL) ||
	    wire_address(&value, &address) != 0)
		return 0;
	return address.family == want->family && address_equal(&address, want);
}

int cns_wire_has_address(const char *json, size_t len, const struct address *address)
{
	struct err ignored = { 0 };
	struct address copy = *address;

	return json_scan(json, wire_first(json, len), wire_on_address, &copy, &ignored);
}
