/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/ipam.h"
#include "cni/ipam/store.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "tests/unit/ipam_world.h"
#include "tests/unit/test.h"

static int asked;

static struct address at(const char *text)
{
	struct address address = { 0 };

	if (address_parse(text, &address) != 0)
		abort();
	return address;
}

static void range(const char *subnet, const char *first, const char *last, unsigned int set)
{
	struct netconf_range *to = &netconf.ranges[netconf.n_ranges++];

	*to = (struct netconf_range){ .subnet = at(subnet), .set = set };
	if (first)
		to->first = at(first);
	if (last)
		to->last = at(last);
}

static void world(void)
{
	ipam_world_begin();
	netconf.ipam = IPAM_RANGES;
	asked = 0;
}

static struct ipam_request ask(const char *key)
{
	struct ipam_request mine = request;

	mine.key = key;
	mine.until_ms = http_now_ms() + 60000; /* of a busy machine */
	return mine;
}

/* Somebody who lives, as long as this program does. */
static void lease(const char *key)
{
	struct lease lease = { .state = LEASE_BOUND };
	struct stat info;

	(void)snprintf(lease.key, sizeof(lease.key), "%s", key);
	(void)snprintf(lease.ifname, sizeof(lease.ifname), "eth0");
	(void)snprintf(lease.host_if, sizeof(lease.host_if), "azc0");
	lease.container = strdup(key);
	lease.netns = strdup("/proc/self/ns/net");
	lease.ipam = strdup("ranges");
	lease.datapath = strdup("routed");
	if (lease_boot(lease.boot, &err) < 0 || stat("/proc/self/ns/net", &info) != 0)
		abort();
	lease.netns_dev = info.st_dev;
	lease.netns_ino = info.st_ino;
	CHECK(lease_write(folder.fd, &lease, &err) == 0);
	lease_done(&lease);
}

static const char *add(const char *key)
{
	static char text[8 * ADDRESS_TEXT_ROOM];
	struct ipam_request mine = ask(key);
	struct ipam_answer given = { 0 };

	text[0] = '\0';
	if (ipam_ranges.add(&mine, &given, &err) != 0)
		return err.msg;
	for (size_t i = 0; i < given.n_ips; i++) {
		char one[ADDRESS_TEXT_ROOM];

		address_format(&given.ips[i].address, true, one);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			       i ? " " : "", one);
	}
	ipam_answer_done(&given);
	return text;
}

static int del(const char *key)
{
	struct ipam_request mine = ask(key);

	return ipam_ranges.del(&mine, &err);
}

static int store_count(bool held)
{
	struct store store;
	int count = 0;
	int dir;

	if (store_open(folder.fd, netconf.data_dir, netconf.name, &dir, &err) != 0 ||
	    store_look(folder.fd, dir, &store, &err) != 0)
		abort();
	for (size_t i = 0; i < store.n; i++)
		count += store.entries[i].held == held;
	store_done(&store);
	(void)close(dir);
	return count;
}

TEST(gateway_and_ends_of_the_network_are_kept_back)
{
	world();
	range("10.1.0.0/29", NULL, NULL, 0);
	CHECK_TEXT(add("a"), "10.1.0.2/29");
	CHECK_TEXT(add("b"), "10.1.0.3/29");
	CHECK_TEXT(add("a"), "10.1.0.2/29");
	CHECK_TEXT(add("c"), "10.1.0.4/29");
	CHECK_TEXT(add("d"), "10.1.0.5/29");
	CHECK_TEXT(add("e"), "10.1.0.6/29");
	CHECK(store_count(true) == 5);
	ipam_world_end();
}

TEST(one_address_of_each_set_in_both_families)
{
	world();
	range("10.1.0.0/24", "10.1.0.20", "10.1.0.21", 0);
	range("10.2.0.0/24", "10.2.0.9", "10.2.0.9", 0);
	range("fd00::/64", NULL, NULL, 1);
	CHECK_TEXT(add("a"), "10.1.0.20/24 fd00::2/64");
	CHECK_TEXT(add("b"), "10.1.0.21/24 fd00::3/64");
	CHECK_TEXT(add("c"), "10.2.0.9/24 fd00::4/64");
	CHECK(del("b") == 0 && store_count(true) == 4);
	CHECK_TEXT(add("d"), "10.1.0.21/24 fd00::5/64");
	ipam_world_end();
}

TEST(small_networks_are_used_whole)
{
	world();
	range("10.1.0.4/31", NULL, NULL, 0);
	CHECK_TEXT(add("a"), "10.1.0.4/31");
	CHECK_TEXT(add("b"), "10.1.0.5/31");
	ipam_world_end();
}

TEST(what_was_given_back_first_comes_first)
{
	world();
	range("10.1.0.0/29", NULL, NULL, 0);
	for (const char *key = "abcde"; *key; key++) {
		char name[2] = { *key, '\0' };

		(void)add(name);
	}
	CHECK(del("c") == 0);
	(void)usleep(3000);
	CHECK(del("a") == 0);
	(void)usleep(3000);
	CHECK(del("b") == 0);
	CHECK(del("b") == 0);
	CHECK_TEXT(add("f"), "10.1.0.4/29");
	CHECK_TEXT(add("g"), "10.1.0.2/29");
	CHECK_TEXT(add("h"), "10.1.0.3/29");
	ipam_world_end();
}

TEST(exhaustion_says_numbers_and_holds_nothing)
{
	char third[LEASE_KEY_ROOM] = "k3";

	world();
	range("10.1.0.0/29", NULL, NULL, 0);
	range("fd00::/64", NULL, NULL, 1);
	for (int i = 0; i < 5; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		lease(key);
		(void)add(key);
	}
	CHECK(strstr(add("z"), "5 held"));
	CHECK(err.code == -(CNI_ERR_BASE + CNI_ADDRESS_EXHAUSTED));
	CHECK(store_count(true) == 10);
	CHECK(lease_remove(folder.fd, third, &err) == 0);
	CHECK_TEXT(add("z"), "10.1.0.5/29 fd00::7/64"); /* of one who is dead */
	ipam_world_end();
}

TEST(wanted_addresses_are_given_or_refused)
{
	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	netconf.wanted[0] = at("10.1.0.77/24");
	netconf.n_wanted = 1;
	CHECK_TEXT(add("a"), "10.1.0.77/24");
	CHECK_TEXT(add("a"), "10.1.0.77/24");
	CHECK(strstr(add("b"), "held by another"));
	CHECK(err.code == -(CNI_ERR_BASE + CNI_ADDRESS_IN_USE));
	netconf.wanted[0] = at("10.9.0.77");
	CHECK(strstr(add("b"), "10.9.0.77"));
	CHECK(err.code == -(CNI_ERR_BASE + CNI_CONFIG_INVALID));
	netconf.wanted[0] = at("10.1.0.1");
	CHECK(strstr(add("b"), "reserved"));
	netconf.n_wanted = 0;
	args.ip = at("10.1.0.78");
	CHECK_TEXT(add("c"), "10.1.0.78/24");
	netconf.n_wanted = 1;
	netconf.wanted[0] = at("10.1.0.79");
	CHECK(strstr(add("d"), "second one"));
	args.ip = at("10.1.0.79/24"); /* in CNI_ARGS and in runtimeConfig */
	CHECK_TEXT(add("d"), "10.1.0.79/24");
	ipam_world_end();
}

static bool not_even(void *owner, const struct address *address)
{
	(void)owner;
	asked++;
	return address->bytes[3] % 2 != 0;
}

TEST(what_may_not_be_used_is_passed_over)
{
	struct ipam_answer given = { 0 };
	struct ipam_request mine;

	world();
	range("10.1.0.0/24", "10.1.0.2", "10.1.0.8", 0);
	mine = ask("a");
	mine.may_use = not_even;
	CHECK(ipam_ranges.add(&mine, &given, &err) == 0 && given.ips[0].address.bytes[3] == 3);
	CHECK(asked == 2 && store_count(true) == 1);
	lease("a");
	range("10.1.1.0/24", "10.1.1.2", "10.1.1.2", 1);
	mine.key = "b";
	CHECK(ipam_ranges.add(&mine, &given, &err) < 0);
	CHECK(strstr(err.msg, "in use by others") && store_count(true) == 1);
	ipam_world_end();
}

TEST(no_range_and_ranges_in_disorder_are_refused)
{
	struct ipam_request mine;

	world();
	CHECK(strstr(add("a"), "ipam.ranges"));
	mine = ask("");
	CHECK(ipam_ranges.status(&mine, &err) == -(CNI_ERR_BASE + CNI_UNAVAILABLE));
	CHECK(del("a") == 0);
	range("10.1.0.0/24", "10.1.0.9", "10.1.0.2", 0);
	CHECK(strstr(add("a"), "10.1.0.0/24"));
	netconf.n_ranges = 0;
	range("10.1.0.0/24", "10.2.0.9", NULL, 0);
	CHECK(strstr(add("a"), "in order"));
	netconf.n_ranges = 0;
	range("10.1.0.0/24", NULL, NULL, 0);
	CHECK(ipam_ranges.status(&mine, &err) == 0);
	ipam_world_end();
}

static bool lives(void *owner, const char *key)
{
	(void)owner;
	return key[0] == 'l';
}

TEST(gc_gives_back_what_nobody_has_and_check_compares)
{
	struct ipam_request mine;
	struct cni_ip ip = { 0 };

	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	(void)add("live");
	(void)add("dead");
	(void)add("dull");
	mine = ask("live");
	ip.address = at("10.1.0.2/32");
	CHECK(ipam_ranges.check(&mine, &ip, 1, &err) == 0);
	ip.address = at("10.1.0.3/32");
	CHECK(ipam_ranges.check(&mine, &ip, 1, &err) == -(CNI_ERR_BASE + CNI_CHECK_FAILED));
	CHECK(ipam_ranges.gc(&mine, lives, NULL, &err) == 0);
	CHECK(store_count(true) == 1 && store_count(false) == 2);
	CHECK(ipam_ranges.gc(&mine, lives, NULL, &err) == 0);
	ipam_world_end();
}

/* Nobody lives; while that is asked, one comes back under its key. */
static bool comes_back(void *owner, const char *key)
{
	const struct timespec step = { .tv_nsec = 2000000 }; /* times are noted in milliseconds */

	if (strcmp(key, owner) != 0)
		return false;
	(void)nanosleep(&step, NULL);
	CHECK_TEXT(add(key), "10.1.0.3/24");
	return false;
}

TEST(gc_takes_nothing_from_who_comes_back_meanwhile)
{
	struct ipam_request mine;
	struct cni_ip ip = { .address = at("10.1.0.3/32") };
	char back[] = "back";

	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	(void)add("dead");
	(void)add(back);
	mine = ask(back);
	CHECK(ipam_ranges.gc(&mine, comes_back, back, &err) == 0);
	CHECK(ipam_ranges.check(&mine, &ip, 1, &err) == 0);
	CHECK(store_count(true) == 1 && store_count(false) == 1);
	ipam_world_end();
}

TEST(another_boot_holds_nothing)
{
	struct folder ranges;

	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	if (mkdirat(folder.fd, "ranges", 0700) < 0)
		abort();
	ranges.fd = openat(folder.fd, "ranges", O_RDONLY | O_DIRECTORY);
	folder_put_text(&ranges, "state",
			"azl-ranges 1\nH old 10.1.0.2 0000-another-boot 12\n"
			"F - 10.1.0.3 - 11\n");
	CHECK(store_count(true) == 0 && store_count(false) == 2);
	CHECK_TEXT(add("a"), "10.1.0.4/24");
	(void)close(ranges.fd);
	ipam_world_end();
}

TEST(an_unreadable_store_is_made_again_from_the_leases)
{
	static const char *const bad[] = {
		"",
		"azl-ranges 1\nH a 10.1.0.2",
		"azl-ranges 1\nH a 10.1.0.2 boot x\n",
		"azl-ranges 7\n",
		"azl-ranges 1\n\n",
		"\x01\x02garbage",
		"azl-ranges 1\nX a 10.1.0.2 b 1\n",
		"azl-ranges 1\nH a 10.1.0.300 b 1\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lease lease = { .n_ips = 1, .state = LEASE_BOUND };
		struct folder ranges;

		world();
		range("10.1.0.0/24", NULL, NULL, 0);
		lease.container = strdup("one");
		lease.netns = strdup("/nowhere");
		lease.ipam = strdup("ranges");
		lease.datapath = strdup("routed");
		(void)snprintf(lease.ifname, sizeof(lease.ifname), "eth0");
		(void)snprintf(lease.host_if, sizeof(lease.host_if), "azc0");
		lease_key("one", "eth0", lease.key);
		lease.ips[0] = at("10.1.0.2/24");
		CHECK(lease_boot(lease.boot, &err) == 0);
		CHECK(lease_write(folder.fd, &lease, &err) == 0);
		if (mkdirat(folder.fd, "ranges", 0700) < 0)
			abort();
		ranges.fd = openat(folder.fd, "ranges", O_RDONLY | O_DIRECTORY);
		folder_put_text(&ranges, "state", bad[i]);
		CHECK_TEXT(add("two"), "10.1.0.3/24");
		CHECK_TEXT(add(lease.key), "10.1.0.2/24");
		CHECK(del(lease.key) == 0 && store_count(true) == 1);
		(void)close(ranges.fd);
		lease_done(&lease);
		ipam_world_end();
	}
}

TEST(what_was_given_back_is_remembered_within_bounds)
{
	world();
	range("10.1.0.0/16", NULL, NULL, 0);
	for (int i = 0; i < STORE_COOLED_MAX + 40; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		(void)add(key);
		if (del(key) != 0)
			abort();
	}
	CHECK(store_count(true) == 0 && store_count(false) == STORE_COOLED_MAX);
	ipam_world_end();
}

TEST(data_may_lie_elsewhere)
{
	char path[128];

	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	(void)snprintf(path, sizeof(path), "%s/some/where", folder.path);
	netconf.data_dir = path;
	CHECK_TEXT(add("a"), "10.1.0.2/24");
	(void)snprintf(path, sizeof(path), "%s/some/where/net/ranges/state", folder.path);
	CHECK(access(path, F_OK) == 0);
	netconf.data_dir = (char *)(uintptr_t) "relative";
	CHECK(strstr(add("a"), "dataDir"));
	netconf.data_dir = NULL;
	ipam_world_end();
}

/* A full disk: nothing new can be written. */
TEST(giving_back_needs_no_room)
{
	struct store store;
	int dir = -1;

	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	(void)add("a");
	(void)add("b");
	CHECK(store_open(folder.fd, NULL, "net", &dir, &err) == 0);
	CHECK(store_begin(folder.fd, dir, http_now_ms() + 1000, &store, &err) == 0);
	CHECK(store_mark_free(&store, "a") == 0);
	CHECK(store_mark_free(&store, "nobody") == 0);
	store_done(&store);
	CHECK(store_count(true) == 1 && store_count(false) == 1);
	CHECK_TEXT(add("b"), "10.1.0.3/24");
	(void)close(dir);
	ipam_world_end();
}

TEST(a_hundred_and_fifty_at_once_all_get_their_own)
{
	pid_t pids[150];

	world();
	range("10.1.0.0/24", NULL, NULL, 0);
	for (int i = 0; i < 150; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char key[16];

			(void)snprintf(key, sizeof(key), "k%d", i);
			_exit(strncmp(add(key), "10.1.0.", 7) != 0);
		}
	}
	for (int i = 0; i < 150; i++) {
		int status = 1;

		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	CHECK(store_count(true) == 150);
	ipam_world_end();
}

/* Kill whoever works at any moment: the file is whole, no address is held twice, none is lost. */
TEST(killed_at_any_moment_nothing_needs_repair)
{
	world();
	range("10.1.0.0/28", NULL, NULL, 0);
	for (int i = 0; i < 120; i++) {
		struct timespec pause = { .tv_nsec = (i * 7919L) % 1500000 };
		pid_t pid = fork();

		if (pid == 0) {
			for (int j = 0;; j++) {
				char key[16];

				(void)snprintf(key, sizeof(key), "k%d", j % 6);
				(void)(j % 3 == 2 ? del(key) : add(key)[0]);
			}
		}
		(void)nanosleep(&pause, NULL);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	for (int j = 0; j < 6; j++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", j);
		CHECK(strncmp(add(key), "10.1.0.", 7) == 0);
	}
	CHECK(store_count(true) == 6);
	for (int j = 0; j < 6; j++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", j);
		CHECK(del(key) == 0);
	}
	CHECK(store_count(true) == 0);
	ipam_world_end();
}
