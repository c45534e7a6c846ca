/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/cns_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "cni/error.h"

int cns_map_code(const struct cns_reply *reply, struct err *err)
{
	enum cni_code code = CNI_CNS_REFUSED;

	switch (reply->code) {
	case CNS_SUCCESS:
		return 0;
	case CNS_PROGRAM_PENDING:
	case CNS_ALLOCATE_FAILED:
	case CNS_NMAGENT_APIS:
	case CNS_NMAGENT_INTERNAL:
	case CNS_CONNECTION:
	case CNS_NMAGENT_VERSIONS:
		code = CNI_TRY_AGAIN;
		break;
	case CNS_UNAUTHORIZED:
		code = CNI_UNAVAILABLE;
		break;
	case CNS_NO_CODE:
		return cni_err(err, CNI_CNS_REFUSED, "CNS: the reply has no ReturnCode");
	default:
		break;
	}
	/* tools on the node look for this phrase in our text */
	if (strcasestr(reply->message, "network is not ready"))
		code = CNI_TRY_AGAIN;
	return cni_err(err, code, "CNS: code %d: %s", reply->code,
		       reply->message[0] ? reply->message : "no reason given");
}

static bool map_is_delegated(const struct cns_ip *ip)
{
	return ip->nic == CNS_NIC_FRONTEND || ip->nic == CNS_NIC_FRONTEND_ACCELNET;
}

static bool map_has_default(const struct cns_ip *ip)
{
	for (size_t i = 0; i < ip->n_routes; i++) {
		if (ip->routes[i].dst.family != 0 && ip->routes[i].dst.prefix == 0)
			return true;
	}
	return false;
}

/* Which entries there are, and whether they can be served. */
static int map_check(const struct cns_reply *reply, size_t *delegated, struct err *err)
{
	size_t infra = 0;
	size_t others = 0;

	for (size_t i = 0; i < reply->n_ips; i++) {
		const struct cns_ip *ip = &reply->ips[i];

		if (ip->is_shared)
			continue;
		if (ip->nic != CNS_NIC_INFRA && !map_is_delegated(ip))
			return cni_err(err, CNI_CNS_REFUSED,
				       "CNS: a NIC of type %s is not supported", ip->nic_text);
		if (ip->address.family == 0)
			return cni_err(err, CNI_CNS_REFUSED, "CNS: an entry has no address");
		infra += ip->nic == CNS_NIC_INFRA;
		others += map_is_delegated(ip);
		if (map_is_delegated(ip) && (!ip->has_mac || !map_has_default(ip)))
			return cni_err(err, CNI_CONFIG_INVALID, "CNS: a delegated NIC has no %s",
				       ip->has_mac ? "default route" : "MAC address");
	}
	if (infra + others == 0)
		return cni_err(err, CNI_CNS_REFUSED, "CNS: the reply has no address");
	if (infra > 0 && others > 0)
		return cni_err(
			err, CNI_CNS_REFUSED,
			"CNS: an InfraNIC and a delegated NIC for one pod are not supported");
	*delegated = others;
	return 0;
}

static uint8_t map_prefix(const struct cns_ip *ip, const struct address *address)
{
	if (map_is_delegated(ip) || ip->prefix > address_bits(address->family))
		return address_bits(address->family);
	if (ip->prefix > 0)
		return ip->prefix;
	/* addresses of the node's own subnet come without one */
	if (ip->host_subnet.family == address->family)
		return ip->host_subnet.prefix;
	return address_bits(address->family);
}

static int map_add_ip(struct ipam_answer *answer, const struct cns_ip *ip,
		      const struct address *address, const struct address *gateway, struct err *err)
{
	struct cni_ip *to = &answer->ips[answer->n_ips];

	for (size_t i = 0; i < answer->n_ips; i++) {
		if (answer->ips[i].address.family == address->family)
			return cni_err(err, CNI_CNS_REFUSED,
				       "CNS: two addresses of one family for one NIC");
	}
	to->address = *address;
	to->address.prefix = map_prefix(ip, address);
	to->gateway = *gateway;
	to->interface = -1;
	answer->n_ips++;
	return 0;
}

static int map_add_routes(struct ipam_answer *answer, const struct cns_ip *ip, struct err *err)
{
	for (size_t i = 0; i < ip->n_routes; i++) {
		struct cni_route *to = &answer->routes[answer->n_routes];

		if (ip->routes[i].dst.family == 0)
			continue;
		if (answer->n_routes == CNI_ROUTES_MAX)
			return cni_err(err, CNI_CNS_REFUSED, "CNS: more than %d routes",
				       CNI_ROUTES_MAX);
		*to = (struct cni_route){
			.dst = address_network(&ip->routes[i].dst),
			.gw = ip->routes[i].gw,
			.priority = -1,
			.table = -1,
			.scope = -1,
		};
		answer->n_routes++;
	}
	return 0;
}

/* Servers for names, each once. */
static int map_add_dns(struct ipam_answer *answer, const struct cns_ip *ip, struct err *err)
{
	char ***list = &answer->dns.nameservers;

	for (size_t i = 0; i < ip->n_dns; i++) {
		char text[ADDRESS_TEXT_ROOM];
		char **grown;
		size_t n = 0;

		address_format(&ip->dns[i], false, text);
		while (*list && (*list)[n] && strcmp((*list)[n], text) != 0)
			n++;
		if (*list && (*list)[n])
			continue;
		grown = realloc(*list, (n + 2) * sizeof(*grown));
		if (!grown)
			return err_set(err, -ENOMEM, "no memory for the answer");
		*list = grown;
		grown[n + 1] = NULL;
		grown[n] = strdup(text);
		if (!grown[n])
			return err_set(err, -ENOMEM, "no memory for the answer");
	}
	return 0;
}

static int map_one(struct ipam_answer *answer, const struct cns_ip *ip, struct err *err)
{
	const struct address *gateway =
		ip->address.family == AF_INET6 ? &ip->gateway6 : &ip->gateway;
	static const struct address none;
	int code;

	if (gateway->family == 0 && ip->gateway.family == ip->address.family)
		gateway = &ip->gateway;
	if (gateway->family == 0 && ip->prefix == 0)
		gateway = &ip->host_gateway;
	code = map_add_ip(answer, ip, &ip->address,
			  gateway->family == ip->address.family ? gateway : &none, err);
	if (code == 0 && map_is_delegated(ip) && ip->address6.family != 0)
		code = map_add_ip(answer, ip, &ip->address6, &ip->address6_gw, err);
	if (code == 0)
		code = map_add_routes(answer, ip, err);
	if (code == 0)
		code = map_add_dns(answer, ip, err);
	if (ip->host.family != 0 && answer->host_ip.family != AF_INET)
		answer->host_ip = ip->host;
	return code;
}

static int map_all(const struct cns_reply *reply, struct ipam_answer *answer, struct err *err)
{
	bool has_default = false;

	for (size_t i = 0; i < reply->n_ips; i++) {
		const struct cns_ip *ip = &reply->ips[i];
		int code;

		if (ip->is_shared)
			continue;
		if (map_is_delegated(ip) && answer->has_nic &&
		    !mac_equal(&answer->nic_mac, &ip->mac))
			return cni_err(err, CNI_CONFIG_INVALID,
				       "CNS: two delegated NICs with a default route");
		if (map_is_delegated(ip)) {
			answer->has_nic = true;
			answer->nic_mac = ip->mac;
		}
		code = map_one(answer, ip, err);
		if (code < 0)
			return code;
		answer->skip_default_route |= ip->skip_default_routes || map_is_delegated(ip);
		has_default |= map_has_default(ip);
	}
	if (answer->skip_default_route && !has_default)
		return cni_err(err, CNI_CONFIG_INVALID, "CNS: no NIC has the default route");
	return 0;
}

int cns_map_answer(const struct cns_reply *reply, struct ipam_answer *answer, struct err *err)
{
	struct ipam_answer mapped = { 0 };
	size_t delegated = 0;
	int code = map_check(reply, &delegated, err);

	if (code == 0)
		code = map_all(reply, &mapped, err);
	if (code < 0) {
		ipam_answer_done(&mapped);
		return code;
	}
	*answer = mapped;
	return 0;
}
