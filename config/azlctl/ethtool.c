/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/ethtool.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <stddef.h>

#include "config/base/err.h"

#define FAMILY "ethtool"

static const char *const parts[] = {
	[ETHTOOL_PART_RINGS] = "rings",
	[ETHTOOL_PART_CHANNELS] = "channels",
};

static const struct {
	uint8_t get;
	uint8_t set;
	uint8_t reply;
	uint16_t header;
} commands[] = {
	[ETHTOOL_PART_RINGS] = { ETHTOOL_MSG_RINGS_GET, ETHTOOL_MSG_RINGS_SET,
				 ETHTOOL_MSG_RINGS_GET_REPLY, ETHTOOL_A_RINGS_HEADER },
	[ETHTOOL_PART_CHANNELS] = { ETHTOOL_MSG_CHANNELS_GET, ETHTOOL_MSG_CHANNELS_SET,
				    ETHTOOL_MSG_CHANNELS_GET_REPLY, ETHTOOL_A_CHANNELS_HEADER },
};

/* Which attribute is which number. */
static const struct {
	enum ethtool_part part;
	uint16_t now;
	uint16_t max;
	size_t at; /* in struct ethtool_numbers */
} numbers_of[] = {
	{ ETHTOOL_PART_RINGS, ETHTOOL_A_RINGS_RX, ETHTOOL_A_RINGS_RX_MAX,
	  offsetof(struct ethtool_numbers, rx) },
	{ ETHTOOL_PART_RINGS, ETHTOOL_A_RINGS_TX, ETHTOOL_A_RINGS_TX_MAX,
	  offsetof(struct ethtool_numbers, tx) },
	{ ETHTOOL_PART_CHANNELS, ETHTOOL_A_CHANNELS_RX_COUNT, ETHTOOL_A_CHANNELS_RX_MAX,
	  offsetof(struct ethtool_numbers, rx) },
	{ ETHTOOL_PART_CHANNELS, ETHTOOL_A_CHANNELS_TX_COUNT, ETHTOOL_A_CHANNELS_TX_MAX,
	  offsetof(struct ethtool_numbers, tx) },
	{ ETHTOOL_PART_CHANNELS, ETHTOOL_A_CHANNELS_COMBINED_COUNT, ETHTOOL_A_CHANNELS_COMBINED_MAX,
	  offsetof(struct ethtool_numbers, combined) },
};

enum { NUMBERS = sizeof(numbers_of) / sizeof(numbers_of[0]) };

static uint32_t *number_at(struct ethtool_numbers *numbers, size_t at)
{
	return (uint32_t *)(void *)((char *)numbers + at);
}

/* ---- messages ---- */

static struct nlmsghdr *put(struct rtnl_batch *batch, uint16_t type, uint8_t command,
			    const char *what, const char *name)
{
	struct nlmsghdr *nlh = rtnl_put(batch, type, 0, "%s of %s", what, name);
	struct genlmsghdr *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	header->cmd = command;
	header->version = ETHTOOL_GENL_VERSION;
	return nlh;
}

static void put_link(struct nlmsghdr *nlh, enum ethtool_part part, const char *link)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, commands[part].header);

	mnl_attr_put_strz(nlh, ETHTOOL_A_HEADER_DEV_NAME, link);
	mnl_attr_nest_end(nlh, nest);
}

void ethtool_put_get(struct rtnl_batch *batch, uint16_t family, enum ethtool_part part,
		     const char *link)
{
	put_link(put(batch, family, commands[part].get, parts[part], link), part, link);
}

void ethtool_put_set(struct rtnl_batch *batch, uint16_t family, enum ethtool_part part,
		     const char *link, const struct ethtool_numbers *numbers)
{
	struct nlmsghdr *nlh = put(batch, family, commands[part].set, parts[part], link);
	struct ethtool_numbers copy = *numbers;

	put_link(nlh, part, link);
	for (int i = 0; i < NUMBERS; i++) {
		uint32_t number = *number_at(&copy, numbers_of[i].at);

		if (numbers_of[i].part == part && number > 0)
			mnl_attr_put_u32(nlh, numbers_of[i].now, number);
	}
}

static bool is_answer(const struct nlmsghdr *nlh, uint8_t command)
{
	const struct genlmsghdr *header = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_len >= NLMSG_LENGTH(GENL_HDRLEN) && header->cmd == command;
}

static void take_number(const struct nlattr *attr, enum ethtool_part part,
			struct ethtool_counts *counts)
{
	uint16_t type = mnl_attr_get_type(attr);

	for (int i = 0; i < NUMBERS; i++) {
		if (numbers_of[i].part != part || mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			continue;
		if (type == numbers_of[i].now)
			*number_at(&counts->now, numbers_of[i].at) = mnl_attr_get_u32(attr);
		if (type == numbers_of[i].max)
			*number_at(&counts->max, numbers_of[i].at) = mnl_attr_get_u32(attr);
	}
}

int ethtool_parse(const struct nlmsghdr *nlh, enum ethtool_part part, struct ethtool_counts *counts)
{
	if (!is_answer(nlh, commands[part].reply))
		return -EBADMSG;
	*counts = (struct ethtool_counts){ { 0 }, { 0 } };
	for (const struct nlattr *attr = rtnl_attr(nlh, GENL_HDRLEN); attr;
	     attr = rtnl_attr_next(nlh, attr))
		take_number(attr, part, counts);
	return 0;
}

/* ---- calls ---- */

static int take_family(void *owner, const struct nlmsghdr *nlh)
{
	uint16_t *family = owner;

	if (!is_answer(nlh, CTRL_CMD_NEWFAMILY))
		return -EBADMSG;
	for (const struct nlattr *attr = rtnl_attr(nlh, GENL_HDRLEN); attr;
	     attr = rtnl_attr_next(nlh, attr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			*family = mnl_attr_get_u16(attr);
	return 0;
}

int ethtool_open(struct ethtool *ethtool, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct ethtool made = { .family = 0 };
	int rc;

	if (!batch)
		return err->code;
	rc = rtnl_open_generic(&made.rtnl, err);
	if (rc < 0)
		return rc;
	mnl_attr_put_strz(put(batch, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, "netlink family", FAMILY),
			  CTRL_ATTR_FAMILY_NAME, FAMILY);
	rtnl_reply(batch, take_family, &made.family);
	rc = rtnl_send(&made.rtnl, batch, err);
	if (rc == -ENOENT || (rc == 0 && made.family == 0))
		rc = err_set(err, -EOPNOTSUPP, "this kernel has no ethtool netlink");
	if (rc < 0) {
		rtnl_done(&made.rtnl);
		return rc;
	}
	*ethtool = made;
	return 0;
}

void ethtool_done(struct ethtool *ethtool)
{
	rtnl_done(&ethtool->rtnl);
}

struct asking {
	enum ethtool_part part;
	struct ethtool_counts *counts;
};

static int take_counts(void *owner, const struct nlmsghdr *nlh)
{
	struct asking *asking = owner;

	return ethtool_parse(nlh, asking->part, asking->counts);
}

int ethtool_get(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		struct ethtool_counts *counts, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct asking asking = { part, counts };

	if (!batch)
		return err->code;
	*counts = (struct ethtool_counts){ { 0 }, { 0 } };
	ethtool_put_get(batch, ethtool->family, part, link);
	rtnl_reply(batch, take_counts, &asking);
	return rtnl_send(&ethtool->rtnl, batch, err);
}

int ethtool_set(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		const struct ethtool_numbers *numbers, struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);

	if (!batch)
		return err->code;
	ethtool_put_set(batch, ethtool->family, part, link, numbers);
	return rtnl_send(&ethtool->rtnl, batch, err);
}
