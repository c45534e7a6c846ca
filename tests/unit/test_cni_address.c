/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/address.h"

#include <errno.h>
#include <sys/socket.h>

#include "tests/unit/test.h"

static struct address address(const char *text)
{
	struct address parsed = { 0 };

	CHECK(address_parse(text, &parsed) == 0);
	return parsed;
}

static void check_same(const char *text, bool with_prefix, const char *want)
{
	struct address parsed = address(text);
	char out[ADDRESS_TEXT_ROOM];

	address_format(&parsed, with_prefix, out);
	CHECK_TEXT(out, want);
}

TEST(addresses_go_to_bytes_and_back)
{
	check_same("10.0.0.1", true, "10.0.0.1/32");
	check_same("10.0.0.1/24", true, "10.0.0.1/24");
	check_same("10.0.0.1/24", false, "10.0.0.1");
	check_same("0.0.0.0/0", true, "0.0.0.0/0");
	check_same("FD00:0:0::1", true, "fd00::1/128");
	check_same("::/0", true, "::/0");
	check_same("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", true,
		   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

TEST(what_is_no_address_is_refused)
{
	static const char *const wrong[] = {
		"",
		"10.0.0",
		"10.0.0.256",
		"010.0.0.1",
		"10.0.0.1/33",
		"10.0.0.1/",
		"10.0.0.1/-1",
		"10.0.0.1/+1",
		"10.0.0.1/24 ",
		" 10.0.0.1",
		"fe80::1%eth0",
		"::ffff:10.0.0.1",
		"fd00::/129",
		"fd00::/0064",
		"10.0.0.1/24/24",
		"a",
		"/24",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	struct address untouched = { .family = 77 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(address_parse(wrong[i], &untouched) == -EINVAL);
	CHECK(untouched.family == 77);
}

TEST(endpoints_have_an_address_and_perhaps_a_port)
{
	static const struct {
		const char *text, *address;
		uint16_t port;
	} good[] = {
		{ "10.0.0.1", "10.0.0.1", 0 },
		{ "10.0.0.1:80", "10.0.0.1", 80 },
		{ "10.0.0.1:65535", "10.0.0.1", 65535 },
		{ "fd00::1", "fd00::1", 0 },
		{ "[fd00::1]", "fd00::1", 0 },
		{ "[fd00::1]:32526", "fd00::1", 32526 },
		{ "::", "::", 0 },
	};
	static const char *const wrong[] = {
		"",
		":80",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:65536",
		"10.0.0.1:x",
		"10.0.0.1/24",
		"[10.0.0.1]:80",
		"[fd00::1",
		"[fd00::1]80",
		"[fd00::1]:",
		"[]:80",
		"fd00::/64",
		"[fd00::/64]:1",
		"10.0.0.1:+80",
		"[",
		"10.0.0.1:80:81",
		"[fd00::1]]:80",
	};
	struct endpoint parsed;
	char text[ADDRESS_TEXT_ROOM];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(endpoint_parse(good[i].text, &parsed) == 0);
		address_format(&parsed.address, false, text);
		CHECK_TEXT(text, good[i].address);
		CHECK(parsed.port == good[i].port);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		parsed.port = 7;
		CHECK(endpoint_parse(wrong[i], &parsed) == -EINVAL && parsed.port == 7);
	}
}

TEST(networks_hold_their_addresses)
{
	struct address net = address("10.1.16.0/20");
	struct address six = address("fd00:0:0:10::/60");
	struct address all = address("0.0.0.0/0");
	struct address in = address("10.1.31.255");
	struct address out = address("10.1.32.0");
	struct address in_six = address("fd00:0:0:1f::1");
	struct address cut = address("10.1.31.255/20");

	CHECK(address_is_in(&in, &net) && !address_is_in(&out, &net));
	CHECK(address_is_in(&out, &all) && !address_is_in(&in_six, &all));
	CHECK(address_is_in(&in_six, &six) && !address_is_in(&in, &six));
	cut = address_network(&cut);
	CHECK(address_equal(&cut, &net) && cut.prefix == 20);
}

TEST(addresses_are_counted_up_to_the_end)
{
	struct address at = address("10.0.255.255/8");
	struct address last = address("255.255.255.255");
	struct address six = address("fd00::ffff:ffff");

	CHECK(address_next(&at) && at.bytes[1] == 1 && at.bytes[3] == 0 && at.prefix == 8);
	CHECK(!address_next(&last) && last.bytes[0] == 255);
	CHECK(address_next(&six) && six.bytes[11] == 1 && six.bytes[15] == 0);
	CHECK(address_compare(&at, &last) < 0 && address_compare(&last, &at) > 0);
}

TEST(mac_addresses_are_read_in_three_forms)
{
	struct mac mac = { 0 };
	struct mac other = { 0 };
	char text[MAC_TEXT_ROOM];

	CHECK(mac_parse("02:aB:cd:00:11:ff", &mac) == 0);
	mac_format(&mac, text);
	CHECK_TEXT(text, "02:ab:cd:00:11:ff");
	CHECK(mac_parse("02ABCD0011FF", &other) == 0 && mac_equal(&mac, &other));
	CHECK(mac_parse("02-AB-CD-00-11-FF", &other) == 0 && mac_equal(&mac, &other));
}

TEST(what_is_no_mac_address_of_one_interface_is_refused)
{
	static const char *const wrong[] = {
		"",
		"02:ab:cd:00:11",
		"02:ab:cd:00:11:fg",
		"01:00:5e:00:00:01",
		"00:00:00:00:00:00",
		"ff:ff:ff:ff:ff:ff",
		"02:ab-cd:00:11:ff",
		"02:ab:cd:00:11:ff:00",
		"02.ab.cd.00.11.ff",
		"02abcd0011f",
	};
	struct mac mac;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(mac_parse(wrong[i], &mac) == -EINVAL);
}
