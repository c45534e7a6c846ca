/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/neigh.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/rtnl.h"

int neigh_parse(const struct nlmsghdr *nlh, struct neigh *neigh)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(nlh);
	struct neigh read = { 0 };
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	if (header->ndm_family != AF_INET && header->ndm_family != AF_INET6)
		return -EBADMSG;
	read.index = header->ndm_ifindex;
	read.state = header->ndm_state;
	read.flags = header->ndm_flags;
	for (attr = rtnl_attr(nlh, sizeof(*header)); attr; attr = rtnl_attr_next(nlh, attr)) {
		uint16_t type = mnl_attr_get_type(attr);
		uint16_t len = mnl_attr_get_payload_len(attr);

		if (type == NDA_DST && len == address_bytes(header->ndm_family)) {
			read.address.family = header->ndm_family;
			read.address.prefix = address_bits(header->ndm_family);
			memcpy(read.address.bytes, mnl_attr_get_payload(attr), len);
		} else if (type == NDA_LLADDR && len == MAC_BYTES) {
			memcpy(read.mac.bytes, mnl_attr_get_payload(attr), len);
		}
	}
	if (!read.address.family)
		return -EBADMSG;
	*neigh = read;
	return 0;
}

void neigh_put(struct rtnl_batch *batch, const struct neigh *neigh)
{
	uint8_t family = neigh->address.family;
	char text[ADDRESS_TEXT_ROOM];
	struct nlmsghdr *nlh;
	struct ndmsg *header;

	address_format(&neigh->address, false, text);
	nlh = rtnl_put(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, "add neighbour %s", text);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->ndm_family = family;
	header->ndm_ifindex = neigh->index;
	header->ndm_state = neigh->state;
	header->ndm_flags = neigh->flags;
	mnl_attr_put(nlh, NDA_DST, address_bytes(family), neigh->address.bytes);
	mnl_attr_put(nlh, NDA_LLADDR, MAC_BYTES, neigh->mac.bytes);
}

void neigh_put_dump(struct rtnl_batch *batch, uint8_t family, int index)
{
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_GETNEIGH, 0, "list neighbours");
	struct ndmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	header->ndm_family = family;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)index);
}
