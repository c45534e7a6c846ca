/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/result.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/error.h"
#include "cni/netconf.h"
#include "cni/read.h"
#include "config/base/buf.h"
#include "config/json.h"

enum { RESULT_MAX_BYTES = 1 << 20 };

struct parse {
	struct cni_result *result;
	struct err *err;
};

static int take_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct parse *parse = owner;
	struct read_value value = { path, type, text, len, parse->err };
	enum cni_version version;
	char name[16] = "";

	if (json_path_depth(path) == 0)
		return type == JSON_OBJECT ? 0 : read_refuse(&value, "must be an object");
	if (json_path_is(path, "cniVersion", NULL)) {
		if (read_chars(&value, name, sizeof(name)) < 0 ||
		    (name[0] && cni_version_parse(name, strlen(name), &version) < 0))
			return read_refuse(&value, "is no version that is known here");
	}
	return read_result(&value, 0, parse->result);
}

int cni_result_parse(const char *json, size_t len, struct cni_result *result, struct err *err)
{
	struct cni_result read = { 0 };
	struct parse parse = { &read, err };
	int code = json_scan(json, len, take_value, &parse, err);

	if (code == -EBADMSG) {
		(void)err_wrap(err, "result");
		code = err->code = -(CNI_ERR_BASE + CNI_DECODE);
	} else if (code == 0) {
		code = read_result_end(&read, err);
	}
	if (code < 0) {
		cni_result_done(&read);
		return code;
	}
	*result = read;
	return 0;
}

/* ---- writing ---- */

/* Where to, and the first failure. */
struct writer {
	struct buf *out;
	unsigned int version;
	int code;
	bool comma; /* one stands before the next value */
};

static void put(struct writer *writer, const char *text)
{
	if (writer->code == 0)
		writer->code = buf_add_text(writer->out, text, RESULT_MAX_BYTES);
}

/* Open an object or list, or close it. */
static void put_open(struct writer *writer, const char *text)
{
	put(writer, text);
	writer->comma = false;
}

static void put_close(struct writer *writer, const char *text)
{
	put(writer, text);
	writer->comma = true;
}

static void put_comma(struct writer *writer)
{
	if (writer->comma)
		put(writer, ",");
	writer->comma = true;
}

static void put_key(struct writer *writer, const char *key)
{
	put_comma(writer);
	put(writer, "\"");
	put(writer, key);
	put(writer, "\":");
}

static void put_string(struct writer *writer, const char *text)
{
	if (writer->code == 0)
		writer->code = json_put_string(writer->out, text, RESULT_MAX_BYTES);
}

static void put_text(struct writer *writer, const char *key, const char *text)
{
	if (!text || text[0] == '\0')
		return;
	put_key(writer, key);
	put_string(writer, text);
}

static void put_number(struct writer *writer, const char *key, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	put_key(writer, key);
	put(writer, text);
}

static void put_some(struct writer *writer, const char *key, int64_t number)
{
	if (number > 0)
		put_number(writer, key, number);
}

static void put_address(struct writer *writer, const char *key, const struct address *address,
			bool with_prefix)
{
	char text[ADDRESS_TEXT_ROOM];

	if (address->family == 0)
		return;
	address_format(address, with_prefix, text);
	put_text(writer, key, text);
}

static void put_list(struct writer *writer, const char *key, char *const *list)
{
	if (!list || !list[0])
		return;
	put_key(writer, key);
	put_open(writer, "[");
	for (size_t i = 0; list[i]; i++) {
		put_comma(writer);
		put_string(writer, list[i]);
	}
	put_close(writer, "]");
}

static void put_interface(struct writer *writer, const struct cni_interface *interface)
{
	char mac[MAC_TEXT_ROOM];

	put_comma(writer);
	put_open(writer, "{");
	put_text(writer, "name", interface->name);
	if (interface->has_mac) {
		mac_format(&interface->mac, mac);
		put_text(writer, "mac", mac);
	}
	if (writer->version >= CNI_V1_1_0)
		put_some(writer, "mtu", interface->mtu);
	put_text(writer, "sandbox", interface->sandbox);
	if (writer->version >= CNI_V1_1_0)
		put_text(writer, "pciID", interface->pci_id);
	put_close(writer, "}");
}

static void put_ip(struct writer *writer, const struct cni_ip *ip)
{
	put_comma(writer);
	put_open(writer, "{");
	if (writer->version < CNI_V1_0_0)
		put_text(writer, "version", ip->address.family == AF_INET ? "4" : "6");
	if (ip->interface >= 0)
		put_number(writer, "interface", ip->interface);
	put_address(writer, "address", &ip->address, true);
	put_address(writer, "gateway", &ip->gateway, false);
	put_close(writer, "}");
}

static void put_route(struct writer *writer, const struct cni_route *route)
{
	put_comma(writer);
	put_open(writer, "{");
	put_address(writer, "dst", &route->dst, true);
	put_address(writer, "gw", &route->gw, false);
	if (writer->version >= CNI_V1_1_0) {
		put_some(writer, "mtu", route->mtu);
		put_some(writer, "advmss", route->advmss);
		put_some(writer, "priority", route->priority);
		put_some(writer, "table", route->table);
		put_some(writer, "scope", route->scope);
	}
	put_close(writer, "}");
}

static void put_lists(struct writer *writer, const struct cni_result *result)
{
	if (result->n_interfaces > 0) {
		put_key(writer, "interfaces");
		put_open(writer, "[");
		for (size_t i = 0; i < result->n_interfaces; i++)
			put_interface(writer, &result->interfaces[i]);
		put_close(writer, "]");
	}
	if (result->n_ips > 0) {
		put_key(writer, "ips");
		put_open(writer, "[");
		for (size_t i = 0; i < result->n_ips; i++)
			put_ip(writer, &result->ips[i]);
		put_close(writer, "]");
	}
	if (result->n_routes > 0) {
		put_key(writer, "routes");
		put_open(writer, "[");
		for (size_t i = 0; i < result->n_routes; i++)
			put_route(writer, &result->routes[i]);
		put_close(writer, "]");
	}
}

static void put_dns(struct writer *writer, const struct cni_dns *dns)
{
	bool any = (dns->nameservers && dns->nameservers[0]) || (dns->domain && dns->domain[0]) ||
		   (dns->search && dns->search[0]) || (dns->options && dns->options[0]);

	if (!any)
		return;
	put_key(writer, "dns");
	put_open(writer, "{");
	put_list(writer, "nameservers", dns->nameservers);
	put_text(writer, "domain", dns->domain);
	put_list(writer, "search", dns->search);
	put_list(writer, "options", dns->options);
	put_close(writer, "}");
}

int cni_result_write(const struct cni_result *result, unsigned int version, struct buf *out)
{
	struct writer writer = { .out = out, .version = version };
	size_t before = out->len;

	put_open(&writer, "{");
	put_text(&writer, "cniVersion", cni_version_text((enum cni_version)version));
	put_lists(&writer, result);
	put_dns(&writer, &result->dns);
	put_close(&writer, "}");
	if (writer.code == 0)
		return 0;
	out->len = before;
	return -ENOMEM;
}

int cni_error_write(const struct err *failed, const char *details, unsigned int version,
		    struct buf *out)
{
	struct writer writer = { .out = out, .version = version };
	size_t before = out->len;

	put_open(&writer, "{");
	put_text(&writer, "cniVersion", cni_version_text((enum cni_version)version));
	put_number(&writer, "code", cni_code_of(failed));
	put_key(&writer, "msg");
	put_string(&writer, failed->msg);
	put_text(&writer, "details", details);
	put_close(&writer, "}");
	if (writer.code == 0)
		return 0;
	out->len = before;
	return -ENOMEM;
}
