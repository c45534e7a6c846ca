/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "config/base/num.h"

size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

uint8_t address_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

static bool is_mapped(const uint8_t bytes[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

int address_parse(const char *text, struct address *address)
{
	char plain[INET6_ADDRSTRLEN];
	struct address parsed = { 0 };
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t prefix;

	if (len >= sizeof(plain))
		return -EINVAL;
	memcpy(plain, text, len);
	plain[len] = '\0';
	parsed.family = strchr(plain, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(parsed.family, plain, parsed.bytes) != 1)
		return -EINVAL;
	if (parsed.family == AF_INET6 && is_mapped(parsed.bytes))
		return -EINVAL;
	prefix = address_bits(parsed.family);
	if (slash &&
	    (strlen(slash + 1) > 3 || num_u64_parse(slash + 1, strlen(slash + 1), &prefix) < 0 ||
	     prefix > address_bits(parsed.family)))
		return -EINVAL;
	parsed.prefix = (uint8_t)prefix;
	*address = parsed;
	return 0;
}

void address_format(const struct address *address, bool with_prefix, char *out)
{
	size_t used;

	out[0] = '\0';
	if (address->family == 0 ||
	    !inet_ntop(address->family, address->bytes, out, ADDRESS_TEXT_ROOM))
		return;
	used = strlen(out);
	if (with_prefix)
		(void)snprintf(out + used, ADDRESS_TEXT_ROOM - used, "/%u", address->prefix);
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && address_compare(a, b) == 0;
}

int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, address_bytes(a->family));
}

/* Clear what is behind `prefix` bits. */
static void cut(struct address *address, uint8_t prefix)
{
	for (size_t i = 0; i < address_bytes(address->family); i++) {
		size_t before = i * 8;

		if (before >= prefix)
			address->bytes[i] = 0;
		else if (prefix - before < 8)
			address->bytes[i] &= (uint8_t)(0xff00U >> (prefix - before));
	}
}

bool address_is_in(const struct address *address, const struct address *net)
{
	struct address here = *address;
	struct address there = *net;

	if (address->family != net->family)
		return false;
	cut(&here, net->prefix);
	cut(&there, net->prefix);
	return address_equal(&here, &there);
}

struct address address_network(const struct address *address)
{
	struct address network = *address;

	cut(&network, address->prefix);
	return network;
}

bool address_next(struct address *address)
{
	struct address next = *address;

	for (size_t i = address_bytes(address->family); i-- > 0;) {
		next.bytes[i]++;
		if (next.bytes[i] != 0) {
			*address = next;
			return true;
		}
	}
	return false;
}

/* What is behind the address: nothing, or ":PORT". */
static int port_parse(const char *text, uint16_t *port)
{
	uint64_t number = 0;

	*port = 0;
	if (text[0] == '\0')
		return 0;
	if (text[0] != ':' || num_u64_parse(text + 1, strlen(text + 1), &number) < 0)
		return -EINVAL;
	*port = (uint16_t)number;
	return number == 0 || number > UINT16_MAX ? -EINVAL : 0;
}

int endpoint_parse(const char *text, struct endpoint *endpoint)
{
	char plain[INET6_ADDRSTRLEN];
	struct endpoint parsed;
	bool bracket = text[0] == '[';
	const char *from = text + bracket;
	const char *colon = strchr(from, ':');
	size_t len = strlen(from);

	if (bracket)
		len = strcspn(from, "]");
	else if (colon && !strchr(colon + 1, ':')) /* one alone: no IPv6 */
		len = (size_t)(colon - from);
	if (len >= sizeof(plain) || memchr(from, '/', len) || (bracket && from[len] != ']'))
		return -EINVAL;
	memcpy(plain, from, len);
	plain[len] = '\0';
	if (address_parse(plain, &parsed.address) < 0 ||
	    (bracket && parsed.address.family != AF_INET6) ||
	    port_parse(from + len + bracket, &parsed.port) < 0)
		return -EINVAL;
	*endpoint = parsed;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_parse(const char *text, struct mac *mac)
{
	static const struct mac zero;
	struct mac parsed;
	size_t len = strlen(text);
	size_t step = len == 17 ? 3 : 2;

	if (len != 17 && len != 12)
		return -EINVAL;
	for (size_t i = 0; i < MAC_BYTES; i++) {
		const char *at = text + i * step;
		int high = hex_digit(at[0]);
		int low = hex_digit(at[1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		if (step == 3 && i > 0 && ((at[-1] != ':' && at[-1] != '-') || at[-1] != text[2]))
			return -EINVAL;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if ((parsed.bytes[0] & 1) || mac_equal(&parsed, &zero))
		return -EINVAL;
	*mac = parsed;
	return 0;
}

void mac_format(const struct mac *mac, char out[MAC_TEXT_ROOM])
{
	const uint8_t *b = mac->bytes;

	(void)snprintf(out, MAC_TEXT_ROOM, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		       b[4], b[5]);
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->bytes, b->bytes, MAC_BYTES) == 0;
}
