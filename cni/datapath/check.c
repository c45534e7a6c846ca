/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/check.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/addr.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/route.h"

void check_want(struct check_list *list, const struct address *address, bool alone)
{
	struct address *wanted = &list->wanted[list->n];

	if (list->n == CHECK_WANTED_MAX)
		return;
	*wanted = *address;
	if (alone)
		wanted->prefix = address_bits(address->family);
	list->n++;
}

static void check_restart(void *owner)
{
	struct check_list *list = owner;

	memset(list->found, 0, sizeof(list->found));
}

void check_see(struct check_list *list, const struct address *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (address_equal(&list->wanted[i], address) &&
		    list->wanted[i].prefix == address->prefix)
			list->found[i] = true;
}

int check_see_addr(void *owner, const struct nlmsghdr *nlh)
{
	struct addr addr;

	if (addr_parse(nlh, &addr) == 0)
		check_see(owner, &addr.address);
	return 0;
}

int check_see_route(void *owner, const struct nlmsghdr *nlh)
{
	struct route route;

	if (route_parse(nlh, &route) == 0 && route.type == RTN_UNICAST)
		check_see(owner, &route.dst);
	return 0;
}

/* The first that was not seen is the answer. */
static int check_answer(const struct check_list *list, const char *where, const char *what,
			struct err *err)
{
	char text[ADDRESS_TEXT_ROOM];

	for (size_t i = 0; i < list->n; i++) {
		if (list->found[i])
			continue;
		address_format(&list->wanted[i], true, text);
		return cni_err(err, CNI_CHECK_FAILED, "%s: %s %s is missing", where, what, text);
	}
	return 0;
}

/* One dump for each family of which something is wanted. */
int check_dump(const struct check_place *place, struct check_list *list, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	const uint8_t families[] = { AF_INET, AF_INET6 };

	if (!batch)
		return err->code;
	for (size_t f = 0; f < sizeof(families); f++) {
		struct check_list part = { 0 };
		int rc;

		for (size_t i = 0; i < list->n; i++)
			if (list->wanted[i].family == families[f])
				check_want(&part, &list->wanted[i], false);
		if (part.n == 0)
			continue;
		rtnl_batch_clear(batch);
		place->put(batch, families[f], place->link->index);
		rc = rtnl_dump(place->rtnl, batch, place->see, check_restart, &part, err);
		if (rc == 0)
			rc = check_answer(&part, place->link->name, place->what, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int check_find(struct rtnl *rtnl, const char *name, struct link *link, struct err *err)
{
	int rc = pod_find_link(rtnl, name, link, err);

	if (rc == 1)
		return cni_err(err, CNI_CHECK_FAILED, "link %s is missing", name);
	if (rc == 0 && !(link->flags & IFF_UP))
		return cni_err(err, CNI_CHECK_FAILED, "link %s is down", name);
	return rc;
}

const struct cni_interface *check_expected(const struct datapath_plan *plan,
					   const struct cni_result *expected, int *index)
{
	for (size_t i = 0; expected && i < expected->n_interfaces; i++) {
		const struct cni_interface *interface = &expected->interfaces[i];

		if (interface->sandbox && strcmp(interface->name, plan->ifname) == 0) {
			*index = (int)i;
			return interface;
		}
	}
	*index = -1;
	return NULL;
}
