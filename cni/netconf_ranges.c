/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/netconf_ranges.h"

#include "cni/error.h"

int ranges_read_key(const struct read_value *value, int level, struct netconf_range *range)
{
	if (read_key_is_folded(value, level, "subnet"))
		return read_prefix(value, &range->subnet);
	if (read_key_is_folded(value, level, "rangeStart"))
		return read_address(value, &range->first);
	if (read_key_is_folded(value, level, "rangeEnd"))
		return read_address(value, &range->last);
	if (read_key_is_folded(value, level, "gateway"))
		return read_address(value, &range->gateway);
	return 0;
}

int ranges_read(const struct read_value *value, int level, struct range_list *list)
{
	int depth = json_path_depth(value->path);

	if (depth == level + 1)
		return value->type == JSON_ARRAY ? 0
						 : read_refuse(value, "must be a list of ranges");
	if (depth == level + 2) {
		if (value->type != JSON_OBJECT)
			return read_refuse(value, "must be an object");
		if (list->n == NETCONF_RANGES_MAX)
			return read_refuse(value, "one range too many");
		list->ranges[list->n++] = (struct netconf_range){
			.set = (unsigned int)json_path_index(value->path, level),
		};
		return 0;
	}
	if (depth != level + 3 || list->n == 0)
		return 0;
	return ranges_read_key(value, level + 2, &list->ranges[list->n - 1]);
}

int ranges_append(struct netconf *netconf, const struct range_list *list, struct err *err)
{
	unsigned int base = 0;

	if (netconf->n_ranges > 0)
		base = netconf->ranges[netconf->n_ranges - 1].set + 1;
	for (size_t i = 0; i < list->n; i++) {
		struct netconf_range *range = &netconf->ranges[netconf->n_ranges];

		if (netconf->n_ranges == NETCONF_RANGES_MAX)
			return cni_err(err, CNI_CONFIG_INVALID, "ipam.ranges: more than %d ranges",
				       NETCONF_RANGES_MAX);
		*range = list->ranges[i];
		range->set += base;
		netconf->n_ranges++;
	}
	return 0;
}

static int refuse(struct err *err, const char *key, const struct address *address, const char *why)
{
	char text[ADDRESS_TEXT_ROOM];

	address_format(address, true, text);
	return cni_err(err, CNI_CONFIG_INVALID, "ipam.%s: \"%s\": %s", key, text, why);
}

static int check_one(const struct netconf_range *range, struct err *err)
{
	struct address network;

	if (range->subnet.family == 0)
		return cni_err(err, CNI_CONFIG_INVALID, "ipam.ranges: \"subnet\" is missing");
	network = address_network(&range->subnet);
	if (!address_equal(&network, &range->subnet))
		return refuse(err, "subnet", &range->subnet, "bits of the host are set");
	if (range->first.family != 0 && !address_is_in(&range->first, &range->subnet))
		return refuse(err, "rangeStart", &range->first, "is outside the subnet");
	if (range->last.family != 0 && !address_is_in(&range->last, &range->subnet))
		return refuse(err, "rangeEnd", &range->last, "is outside the subnet");
	if (range->first.family != 0 && range->last.family != 0 &&
	    address_compare(&range->first, &range->last) > 0)
		return refuse(err, "rangeStart", &range->first, "is behind rangeEnd");
	if (range->gateway.family != 0 && range->gateway.family != range->subnet.family)
		return refuse(err, "gateway", &range->gateway, "is of another family");
	return 0;
}

/* The last address of a network. */
static struct address end_of(const struct address *net)
{
	struct address end = *net;

	for (size_t bit = net->prefix; bit < address_bits(net->family); bit++)
		end.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	return end;
}

static bool overlap(const struct netconf_range *a, const struct netconf_range *b)
{
	struct address a_end = a->last.family ? a->last : end_of(&a->subnet);
	struct address b_end = b->last.family ? b->last : end_of(&b->subnet);
	const struct address *a_start = a->first.family ? &a->first : &a->subnet;
	const struct address *b_start = b->first.family ? &b->first : &b->subnet;

	return a->subnet.family == b->subnet.family && address_compare(a_start, &b_end) <= 0 &&
	       address_compare(b_start, &a_end) <= 0;
}

int ranges_check(const struct netconf *netconf, struct err *err)
{
	for (size_t i = 0; i < netconf->n_ranges; i++) {
		const struct netconf_range *range = &netconf->ranges[i];
		int code = check_one(range, err);

		if (code < 0)
			return code;
		for (size_t j = 0; j < i; j++) {
			const struct netconf_range *other = &netconf->ranges[j];

			if (other->set == range->set &&
			    other->subnet.family != range->subnet.family)
				return refuse(err, "subnet", &range->subnet,
					      "is of another family than the rest of its set");
			if (overlap(range, other))
				return refuse(err, "subnet", &range->subnet,
					      "overlaps with another range");
		}
	}
	return 0;
}
