/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "cni/datapath/ipvlan.h"
#include "cni/datapath/pod.h"
#include "cni/error.h"
#include "cni/netns.h"
#include "cni/rtnl.h"
#include "config/base/clean.h"

#define IPVLAN_NETNS_DIR "/run/netns"

/* A link on the NIC, in any namespace. */
struct ipvlan_search {
	const struct link *nic;
	struct link found; /* index 0: none */
};

static void ipvlan_restart(void *owner)
{
	struct ipvlan_search *search = owner;

	search->found.index = 0;
}

static int ipvlan_see(void *owner, const struct nlmsghdr *nlh)
{
	struct ipvlan_search *search = owner;
	struct link link;

	/* Numbers are of a namespace: the MAC, which is the NIC's, tells of which. */
	if (link_parse(nlh, &link) == 0 && link.ipvlan_mode >= 0 &&
	    link.peer == search->nic->index && mac_equal(&link.mac, &search->nic->mac))
		search->found = link;
	return 0;
}

static int ipvlan_search(struct rtnl *rtnl, struct ipvlan_search *search, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);

	if (!batch)
		return err->code;
	link_put_dump(batch, "ipvlan");
	return rtnl_dump(rtnl, batch, ipvlan_see, ipvlan_restart, search, err);
}

/* What cannot be entered is no namespace, or was one a moment ago. */
static void ipvlan_search_in(const char *path, struct ipvlan_search *search)
{
	own_rtnl struct rtnl rtnl = { 0 };
	own_fd int netns = -1;
	struct err ignored;

	if (netns_open(path, &netns, &ignored) == 0 && pod_open_netns(netns, &rtnl, &ignored) == 0)
		(void)ipvlan_search(&rtnl, search, &ignored);
}

static int ipvlan_answer(const struct ipvlan_search *search, const char *where, struct err *err)
{
	static const char *const modes[] = { "l2", "l3" };
	const struct link *found = &search->found;

	if (found->ipvlan_mode == LINK_IPVLAN_L3S)
		return 0;
	return cni_err(
		err, CNI_CONFIG_INVALID,
		"datapath: \"ipvlan\": link %s in %s is on %s in mode %s, and one mode is of "
		"all: remove it, or give another \"master\"",
		found->name, where, search->nic->name,
		found->ipvlan_mode < 2 ? modes[found->ipvlan_mode] : "of its own");
}

int ipvlan_check_mode(struct rtnl *host, const struct link *nic, struct err *err)
{
	struct ipvlan_search search = { .nic = nic };
	char path[sizeof(IPVLAN_NETNS_DIR) + 256] = "the host";
	DIR *list;
	int rc = ipvlan_search(host, &search, err);

	if (rc < 0 || search.found.index)
		return rc < 0 ? rc : ipvlan_answer(&search, path, err);
	list = opendir(IPVLAN_NETNS_DIR);
	if (!list)
		return 0;
	for (struct dirent *entry = readdir(list); entry && !search.found.index;
	     entry = readdir(list)) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), IPVLAN_NETNS_DIR "/%s", entry->d_name);
		ipvlan_search_in(path, &search);
	}
	(void)closedir(list);
	return search.found.index ? ipvlan_answer(&search, path, err) : 0;
}
