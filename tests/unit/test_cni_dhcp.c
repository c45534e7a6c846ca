/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/dhcp.h"

#include <stdlib.h>

#include "cni/error.h"
#include "tests/unit/cni_world.h"
#include "tests/unit/test.h"

static const struct mac mac = { { 0x00, 0x0d, 0x3a, 0xf8, 0x06, 0xec } };

/* Sum of a packet's part with its checksum in it: 0xffff when it is right. */
static unsigned int sum(const uint8_t *bytes, size_t len, unsigned int more)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		more += (unsigned int)bytes[i] << 8 | bytes[i + 1];
	while (more >> 16)
		more = (more & 0xffff) + (more >> 16);
	return more;
}

TEST(a_discover_is_what_rfc_2131_says)
{
	uint8_t packet[DHCP_PACKET_BYTES];
	const uint8_t *bootp = packet + 28;

	dhcp_discover(&mac, 0x01020304, packet);
	CHECK(packet[0] == 0x45 && packet[9] == 17 && packet[2] == 1 && packet[3] == 0x48);
	CHECK(sum(packet, 20, 0) == 0xffff);
	CHECK(sum(packet + 20, 308, sum(packet + 12, 8, 17 + 308)) == 0xffff);
	CHECK(packet[21] == 68 && packet[23] == 67 && packet[24] == 1 && packet[25] == 0x34);
	CHECK(bootp[0] == 1 && bootp[1] == 1 && bootp[2] == 6 && bootp[10] == 0x80);
	CHECK(bootp[4] == 1 && bootp[7] == 4 && memcmp(bootp + 28, mac.bytes, 6) == 0);
	CHECK(memcmp(bootp + 236, "\x63\x82\x53\x63\x35\x01\x01\x37\x03\x01\x03\x06\xff", 13) == 0);
}

/* The answer to a DISCOVER, in its place. */
static void offer(uint8_t packet[DHCP_PACKET_BYTES], uint8_t type)
{
	dhcp_discover(&mac, 7, packet);
	packet[21] = 67;
	packet[23] = 68;
	packet[28] = 2;
	packet[28 + 242] = type;
}

TEST(an_offer_is_told_from_everything_else)
{
	static const size_t bytes[] = { 0, 9, 21, 23, 28, 35, 57, 264, 268 };
	const struct mac other = { { 2, 0, 0, 0, 0, 1 } };
	uint8_t packet[DHCP_PACKET_BYTES];

	offer(packet, 2);
	CHECK(dhcp_is_offer(packet, sizeof(packet), &mac, 7));
	CHECK(!dhcp_is_offer(packet, sizeof(packet), &mac, 8));
	CHECK(!dhcp_is_offer(packet, sizeof(packet), &other, 7));
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		offer(packet, 2);
		packet[bytes[i]] ^= 0x0f;
		CHECK(!dhcp_is_offer(packet, sizeof(packet), &mac, 7));
	}
	offer(packet, 5);
	CHECK(!dhcp_is_offer(packet, sizeof(packet), &mac, 7));
	/* options of IPv4 in front, and padding before the type */
	offer(packet, 2);
	memmove(packet + 28 + 245, packet + 28 + 240, 3);
	memset(packet + 28 + 240, 0, 5);
	CHECK(dhcp_is_offer(packet, sizeof(packet), &mac, 7));
}

TEST(a_packet_that_is_cut_is_read_no_further)
{
	uint8_t packet[DHCP_PACKET_BYTES];

	offer(packet, 2);
	for (size_t len = 0; len < 28 + 243; len++) {
		uint8_t *copy = malloc(len ? len : 1); /* the sanitizer sees its end */

		if (!copy)
			abort();
		memcpy(copy, packet, len);
		CHECK(!dhcp_is_offer(copy, len, &mac, 7));
		free(copy);
	}
}

TEST(nobody_there_is_told_in_time_and_in_the_words_that_tools_look_for)
{
	struct world world;
	struct rtnl rtnl = { 0 };
	struct err err = { 0 };

	if (world_begin(&world) != 0)
		return;
	CHECK(rtnl_open(&rtnl, &err) == 0);
	CHECK(dhcp_ask(world.host, world_index(&rtnl, "nic0"), &world_nic_mac, 200, &err) ==
	      -(CNI_ERR_BASE + CNI_TRY_AGAIN));
	CHECK(strstr(err.msg, "network is not ready") && strstr(err.msg, "00:0d:3a:01:02:03"));
	rtnl_done(&rtnl);
	world_end(&world);
}
