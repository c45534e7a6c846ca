/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses, prefixes, MAC addresses: text to bytes and back. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADDRESS_TEXT_ROOM = 50, /* longest "ADDRESS/PREFIX" with NUL */
	MAC_BYTES = 6,
	MAC_TEXT_ROOM = 18,
};

struct address {
	uint8_t family;	   /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix;	   /* bits */
	uint8_t bytes[16]; /* network order; IPv4 uses four */
};

/* Where somebody listens: "10.0.0.1", "10.0.0.1:80", "fd00::1", "[fd00::1]:80". */
struct endpoint {
	struct address address; /* longest prefix */
	uint16_t port;		/* 0: none was named */
};

struct mac {
	uint8_t bytes[MAC_BYTES];
};

/* Bytes of an address of that family: 4 or 16. */
size_t address_bytes(uint8_t family);

/* The longest prefix of that family: 32 or 128. */
uint8_t address_bits(uint8_t family);

/* "10.0.0.1" (longest prefix) or "10.0.0.1/24"; no scope, no IPv4-in-IPv6. 0 or -EINVAL. */
int address_parse(const char *text, struct address *address);

/* With "/PREFIX" or without. out: ADDRESS_TEXT_ROOM bytes. */
void address_format(const struct address *address, bool with_prefix, char *out);

/* Family and bytes; prefixes are not compared. */
bool address_equal(const struct address *a, const struct address *b);

/* Negative, 0, positive, as bytes; of one family. */
int address_compare(const struct address *a, const struct address *b);

/* Is the address inside the network that `net` names with its prefix? */
bool address_is_in(const struct address *address, const struct address *net);

/* The first address of its network: host bits cleared. */
struct address address_network(const struct address *address);

/* The next one up; false at the end of all addresses. */
bool address_next(struct address *address);

/* A port, if there is one, is 1 to 65535. 0 or -EINVAL. */
int endpoint_parse(const char *text, struct endpoint *endpoint);

/* "aa:bb:cc:dd:ee:ff", "AABBCCDDEEFF" or with '-'. 0 or -EINVAL; multicast and all zero too. */
int mac_parse(const char *text, struct mac *mac);
void mac_format(const struct mac *mac, char out[MAC_TEXT_ROOM]);
bool mac_equal(const struct mac *a, const struct mac *b);
