/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/imds.h"
#include "cni/ipam/imds_wire.h"
#include "cni/ipam/ipam.h"
#include "cni/netconf.h"
#include "tests/unit/cni_server.h"
#include "tests/unit/ipam_world.h"
#include "tests/unit/test.h"

#define IP(address) "{\"privateIpAddress\":\"" address "\",\"publicIpAddress\":\"\"}"
#define OTHER_NIC                                                                                  \
	"{\"ipv4\":{\"ipAddress\":[" IP("10.9.0.4") "," IP(                                        \
		"10.9.0.5") "],"                                                                   \
			    "\"subnet\":[{\"address\":\"10.9.0.0\",\"prefix\":\"24\"}]},"          \
			    "\"ipv6\":{\"ipAddress\":[]},\"macAddress\":\"000D3AF80600\"}"
#define NIC(ips4, ips6)                                                                            \
	"{\"ipv4\":{\"ipAddress\":[" ips4 "],"                                                     \
	"\"subnet\":[{\"address\":\"10.1.0.0\",\"prefix\":\"24\"}]},"                              \
	"\"ipv6\":{\"ipAddress\":[" ips6 "]},\"macAddress\":\"000D3AF806EC\"}"
#define THREE	 IP("10.1.0.4") "," IP("10.1.0.5") "," IP("10.1.0.6")
#define DOCUMENT "{\"interface\":[" OTHER_NIC "," NIC(THREE, "") "]}"
#define DUAL                                                                                       \
	"{\"interface\":[" NIC(THREE, "{\"privateIpAddress\":\"fd00::4\"},"                        \
				      "{\"privateIpAddress\":\"fd00::5\"}") "]}"

static struct server server;
static struct mac mac;

static void world(const char *const *replies)
{
	ipam_world_begin();
	server = server_start(replies);
	netconf.imds_url = server.url;
	CHECK(mac_parse("00:0d:3a:f8:06:ec", &mac) == 0);
	request.until_ms = http_now_ms() + 20000;
}

static const char *add(const char *key)
{
	static char text[2 * ADDRESS_TEXT_ROOM];

	request.key = key;
	if (imds_add_for(&request, &mac, &answer, &err) != 0)
		return err.msg;
	address_format(&answer.ips[0].address, true, text);
	if (answer.n_ips > 1) {
		size_t used = strlen(text);

		text[used] = ' ';
		address_format(&answer.ips[1].address, true, text + used + 1);
	}
	return text;
}

#define REPLIES(...)                                                                               \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

TEST(secondary_addresses_of_the_right_nic_are_handed_out)
{
	char text[ADDRESS_TEXT_ROOM];

	world(REPLIES(SERVER_OK(DOCUMENT)));
	CHECK_TEXT(add("a"), "10.1.0.5/24");
	address_format(&answer.ips[0].gateway, false, text);
	CHECK_TEXT(text, "10.1.0.1");
	address_format(&answer.host_ip, false, text);
	CHECK_TEXT(text, "10.1.0.4");
	CHECK_TEXT(add("b"), "10.1.0.6/24");
	CHECK_TEXT(add("a"), "10.1.0.5/24");
	server_stop(&server);
	CHECK(server.requests == 1);
	CHECK(strstr(server.asked,
		     "GET /metadata/instance/network?api-version=2021-02-01 HTTP/1."));
	CHECK(strstr(server.asked, "Metadata: true\r\n") &&
	      strstr(server.asked, "Host: 127.0.0.1"));
	CHECK(ipam_imds.del(&request, &err) == 0);
	ipam_world_end();
}

TEST(both_families_give_one_each)
{
	world(REPLIES(SERVER_OK(DUAL)));
	CHECK_TEXT(add("a"), "10.1.0.5/24 fd00::5/128");
	server_stop(&server);
	ipam_world_end();
}

TEST(an_empty_pool_asks_again_when_the_cache_is_old)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct cni_ip ip = { 0 };

	world(REPLIES(SERVER_OK("{\"interface\":[" NIC(IP("10.1.0.4"), "") "]}"),
		      SERVER_OK(DOCUMENT)));
	CHECK(strstr(add("a"), "no address besides its own"));
	CHECK(err.code == -(CNI_ERR_BASE + CNI_ADDRESS_EXHAUSTED));
	CHECK(strstr(add("a"), "no address besides its own"));
	CHECK(utimensat(folder.fd, "imds.json", old, 0) == 0);
	CHECK_TEXT(add("a"), "10.1.0.5/24");
	server_stop(&server);
	CHECK(server.requests == 2);
	/* nobody there: the old cache still serves */
	CHECK(utimensat(folder.fd, "imds.json", old, 0) == 0);
	CHECK_TEXT(add("b"), "10.1.0.6/24");
	CHECK(address_parse("10.1.0.6", &ip.address) == 0);
	ipam_world_end();
}

TEST(what_is_killed_while_it_writes_leaves_one_file_that_the_next_one_takes)
{
	static const struct rlimit little = { 16, 16 };
	int before;

	world(REPLIES(SERVER_OK(DOCUMENT)));
	before = folder_count(&folder) + 1; /* and the lock */
	for (int i = 0; i < 3; i++) {
		int status = 0;
		pid_t pid;

		(void)fflush(stdout);
		pid = fork();
		if (pid == 0) {
			(void)signal(SIGXFSZ, SIG_DFL);
			(void)setrlimit(RLIMIT_FSIZE, &little);
			_exit(ipam_imds.refresh(&request, &err) != 0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
		CHECK(folder_count(&folder) == before + 1);
	}
	CHECK(ipam_imds.refresh(&request, &err) == 0);
	CHECK(folder_count(&folder) == before + 1 &&
	      faccessat(folder.fd, "imds.json", F_OK, 0) == 0);
	server_stop(&server);
	ipam_world_end();
}

TEST(a_cache_that_cannot_be_read_is_fetched_again)
{
	static const char *const bad[] = {
		"", "{\"interface\":", "[]", "{\"interface\":1}",
		("{\"interface\":[{\"macAddress\":\"000D3AF806EC\",\"ipv4\":"
		 "{\"ipAddress\":[{\"privateIpAddress\":\"x\"}]}}]}")
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		world(REPLIES(SERVER_OK(DOCUMENT)));
		folder_put_text(&folder, "imds.json", bad[i]);
		CHECK_TEXT(add("a"), "10.1.0.5/24");
		server_stop(&server);
		ipam_world_end();
	}
}

TEST(statuses_are_tried_again_as_they_allow)
{
	static const struct {
		const char *status;
		int requests;
		int code;
	} rows[] = {
		{ SERVER_STATUS("400"), 1, CNI_CNS_REFUSED },
		{ SERVER_STATUS("405"), 1, CNI_CNS_REFUSED },
		{ SERVER_STATUS("404"), 2, CNI_TRY_AGAIN },
		{ SERVER_CLOSE, 3, CNI_TRY_AGAIN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world(REPLIES(rows[i].status));
		(void)add("a");
		CHECK(err.code == -(CNI_ERR_BASE + rows[i].code));
		server_stop(&server);
		CHECK(server.requests == rows[i].requests);
		ipam_world_end();
	}
}

TEST(throttled_and_updating_come_right_after_a_pause)
{
	static const char *const busy[] = { SERVER_STATUS("429"), SERVER_STATUS("410"),
					    SERVER_STATUS("500"), SERVER_CLOSE };

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		int64_t began = http_now_ms();

		world(REPLIES(busy[i], SERVER_OK(DOCUMENT)));
		CHECK_TEXT(add("a"), "10.1.0.5/24");
		CHECK(http_now_ms() - began >= (i < 3 ? 1000 : 300));
		server_stop(&server);
		CHECK(server.requests == 2);
		ipam_world_end();
	}
}

TEST(who_hangs_is_left_at_the_deadline)
{
	int64_t began = http_now_ms();

	world(REPLIES(SERVER_HANG));
	request.until_ms = http_now_ms() + 400;
	CHECK(strstr(add("a"), "in time"));
	CHECK(err.code == -(CNI_ERR_BASE + CNI_TRY_AGAIN) && http_now_ms() - began < 20000);
	server_stop(&server);
	ipam_world_end();
}

TEST(a_nic_that_is_not_listed_is_try_again)
{
	world(REPLIES(SERVER_OK("{\"interface\":[" OTHER_NIC "]}")));
	CHECK(strstr(add("a"), "does not list"));
	CHECK(err.code == -(CNI_ERR_BASE + CNI_TRY_AGAIN));
	server_stop(&server);
	ipam_world_end();
}

TEST(macs_and_addresses_are_compared_as_bytes)
{
	struct imds_nic *nic = calloc(1, sizeof(*nic));
	struct address address;

	CHECK(nic && mac_parse("00:0d:3a:f8:06:ec", &mac) == 0);
	CHECK(imds_wire_parse(DUAL, strlen(DUAL), &mac, nic) == 0);
	CHECK(nic->ipv4.n == 2 && nic->ipv6.n == 1);
	CHECK(address_parse("fd00:0::5", &address) == 0 && imds_wire_has(nic, &address));
	CHECK(address_parse("10.1.0.4", &address) == 0 && !imds_wire_has(nic, &address));
	mac.bytes[5]++;
	CHECK(imds_wire_parse(DUAL, strlen(DUAL), &mac, nic) == -ENOENT);
	CHECK(imds_wire_parse("{}", 2, &mac, nic) == -EBADMSG);
	free(nic);
}
