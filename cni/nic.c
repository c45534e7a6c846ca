/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cni/addr.h"
#include "cni/route.h"
#include "cni/rtnl.h"
#include "config/base/buf.h"
#include "config/base/err.h"

#define NIC_NETVSC "hv_netvsc"

enum { NIC_LINKS_BYTES_MAX = 32 * 1024 * 1024 };

/* WireServer: routed by every default route, and on Azure also by a route of its own. */
static const struct address nic_azure = { .family = AF_INET,
					  .prefix = 32,
					  .bytes = { 168, 63, 129, 16 } };
/* The same host, as load balancers' probes write it. */
static const struct address nic_azure6 = {
	.family = AF_INET6,
	.prefix = 128,
	.bytes = { 0x26, 0x03, 0x10, 0x62, 0, 0, 0, 1, 0xfe, 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a,
		   0xbc },
};

bool nic_is_vf_driver(const char *driver)
{
	return strcmp(driver, "mlx4_core") == 0 || strcmp(driver, "mlx5_core") == 0 ||
	       strcmp(driver, "mana") == 0;
}

const struct link *nic_in_front(const struct link *links, size_t n, const struct link *candidate)
{
	for (size_t i = 0; i < n; i++) {
		const struct link *link = &links[i];

		/* A bridge or a bond has a kind; a synthetic NIC is hardware and has none. */
		if (candidate->master != 0 && link->index == candidate->master && !link->kind[0])
			return link;
	}
	if (candidate->master != 0 || !nic_is_vf_driver(candidate->driver))
		return candidate;
	for (size_t i = 0; i < n; i++) {
		const struct link *link = &links[i];

		if (link->has_mac && candidate->has_mac && mac_equal(&link->mac, &candidate->mac) &&
		    strcmp(link->driver, NIC_NETVSC) == 0)
			return link;
	}
	return candidate;
}

/* Empty for what is no hardware. */
static void nic_read_driver(struct link *link)
{
	char path[64];
	char target[256];
	const char *slash;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", link->name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len <= 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	(void)snprintf(link->driver, sizeof(link->driver), "%.15s", slash ? slash + 1 : target);
}

struct nic_list {
	struct buf links; /* of struct link */
};

static void nic_list_restart(void *owner)
{
	struct nic_list *list = owner;

	list->links.len = 0;
}

static int nic_list_add(void *owner, const struct nlmsghdr *nlh)
{
	struct nic_list *list = owner;
	struct link link;

	if (link_parse(nlh, &link) < 0)
		return 0;
	if (link.group == RTNL_GROUP || link.group == RTNL_GROUP_GONE) /* ours are many */
		return 0;
	return buf_add(&list->links, &link, sizeof(link), NIC_LINKS_BYTES_MAX);
}

/* Every link but host ends, those that are hardware with their driver. */
static int nic_list_read(struct rtnl *rtnl, struct rtnl_batch *batch, struct nic_list *list,
			 struct err *err)
{
	struct link *links;
	int rc;

	rtnl_batch_clear(batch);
	link_put_dump(batch, NULL);
	rc = rtnl_dump(rtnl, batch, nic_list_add, nic_list_restart, list, err);
	if (rc < 0)
		return rc;
	links = (void *)list->links.data;
	for (size_t i = 0; i < list->links.len / sizeof(*links); i++)
		if (!links[i].kind[0])
			nic_read_driver(&links[i]);
	return 0;
}

/* A function is answered with the NIC in front of it. */
static int nic_settle(struct rtnl *rtnl, struct rtnl_batch *batch, struct link *nic,
		      struct err *err)
{
	struct nic_list list = { 0 };
	int rc;

	nic_read_driver(nic);
	if (nic->master == 0 && !nic_is_vf_driver(nic->driver))
		return 0;
	rc = nic_list_read(rtnl, batch, &list, err);
	if (rc == 0)
		*nic = *nic_in_front((const void *)list.links.data,
				     list.links.len / sizeof(struct link), nic);
	buf_done(&list.links);
	return rc;
}

int nic_links(struct rtnl *rtnl, struct buf *links, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct nic_list list = { .links = *links };
	int rc;

	if (!batch)
		return err->code;
	rc = nic_list_read(rtnl, batch, &list, err);
	*links = list.links;
	return rc;
}

struct nic_holder {
	const struct address *address;
	int index;
};

static int nic_holder_add(void *owner, const struct nlmsghdr *nlh)
{
	struct nic_holder *holder = owner;
	struct addr addr;

	if (addr_parse(nlh, &addr) == 0 && address_equal(&addr.address, holder->address))
		holder->index = addr.index;
	return 0;
}

static int nic_by_address(struct rtnl *rtnl, struct rtnl_batch *batch,
			  const struct address *address, int *index, struct err *err)
{
	struct nic_holder holder = { .address = address };
	char text[ADDRESS_TEXT_ROOM];
	int rc;

	rtnl_batch_clear(batch);
	addr_put_dump(batch, address->family, 0);
	rc = rtnl_dump(rtnl, batch, nic_holder_add, NULL, &holder, err);
	if (rc < 0)
		return rc;
	*index = holder.index;
	if (holder.index)
		return 0;
	address_format(address, false, text);
	(void)err_set(err, -ENODEV, "no NIC has the address %s", text);
	return 1;
}

static int nic_by_route(struct rtnl *rtnl, struct rtnl_batch *batch, int *index, struct err *err)
{
	const struct address *const towards[] = { &nic_azure, &nic_azure6 };

	for (size_t i = 0; i < sizeof(towards) / sizeof(towards[0]); i++) {
		struct route route = { 0 };

		rtnl_batch_clear(batch);
		route_put_get(batch, towards[i], 0);
		rtnl_reply(batch, route_reply, &route);
		if (rtnl_send(rtnl, batch, err) == 0 && route.oif > 1) {
			*index = route.oif;
			return 0;
		}
	}
	(void)err_set(err, -ENODEV, "no NIC: the host has no default route");
	return 1;
}

/* Hardware first: links stacked on a NIC share its MAC. */
static const struct link *nic_with_mac(const struct link *links, size_t n, const struct mac *mac)
{
	const struct link *other = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!links[i].has_mac || !mac_equal(&links[i].mac, mac))
			continue;
		if (!links[i].kind[0])
			return nic_in_front(links, n, &links[i]);
		other = other ? other : &links[i];
	}
	return other;
}

static int nic_by_mac(struct rtnl *rtnl, struct rtnl_batch *batch, const struct mac *mac,
		      struct link *nic, struct err *err)
{
	struct nic_list list = { 0 };
	char text[MAC_TEXT_ROOM];
	const struct link *found = NULL;
	int rc = nic_list_read(rtnl, batch, &list, err);

	if (rc == 0)
		found = nic_with_mac((const void *)list.links.data,
				     list.links.len / sizeof(struct link), mac);
	if (found) {
		*nic = *found;
	} else if (rc == 0) {
		mac_format(mac, text);
		(void)err_set(err, -ENODEV, "no NIC has the MAC address %s", text);
		rc = 1;
	}
	buf_done(&list.links);
	return rc;
}

int nic_resolve(struct rtnl *rtnl, const struct nic_wish *wish, struct link *nic, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct link found = { 0 };
	int index = 0;
	int rc = 0;

	if (!batch)
		return err->code;
	if (!wish->name && wish->mac)
		return nic_by_mac(rtnl, batch, wish->mac, nic, err);
	if (!wish->name)
		rc = wish->address ? nic_by_address(rtnl, batch, wish->address, &index, err)
				   : nic_by_route(rtnl, batch, &index, err);
	if (rc != 0)
		return rc;
	rtnl_batch_clear(batch);
	if (wish->name)
		link_put_get_name(batch, wish->name);
	else
		link_put_get(batch, index);
	rtnl_reply(batch, link_reply, &found);
	rc = rtnl_send(rtnl, batch, err);
	if (rc == -ENODEV)
		return 1;
	if (rc == 0)
		rc = nic_settle(rtnl, batch, &found, err);
	if (rc == 0)
		*nic = found;
	return rc;
}
