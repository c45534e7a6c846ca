/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/addr.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/rtnl.h"

int addr_parse(const struct nlmsghdr *nlh, struct addr *addr)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(nlh);
	struct addr read = { 0 };
	const struct nlattr *attr;
	bool local = false;

	if (nlh->nlmsg_type != RTM_NEWADDR || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return -EBADMSG;
	read.index = (int)header->ifa_index;
	read.flags = header->ifa_flags;
	read.address.prefix = header->ifa_prefixlen;
	for (attr = rtnl_attr(nlh, sizeof(*header)); attr; attr = rtnl_attr_next(nlh, attr)) {
		uint16_t type = mnl_attr_get_type(attr);
		bool fits = mnl_attr_get_payload_len(attr) == address_bytes(header->ifa_family);

		if (type == IFA_FLAGS && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			read.flags = mnl_attr_get_u32(attr);
		/* IFA_ADDRESS is the other end's where there is one; IPv6 has it alone. */
		if (fits && (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))) {
			local = type == IFA_LOCAL;
			read.address.family = header->ifa_family;
			memcpy(read.address.bytes, mnl_attr_get_payload(attr),
			       mnl_attr_get_payload_len(attr));
		}
	}
	if (!read.address.family)
		return -EBADMSG;
	*addr = read;
	return 0;
}

static bool addr_is_link_local(const struct address *address)
{
	return address->family == AF_INET6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

void addr_put(struct rtnl_batch *batch, int index, const struct address *address, bool with_network)
{
	uint32_t flags = with_network ? 0 : IFA_F_NOPREFIXROUTE;
	char text[ADDRESS_TEXT_ROOM];
	struct nlmsghdr *nlh;
	struct ifaddrmsg *header;

	address_format(address, true, text);
	nlh = rtnl_put(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "add address %s", text);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->ifa_family = address->family;
	header->ifa_prefixlen = address->prefix;
	header->ifa_scope = addr_is_link_local(address) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	header->ifa_index = (unsigned int)index;
	if (address->family == AF_INET6)
		flags |= IFA_F_NODAD;
	mnl_attr_put(nlh, IFA_LOCAL, address_bytes(address->family), address->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, address_bytes(address->family), address->bytes);
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
}

void addr_put_delete(struct rtnl_batch *batch, int index, const struct address *address)
{
	char text[ADDRESS_TEXT_ROOM];
	struct nlmsghdr *nlh;
	struct ifaddrmsg *header;

	address_format(address, true, text);
	nlh = rtnl_put(batch, RTM_DELADDR, 0, "remove address %s", text);
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->ifa_family = address->family;
	header->ifa_prefixlen = address->prefix;
	header->ifa_index = (unsigned int)index;
	mnl_attr_put(nlh, IFA_LOCAL, address_bytes(address->family), address->bytes);
	rtnl_ignore(batch, EADDRNOTAVAIL);
}

void addr_put_dump(struct rtnl_batch *batch, uint8_t family, int index)
{
	struct nlmsghdr *nlh = rtnl_put(batch, RTM_GETADDR, 0, "list addresses");
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	header->ifa_family = family;
	header->ifa_index = (unsigned int)index;
}
