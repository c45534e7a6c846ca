/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/nic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cni/link.h"
#include "cni/nic.h"
#include "cni/rtnl.h"
#include "config/azlctl/ethtool.h"
#include "config/azlctl/facts.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/num.h"

/* ---- which ---- */

static void add(struct host_facts *facts, const struct link *link, bool is_vf)
{
	struct facts_nic *nic = &facts->nics[facts->n_nics];

	if (facts->n_nics == FACTS_NICS_MAX)
		return;
	(void)snprintf(nic->name, sizeof(nic->name), "%s", link->name);
	nic->is_vf = is_vf;
	facts->n_nics++;
}

static void add_with_functions(struct host_facts *facts, const struct link *links, size_t n,
			       const struct link *nic)
{
	add(facts, nic, false);
	for (size_t i = 0; i < n; i++)
		if (&links[i] != nic && nic_in_front(links, n, &links[i]) == nic)
			add(facts, &links[i], true);
}

void nic_choose(const struct link *links, size_t n, int route, struct host_facts *facts)
{
	bool is_azure = false;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(links[i].driver, "hv_netvsc") != 0)
			continue;
		is_azure = true;
		add_with_functions(facts, links, n, &links[i]);
	}
	for (size_t i = 0; !is_azure && i < n; i++)
		if (links[i].index == route)
			add_with_functions(facts, links, n, nic_in_front(links, n, &links[i]));
}

int nic_read_facts(struct host_facts *facts, struct err *err)
{
	own_rtnl struct rtnl rtnl = { 0 };
	struct buf links = { 0 };
	struct link route = { 0 };
	int rc = rtnl_open(&rtnl, err);

	if (rc == 0)
		rc = nic_links(&rtnl, &links, err);
	if (rc == 0)
		rc = nic_resolve(&rtnl, &(struct nic_wish){ 0 }, &route, err);
	if (rc >= 0)
		nic_choose((const void *)links.data, links.len / sizeof(struct link), route.index,
			   facts);
	buf_done(&links);
	return rc < 0 ? rc : 0;
}

/* ---- settings ---- */

void nic_format(const struct ethtool_numbers *numbers, char text[NIC_TEXT_ROOM])
{
	const struct {
		const char *name;
		uint32_t number;
	} list[] = { { "rx", numbers->rx },
		     { "tx", numbers->tx },
		     { "combined", numbers->combined } };
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i].number > 0)
			used += (size_t)snprintf(text + used, NIC_TEXT_ROOM - used, "%s%s %" PRIu32,
						 used ? " " : "", list[i].name, list[i].number);
}

static uint32_t *number_named(struct ethtool_numbers *numbers, const char *name, size_t len)
{
	if (len == 2 && memcmp(name, "rx", len) == 0)
		return &numbers->rx;
	if (len == 2 && memcmp(name, "tx", len) == 0)
		return &numbers->tx;
	if (len == 8 && memcmp(name, "combined", len) == 0)
		return &numbers->combined;
	return NULL;
}

int nic_parse(const char *text, struct ethtool_numbers *numbers)
{
	struct ethtool_numbers found = { 0 };

	while (*text) {
		size_t len = strcspn(text, " ");
		uint32_t *number = number_named(&found, text, len);
		uint64_t value;

		text += len + (text[len] == ' ');
		len = strcspn(text, " ");
		if (!number || num_u64_parse(text, len, &value) < 0 || value > UINT32_MAX)
			return -EINVAL;
		*number = (uint32_t)value;
		text += len + (text[len] == ' ');
	}
	*numbers = found;
	return 0;
}

/* One wish for one number; nothing where the device has no such thing. */
static bool grant(uint32_t *number, uint32_t max, bool at_least, uint64_t want)
{
	if (max == 0)
		return false;
	if (want > max)
		want = max;
	if (!at_least || *number < want)
		*number = (uint32_t)want;
	return true;
}

/* "rx" and "tx" for one of them, "channels" for those that a device has. */
static bool grant_named(struct ethtool_numbers *numbers, const struct ethtool_numbers *max,
			const char *name, bool at_least, uint64_t want)
{
	bool both = name[0] == 'c';
	bool any = false;

	if (both && grant(&numbers->combined, max->combined, at_least, want))
		return true;
	if (both || name[0] == 'r')
		any = grant(&numbers->rx, max->rx, at_least, want);
	if (both || name[0] == 't')
		any = grant(&numbers->tx, max->tx, at_least, want) || any;
	return any;
}

int nic_wish(const char *wishes, const struct ethtool_counts *counts,
	     struct ethtool_numbers *numbers)
{
	bool any = false;

	*numbers = counts->now;
	while (*wishes) {
		size_t name_len = strcspn(wishes, ">=");
		size_t sign_len = strspn(wishes + name_len, ">=");
		const char *text = wishes + name_len + sign_len;
		size_t len = strcspn(text, " ");
		uint64_t want = UINT64_MAX; /* "max" */

		(void)num_u64_parse(text, len, &want);
		any = grant_named(numbers, &counts->max, wishes, sign_len == 2, want) || any;
		wishes = text + len + (text[len] == ' ');
	}
	return any ? 0 : 1;
}
