/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/cns_map.h"

#include <errno.h>
#include <linux/rtnetlink.h>
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
	case CNS_ALLOCATE_FAILED:
		code = CNI_ADDRESS_EXHAUSTED;
		break;
	case CNS_PROGRAM_PENDING:
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

static bool map_is_frontend(const struct cns_ip *ip)
{
	return ip->nic == CNS_NIC_FRONTEND || ip->nic == CNS_NIC_FRONTEND_ACCELNET;
}

static size_t map_n_routes(const struct cns_ip *ip)
{
	size_t n = 0;

	for (size_t i = 0; i < ip->n_routes; i++)
		n += ip->routes[i].dst.family != 0;
	return n;
}

/* Can this entry be served? */
static int map_check(const struct cns_ip *ip, struct err *err)
{
	if (ip->nic != CNS_NIC_INFRA && ip->nic != CNS_NIC_BACKEND && !map_is_frontend(ip))
		return cni_err(err, CNI_CNS_REFUSED, "CNS: a NIC of type %s is not supported",
			       ip->nic_text);
	if (ip->nic != CNS_NIC_INFRA && !ip->has_mac)
		return cni_err(err, CNI_CONFIG_INVALID, "CNS: a %s has no MAC address",
			       ip->nic_text);
	if (ip->nic != CNS_NIC_BACKEND && ip->address.family == 0)
		return cni_err(err, CNI_CNS_REFUSED, "CNS: an entry has no address");
	if (map_is_frontend(ip) && map_n_routes(ip) == 0)
		return cni_err(err, CNI_CONFIG_INVALID, "CNS: a %s has no routes", ip->nic_text);
	return 0;
}

static uint8_t map_prefix(const struct cns_ip *ip, const struct address *address)
{
	if (ip->nic != CNS_NIC_INFRA || ip->prefix > address_bits(address->family))
		return address_bits(address->family);
	if (ip->prefix > 0)
		return ip->prefix;
	/* addresses of the node's own subnet come without one */
	if (ip->host_subnet.family == address->family)
		return ip->host_subnet.prefix;
	return address_bits(address->family);
}

/* ips has room for one more than can be of different families. */
static int map_add_ip(struct cni_ip *ips, size_t *n, const struct cns_ip *ip,
		      const struct address *address, const struct address *gateway, struct err *err)
{
	static const struct address none;

	for (size_t i = 0; i < *n; i++) {
		if (ips[i].address.family == address->family)
			return cni_err(err, CNI_CNS_REFUSED,
				       "CNS: two addresses of one family for one NIC");
	}
	ips[*n] = (struct cni_ip){
		.address = *address,
		.gateway = gateway->family == address->family ? *gateway : none,
		.interface = -1,
	};
	ips[*n].address.prefix = map_prefix(ip, address);
	(*n)++;
	return 0;
}

static bool map_is_same(const struct cni_route *a, const struct cni_route *b)
{
	return a->dst.prefix == b->dst.prefix && address_equal(&a->dst, &b->dst);
}

/* One destination once: entries of both families may bring the same list. */
static int map_add_route(struct cni_route *routes, size_t *n, size_t room,
			 const struct cni_route *route, struct err *err)
{
	for (size_t i = 0; i < *n; i++) {
		if (map_is_same(&routes[i], route))
			return 0;
	}
	if (*n == room)
		return cni_err(err, CNI_CNS_REFUSED, "CNS: more than %zu routes", room);
	routes[(*n)++] = *route;
	return 0;
}

/* What has no gateway on a NIC of its own is on its link. */
static int map_add_routes(struct cni_route *routes, size_t *n, size_t room, const struct cns_ip *ip,
			  struct err *err)
{
	for (size_t i = 0; i < ip->n_routes; i++) {
		const struct cns_route *from = &ip->routes[i];
		const struct cni_route route = {
			.dst = address_network(&from->dst),
			.gw = from->gw,
			.priority = -1,
			.table = -1,
			.scope = ip->nic != CNS_NIC_INFRA && from->gw.family == 0 ? RT_SCOPE_LINK
										  : -1,
		};

		if (from->dst.family != 0 && map_add_route(routes, n, room, &route, err) < 0)
			return err->code;
	}
	return 0;
}

static const struct cni_route *map_default(const struct cni_route *routes, size_t n, uint8_t family)
{
	for (size_t i = 0; i < n; i++) {
		if (routes[i].dst.family == family && routes[i].dst.prefix == 0)
			return &routes[i];
	}
	return NULL;
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

static int map_infra(struct ipam_answer *answer, const struct cns_ip *ip, struct err *err)
{
	const struct address *gateway =
		ip->address.family == AF_INET6 ? &ip->gateway6 : &ip->gateway;
	int code;

	if (gateway->family == 0 && ip->gateway.family == ip->address.family)
		gateway = &ip->gateway;
	if (gateway->family == 0 && ip->prefix == 0)
		gateway = &ip->host_gateway;
	code = map_add_ip(answer->ips, &answer->n_ips, ip, &ip->address, gateway, err);
	if (code == 0)
		code = map_add_routes(answer->routes, &answer->n_routes, CNI_ROUTES_MAX, ip, err);
	if (ip->host.family != 0 && answer->host_ip.family != AF_INET)
		answer->host_ip = ip->host;
	answer->skip_default_route |= ip->skip_default_routes;
	return code;
}

/* The NIC of an entry: entries of both families may be of one. NULL with err filled. */
static struct ipam_nic *map_find_nic(struct ipam_answer *answer, const struct cns_ip *ip,
				     struct err *err)
{
	bool is_backend = ip->nic == CNS_NIC_BACKEND;
	struct ipam_nic *nic;

	if (!answer->nics)
		answer->nics = calloc(IPAM_NICS_MAX, sizeof(*answer->nics));
	if (!answer->nics) {
		(void)err_set(err, -ENOMEM, "no memory for the answer");
		return NULL;
	}
	for (nic = answer->nics; nic < answer->nics + answer->n_nics; nic++) {
		if (!mac_equal(&nic->mac, &ip->mac))
			continue;
		if (!is_backend && !nic->is_backend)
			return nic;
		(void)cni_err(err, CNI_CNS_REFUSED, "CNS: a %s is named twice", ip->nic_text);
		return NULL;
	}
	if (answer->n_nics == IPAM_NICS_MAX) {
		(void)cni_err(err, CNI_CNS_REFUSED, "CNS: more than %d NICs for one pod",
			      IPAM_NICS_MAX);
		return NULL;
	}
	answer->n_nics++;
	nic->mac = ip->mac;
	nic->is_backend = is_backend;
	memcpy(nic->pci_id, ip->pci_id, sizeof(nic->pci_id));
	return nic;
}

/* The second address has a gateway and no routes: it goes where the first one goes. */
static int map_add_second(struct ipam_nic *nic, const struct cns_ip *ip, struct err *err)
{
	const uint8_t family = ip->address6.family;
	const struct cni_route route = {
		.dst = { .family = family },
		.gw = ip->address6_gw,
		.priority = -1,
		.table = -1,
		.scope = -1,
	};
	int code = map_add_ip(nic->ips, &nic->n_ips, ip, &ip->address6, &ip->address6_gw, err);

	if (code < 0 || ip->address6_gw.family != family ||
	    !map_default(nic->routes, nic->n_routes, ip->address.family))
		return code;
	return map_add_route(nic->routes, &nic->n_routes, IPAM_NIC_ROUTES_MAX, &route, err);
}

static int map_nic(struct ipam_answer *answer, const struct cns_ip *ip, struct err *err)
{
	static const struct address none;
	const struct cni_route *out;
	struct ipam_nic *nic = map_find_nic(answer, ip, err);
	int code;

	if (!nic)
		return err->code;
	if (nic->is_backend)
		return 0;
	code = map_add_routes(nic->routes, &nic->n_routes, IPAM_NIC_ROUTES_MAX, ip, err);
	out = map_default(nic->routes, nic->n_routes, ip->address.family);
	if (code == 0)
		code = map_add_ip(nic->ips, &nic->n_ips, ip, &ip->address, out ? &out->gw : &none,
				  err);
	if (code == 0 && ip->address6.family != 0)
		code = map_add_second(nic, ip, err);
	return code;
}

static bool map_has_ip(const struct cni_ip *ips, size_t n, uint8_t family)
{
	for (size_t i = 0; i < n; i++) {
		if (ips[i].address.family == family)
			return true;
	}
	return false;
}

/* Links of the pod that would have the default route of a family; has: it has an address. */
static size_t map_owners(const struct ipam_answer *answer, uint8_t family, bool *has)
{
	bool infra = map_has_ip(answer->ips, answer->n_ips, family);
	size_t n = infra && (!answer->skip_default_route ||
			     map_default(answer->routes, answer->n_routes, family));

	*has = infra;
	for (size_t i = 0; i < answer->n_nics; i++) {
		const struct ipam_nic *nic = &answer->nics[i];

		*has |= map_has_ip(nic->ips, nic->n_ips, family);
		n += map_default(nic->routes, nic->n_routes, family) != NULL;
	}
	return n;
}

/* Every pod has one way out; of IPv6 beside IPv4 it may have none. */
static int map_check_default(const struct ipam_answer *answer, struct err *err)
{
	bool has4;
	bool has6;
	size_t four = map_owners(answer, AF_INET, &has4);
	size_t six = map_owners(answer, AF_INET6, &has6);

	if (!has4 && !has6)
		return cni_err(err, CNI_CNS_REFUSED, "CNS: the reply has no address");
	if (four > 1 || six > 1)
		return cni_err(err, CNI_CONFIG_INVALID, "CNS: %zu NICs have the default route",
			       four > six ? four : six);
	if ((has4 ? four : six) == 0)
		return cni_err(err, CNI_CONFIG_INVALID, "CNS: no NIC has the default route");
	return 0;
}

int cns_map_answer(const struct cns_reply *reply, struct ipam_answer *answer, struct err *err)
{
	struct ipam_answer mapped = { 0 };
	int code = 0;

	for (size_t i = 0; code == 0 && i < reply->n_ips; i++) {
		const struct cns_ip *ip = &reply->ips[i];

		if (ip->is_shared)
			continue;
		code = map_check(ip, err);
		if (code == 0)
			code = ip->nic == CNS_NIC_INFRA ? map_infra(&mapped, ip, err)
							: map_nic(&mapped, ip, err);
		if (code == 0)
			code = map_add_dns(&mapped, ip, err);
	}
	if (code == 0)
		code = map_check_default(&mapped, err);
	if (code < 0) {
		ipam_answer_done(&mapped);
		return code;
	}
	*answer = mapped;
	return 0;
}
