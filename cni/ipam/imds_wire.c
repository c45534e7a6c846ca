/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/imds_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "config/base/err.h"
#include "config/base/num.h"
#include "config/json.h"

enum { IMDS_TEXT_ROOM = 64 };

struct wire {
	const struct mac *mac;
	long at; /* index of the interface; -1: not seen */
	bool has_list;
	struct imds_nic *nic;
};

static int wire_text(const char *text, size_t len, char copy[IMDS_TEXT_ROOM])
{
	if (len >= IMDS_TEXT_ROOM || memchr(text, '\0', len))
		return -EBADMSG;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return 0;
}

static int wire_find(void *owner, const struct json_path *path, enum json_type type,
		     const char *text, size_t len)
{
	struct wire *wire = owner;
	char copy[IMDS_TEXT_ROOM];
	struct mac mac;

	if (json_path_is(path, "interface", NULL)) {
		wire->has_list = type == JSON_ARRAY;
		return 0;
	}
	if (!json_path_is(path, "interface", "*", "macAddress", NULL))
		return 0;
	if (type != JSON_STRING || wire_text(text, len, copy) != 0)
		return -EBADMSG;
	if (mac_parse(copy, &mac) != 0 || !mac_equal(&mac, wire->mac))
		return 0;
	wire->at = json_path_index(path, 1);
	return 1;
}

/* The first is the primary one, by its place and not by what came before it. */
static int wire_ip(struct imds_family *family, uint8_t kind, long index, const char *text)
{
	struct address address;

	if (text[0] == '\0')
		return 0;
	if (address_parse(text, &address) != 0 || address.family != kind ||
	    address.prefix != address_bits(kind))
		return -EBADMSG;
	if (index == 0)
		family->primary = address;
	else if (family->n == IMDS_IPS_MAX)
		return -EBADMSG;
	else
		family->ips[family->n++] = address;
	return 0;
}

static int wire_subnet(struct wire *wire, const struct json_path *path, const char *text)
{
	struct address *subnet = &wire->nic->ipv4.subnet;
	uint64_t bits;

	if (json_path_index(path, 4) != 0 || text[0] == '\0')
		return 0;
	if (json_path_is(path, "interface", "*", "ipv4", "subnet", "*", "address", NULL)) {
		uint8_t prefix = subnet->prefix;

		if (address_parse(text, subnet) != 0 || subnet->family != AF_INET)
			return -EBADMSG;
		subnet->prefix = prefix;
	} else if (json_path_is(path, "interface", "*", "ipv4", "subnet", "*", "prefix", NULL)) {
		if (num_u64_parse(text, strlen(text), &bits) != 0 || bits > 32)
			return -EBADMSG;
		subnet->prefix = (uint8_t)bits;
	}
	return 0;
}

static int wire_gather(void *owner, const struct json_path *path, enum json_type type,
		       const char *text, size_t len)
{
	struct wire *wire = owner;
	char copy[IMDS_TEXT_ROOM];

	if (type != JSON_STRING || json_path_depth(path) != 6 ||
	    json_path_index(path, 1) != wire->at)
		return 0;
	if (json_path_is(path, "interface", "*", "ipv4", "ipAddress", "*", "privateIpAddress",
			 NULL))
		return wire_text(text, len, copy) != 0
			       ? -EBADMSG
			       : wire_ip(&wire->nic->ipv4, AF_INET, json_path_index(path, 4), copy);
	if (json_path_is(path, "interface", "*", "ipv6", "ipAddress", "*", "privateIpAddress",
			 NULL))
		return wire_text(text, len, copy) != 0 ? -EBADMSG
						       : wire_ip(&wire->nic->ipv6, AF_INET6,
								 json_path_index(path, 4), copy);
	if (json_path_is(path, "interface", "*", "ipv4", "subnet", "*", "address", NULL) ||
	    json_path_is(path, "interface", "*", "ipv4", "subnet", "*", "prefix", NULL))
		return wire_text(text, len, copy) != 0 ? -EBADMSG : wire_subnet(wire, path, copy);
	return 0;
}

int imds_wire_parse(const char *json, size_t len, const struct mac *mac, struct imds_nic *nic)
{
	struct wire wire = { .mac = mac, .at = -1, .nic = nic };
	struct err ignored = { 0 };
	int code = json_scan(json, len, wire_find, &wire, &ignored);

	if (code < 0)
		return code;
	if (wire.at < 0)
		return wire.has_list ? -ENOENT : -EBADMSG;
	memset(nic, 0, sizeof(*nic));
	return json_scan(json, len, wire_gather, &wire, &ignored);
}

bool imds_wire_has(const struct imds_nic *nic, const struct address *address)
{
	const struct imds_family *family = address->family == AF_INET ? &nic->ipv4 : &nic->ipv6;

	for (size_t i = 0; i < family->n; i++) {
		if (address_equal(&family->ips[i], address))
			return true;
	}
	return false;
}
