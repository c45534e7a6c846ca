/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cni/error.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/num.h"

enum { TEXT_SHOWN = 200, LIST_MAX = 64 };

int read_refuse(const struct read_value *value, const char *why)
{
	static const char *const kinds[] = {
		[JSON_NULL] = "null", [JSON_BOOL] = "",	       [JSON_NUMBER] = "",
		[JSON_STRING] = "",   [JSON_OBJECT] = "{...}", [JSON_ARRAY] = "[...]",
	};
	int shown = value->len > TEXT_SHOWN ? TEXT_SHOWN : (int)value->len;

	if (kinds[value->type][0])
		return cni_err(value->err, CNI_CONFIG_INVALID, "%s: %s", kinds[value->type], why);
	return cni_err(value->err, CNI_CONFIG_INVALID, "\"%.*s\": %s", shown, value->text, why);
}

bool read_key_is(const struct read_value *value, int level, const char *name)
{
	size_t len;
	const char *key = json_path_key(value->path, level, &len);

	return key && len == strlen(name) && memcmp(key, name, len) == 0;
}

bool read_key_is_folded(const struct read_value *value, int level, const char *name)
{
	size_t len;
	const char *key = json_path_key(value->path, level, &len);

	return key && len == strlen(name) && strncasecmp(key, name, len) == 0;
}

static int check_string(const struct read_value *value)
{
	if (value->type != JSON_STRING)
		return read_refuse(value, "must be a string");
	if (value->len > 0 && memchr(value->text, '\0', value->len))
		return read_refuse(value, "must not hold NUL");
	return 0;
}

int read_chars(const struct read_value *value, char *out, size_t room)
{
	int code;

	if (value->type == JSON_NULL)
		return 0;
	code = check_string(value);
	if (code < 0)
		return code;
	if (value->len >= room)
		return read_refuse(value, "is too long");
	memcpy(out, value->text, value->len);
	out[value->len] = '\0';
	return 0;
}

int read_text(const struct read_value *value, char **out)
{
	char *text;
	int code;

	if (value->type == JSON_NULL)
		return 0;
	code = check_string(value);
	if (code < 0)
		return code;
	text = strndup(value->text ? value->text : "", value->len);
	if (!text)
		return err_set(value->err, -ENOMEM, "no memory");
	free(*out);
	*out = text;
	return 0;
}

int read_list(const struct read_value *value, char ***list)
{
	own_mem char *text = NULL;
	char **grown;
	size_t n = 0;
	int code = check_string(value);

	if (code < 0)
		return code;
	while (*list && (*list)[n])
		n++;
	if (n == LIST_MAX)
		return read_refuse(value, "one too many");
	code = read_text(value, &text);
	if (code < 0)
		return code;
	grown = realloc(*list, (n + 2) * sizeof(char *));
	if (!grown)
		return err_set(value->err, -ENOMEM, "no memory");
	grown[n] = mem_take(&text);
	grown[n + 1] = NULL;
	*list = grown;
	return 0;
}

void read_list_done(char ***list)
{
	for (size_t i = 0; *list && (*list)[i]; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
}

int read_bool(const struct read_value *value, bool *out)
{
	if (value->type == JSON_NULL)
		return 0;
	if (value->type != JSON_BOOL)
		return read_refuse(value, "must be true or false");
	*out = value->len == 4;
	return 0;
}

int read_number(const struct read_value *value, int64_t least, int64_t most, int64_t *out)
{
	int64_t number;

	if (value->type == JSON_NULL)
		return 0;
	if (value->type != JSON_NUMBER || num_i64_parse(value->text, value->len, &number) < 0)
		return read_refuse(value, "must be a whole number");
	if (number < least || number > most)
		return read_refuse(value, "is out of range");
	*out = number;
	return 0;
}

int read_address(const struct read_value *value, struct address *out)
{
	char text[ADDRESS_TEXT_ROOM] = "";
	int code;

	if (value->type == JSON_STRING && value->len >= sizeof(text))
		return read_refuse(value, "is not an IP address");
	code = read_chars(value, text, sizeof(text));
	if (code < 0 || text[0] == '\0')
		return code;
	return address_parse(text, out) < 0 ? read_refuse(value, "is not an IP address") : 0;
}

int read_prefix(const struct read_value *value, struct address *out)
{
	if (value->type == JSON_STRING &&
	    (value->len == 0 || !memchr(value->text, '/', value->len)))
		return read_refuse(value, "is not ADDRESS/PREFIX");
	return read_address(value, out);
}

int read_dns(const struct read_value *value, int level, struct cni_dns *dns)
{
	char ***list = NULL;
	int depth = json_path_depth(value->path);

	if (depth == level + 1 && read_key_is(value, level, "domain"))
		return read_text(value, &dns->domain);
	if (read_key_is(value, level, "nameservers"))
		list = &dns->nameservers;
	else if (read_key_is(value, level, "search"))
		list = &dns->search;
	else if (read_key_is(value, level, "options"))
		list = &dns->options;
	if (!list || value->type == JSON_NULL)
		return 0;
	if (depth == level + 2)
		return read_list(value, list);
	if (depth > level + 2 || value->type != JSON_ARRAY)
		return read_refuse(value, "must be a list of strings");
	read_list_done(list);
	return 0;
}

static int route_number(const struct read_value *value, int level, struct cni_route *route)
{
	int64_t number = 0;
	int code = 0;

	if (read_key_is(value, level, "mtu")) {
		code = read_number(value, 0, UINT32_MAX, &number);
		route->mtu = code < 0 ? route->mtu : (uint32_t)number;
	} else if (read_key_is(value, level, "advmss")) {
		code = read_number(value, 0, UINT32_MAX, &number);
		route->advmss = code < 0 ? route->advmss : (uint32_t)number;
	} else if (read_key_is(value, level, "priority")) {
		code = read_number(value, -1, UINT32_MAX, &route->priority);
	} else if (read_key_is(value, level, "table")) {
		code = read_number(value, -1, UINT32_MAX, &route->table);
	} else if (read_key_is(value, level, "scope")) {
		code = read_number(value, -1, UINT8_MAX, &route->scope);
	}
	return code;
}

int read_route(const struct read_value *value, int level, struct cni_route *routes, size_t room,
	       size_t *n)
{
	int depth = json_path_depth(value->path);
	struct cni_route *route;

	if (depth == level + 1) {
		if (value->type != JSON_OBJECT)
			return read_refuse(value, "must be an object");
		if (*n == room)
			return read_refuse(value, "one route too many");
		routes[(*n)++] = (struct cni_route){ 0 };
		return 0;
	}
	if (depth != level + 2 || *n == 0)
		return 0;
	route = &routes[*n - 1];
	if (read_key_is(value, level + 1, "dst"))
		return read_prefix(value, &route->dst);
	if (read_key_is(value, level + 1, "gw"))
		return read_address(value, &route->gw);
	return route_number(value, level + 1, route);
}

int read_routes_end(const struct cni_route *routes, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (routes[i].dst.family == 0)
			return cni_err(err, CNI_CONFIG_INVALID, "routes[%zu].dst: is missing", i);
	}
	return 0;
}

/* ---- results ---- */

static int read_interface(const struct read_value *value, int level, struct cni_result *result)
{
	int depth = json_path_depth(value->path);
	struct cni_interface *interface;
	char mac[64] = "";
	int64_t mtu = 0;
	int code;

	if (depth == level + 1) {
		if (value->type != JSON_OBJECT)
			return read_refuse(value, "must be an object");
		if (result->n_interfaces == CNI_INTERFACES_MAX)
			return read_refuse(value, "one interface too many");
		result->interfaces[result->n_interfaces++] = (struct cni_interface){ 0 };
		return 0;
	}
	if (depth != level + 2 || result->n_interfaces == 0)
		return 0;
	interface = &result->interfaces[result->n_interfaces - 1];
	level++;
	if (read_key_is(value, level, "name"))
		return read_chars(value, interface->name, sizeof(interface->name));
	if (read_key_is(value, level, "sandbox"))
		return read_text(value, &interface->sandbox);
	if (read_key_is(value, level, "pciID"))
		return read_text(value, &interface->pci_id);
	if (read_key_is(value, level, "mtu")) {
		code = read_number(value, 0, UINT32_MAX, &mtu);
		interface->mtu = code < 0 ? interface->mtu : (uint32_t)mtu;
		return code;
	}
	if (!read_key_is(value, level, "mac"))
		return 0;
	code = read_chars(value, mac, sizeof(mac));
	if (code < 0)
		return code;
	/* others may have none, or longer ones (InfiniBand) */
	interface->has_mac = mac_parse(mac, &interface->mac) == 0;
	return 0;
}

static int read_ip(const struct read_value *value, int level, struct cni_result *result)
{
	int depth = json_path_depth(value->path);
	struct cni_ip *ip;
	int64_t number = -1;
	int code;

	if (depth == level + 1) {
		if (value->type != JSON_OBJECT)
			return read_refuse(value, "must be an object");
		if (result->n_ips == CNI_IPS_MAX)
			return read_refuse(value, "one address too many");
		result->ips[result->n_ips++] = (struct cni_ip){ .interface = -1 };
		return 0;
	}
	if (depth != level + 2 || result->n_ips == 0)
		return 0;
	ip = &result->ips[result->n_ips - 1];
	if (read_key_is(value, level + 1, "address"))
		return read_prefix(value, &ip->address);
	if (read_key_is(value, level + 1, "gateway"))
		return read_address(value, &ip->gateway);
	if (!read_key_is(value, level + 1, "interface"))
		return 0;
	code = read_number(value, -1, CNI_INTERFACES_MAX - 1, &number);
	if (code == 0)
		ip->interface = (int)number;
	return code;
}

static void interfaces_done(struct cni_result *result)
{
	for (size_t i = 0; i < result->n_interfaces; i++) {
		free(result->interfaces[i].sandbox);
		free(result->interfaces[i].pci_id);
	}
	result->n_interfaces = 0;
}

void cni_dns_done(struct cni_dns *dns)
{
	read_list_done(&dns->nameservers);
	read_list_done(&dns->search);
	read_list_done(&dns->options);
	free(dns->domain);
	dns->domain = NULL;
}

void cni_result_done(struct cni_result *result)
{
	interfaces_done(result);
	cni_dns_done(&result->dns);
	result->n_ips = 0;
	result->n_routes = 0;
}

/* A list opens: a second one of the same name replaces the first. */
static int list_opens(const struct read_value *value)
{
	if (value->type != JSON_ARRAY && value->type != JSON_NULL)
		return read_refuse(value, "must be a list");
	return 0;
}

int read_result(const struct read_value *value, int level, struct cni_result *result)
{
	bool opens = json_path_depth(value->path) == level + 1;

	if (read_key_is(value, level, "interfaces")) {
		if (!opens)
			return read_interface(value, level + 1, result);
		interfaces_done(result);
		return list_opens(value);
	}
	if (read_key_is(value, level, "ips")) {
		if (!opens)
			return read_ip(value, level + 1, result);
		result->n_ips = 0;
		return list_opens(value);
	}
	if (read_key_is(value, level, "routes")) {
		if (!opens)
			return read_route(value, level + 1, result->routes, CNI_ROUTES_MAX,
					  &result->n_routes);
		result->n_routes = 0;
		return list_opens(value);
	}
	if (!read_key_is(value, level, "dns"))
		return 0;
	if (!opens)
		return read_dns(value, level + 1, &result->dns);
	cni_dns_done(&result->dns);
	if (value->type != JSON_OBJECT && value->type != JSON_NULL)
		return read_refuse(value, "must be an object");
	return 0;
}

int read_result_end(const struct cni_result *result, struct err *err)
{
	for (size_t i = 0; i < result->n_interfaces; i++) {
		if (result->interfaces[i].name[0] == '\0')
			return cni_err(err, CNI_CONFIG_INVALID, "interfaces[%zu].name: is missing",
				       i);
	}
	for (size_t i = 0; i < result->n_ips; i++) {
		if (result->ips[i].address.family == 0)
			return cni_err(err, CNI_CONFIG_INVALID, "ips[%zu].address: is missing", i);
		if (result->ips[i].interface >= (int)result->n_interfaces)
			return cni_err(err, CNI_CONFIG_INVALID,
				       "ips[%zu].interface: %d: there is no such interface", i,
				       result->ips[i].interface);
	}
	return read_routes_end(result->routes, result->n_routes, err);
}
