/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of CNS, documents of IMDS, answers of DHCP: any bytes are read within bounds, twice
 * alike. */
#include <errno.h>

#include "cni/datapath/dhcp.h"
#include "cni/error.h"
#include "cni/ipam/cns_map.h"
#include "cni/ipam/cns_wire.h"
#include "cni/ipam/imds_wire.h"
#include "tests/fuzz/fuzz.h"

/* Where there is an answer, there is an address, and one way out for a family. */
static void map(const struct cns_reply *reply)
{
	struct ipam_answer answer = { 0 };
	struct err err = { 0 };
	size_t ways = 0;
	size_t n;

	if (cns_map_answer(reply, &answer, &err) < 0) {
		FUZZ_CHECK(err.msg[0] && !answer.nics);
		return;
	}
	n = answer.n_ips;
	FUZZ_CHECK(answer.n_ips <= 2 && answer.n_routes <= CNI_ROUTES_MAX &&
		   answer.n_nics <= IPAM_NICS_MAX);
	for (size_t i = 0; i < answer.n_nics; i++) {
		const struct ipam_nic *nic = &answer.nics[i];

		FUZZ_CHECK(nic->n_ips <= IPAM_NIC_IPS_MAX && nic->n_routes <= IPAM_NIC_ROUTES_MAX);
		FUZZ_CHECK(!nic->is_backend || nic->n_ips == 0);
		n += nic->n_ips;
		for (size_t j = 0; j < nic->n_routes; j++)
			ways += nic->routes[j].dst.prefix == 0;
	}
	FUZZ_CHECK(n > 0 && ways <= 2);
	ipam_answer_done(&answer);
}

static void cns(const char *json, size_t size)
{
	static struct cns_reply reply;
	static struct cns_reply again;
	struct address address = { 0 };
	int code = cns_wire_reply(json, size, &reply);

	FUZZ_CHECK(code == 0 || code == -EBADMSG || code == -ENOMEM);
	FUZZ_CHECK(cns_wire_reply(json, size, &again) == code);
	FUZZ_CHECK(memcmp(&reply, &again, sizeof(reply)) == 0);
	FUZZ_CHECK(reply.n_ips <= CNS_IPS_MAX && strlen(reply.message) < CNS_MESSAGE_ROOM);
	for (size_t i = 0; code == 0 && i < reply.n_ips; i++) {
		const struct cns_ip *ip = &reply.ips[i];

		FUZZ_CHECK(ip->n_routes <= CNS_ROUTES_MAX && ip->n_dns <= CNS_DNS_MAX);
		FUZZ_CHECK(ip->nic <= CNS_NIC_OTHER);
		if (ip->address.family != 0)
			address = ip->address;
	}
	(void)cns_wire_has_address(json, size, &address);
	if (code == 0)
		map(&reply);
}

static void imds(const char *json, size_t size)
{
	static struct imds_nic nic;
	const struct mac mac = { { 0x00, 0x0d, 0x3a, 0xf8, 0x06, 0xec } };
	int code = imds_wire_parse(json, size, &mac, &nic);

	FUZZ_CHECK(code == 0 || code == -ENOENT || code == -EBADMSG || code == -ENOMEM);
	if (code != 0)
		return;
	FUZZ_CHECK(nic.ipv4.n <= IMDS_IPS_MAX && nic.ipv6.n <= IMDS_IPS_MAX);
	for (size_t i = 0; i < nic.ipv4.n; i++)
		FUZZ_CHECK(imds_wire_has(&nic, &nic.ipv4.ips[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);

	cns((const char *)copy, size);
	imds((const char *)copy, size);
	(void)dhcp_is_offer(copy, size, &(struct mac){ { 0 } }, 0);
	free(copy);
	return 0;
}
