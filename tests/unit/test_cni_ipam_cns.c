/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/cns_map.h"
#include "cni/ipam/cns_wire.h"
#include "cni/ipam/ipam.h"
#include "cni/ipam/spool.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "config/base/buf.h"
#include "config/base/fd.h"
#include "tests/unit/cni_server.h"
#include "tests/unit/ipam_world.h"
#include "tests/unit/test.h"

#define POD_IP(address, prefix, nic)                                                               \
	"{\"PodIPConfig\":{\"IPAddress\":\"" address "\",\"PrefixLength\":" prefix "},"            \
	"\"NetworkContainerPrimaryIPConfig\":{\"IPSubnet\":{\"IPAddress\":\"10.244.1.0\","         \
	"\"PrefixLength\":24},\"DNSServers\":[\"168.63.129.16\"],"                                 \
	"\"GatewayIPAddress\":\"10.244.1.1\",\"GatewayIPv6Address\":\"\"},"                        \
	"\"HostPrimaryIPInfo\":{\"Gateway\":\"10.224.0.1\",\"PrimaryIP\":\"10.224.0.4\","          \
	"\"Subnet\":\"10.224.0.0/16\"},\"NICType\":\"" nic "\",\"MacAddress\":\"\","               \
	"\"SkipDefaultRoutes\":false,\"Routes\":null}"
#define GOOD                                                                                       \
	"{\"podIPInfo\":[" POD_IP(                                                                 \
		"10.244.1.7", "32",                                                                \
		"InfraNIC") "],\"response\":{\"ReturnCode\":0,\"Message\":\"\"}}"
#define FAILED(code, message)                                                                      \
	"{\"podIPInfo\":null,\"response\":{\"ReturnCode\":" code ",\"Message\":\"" message "\"}}"
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

#define OTHER_KEY "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct server server;

static void world(const char *const *replies)
{
	ipam_world_begin();
	server = server_start(replies);
	netconf.cns_url = server.url;
	args.container = "0123456789abcdef";
	args.ifname = "eth0";
	(void)snprintf(args.pod, sizeof(args.pod), "web");
	(void)snprintf(args.pod_namespace, sizeof(args.pod_namespace), "default");
	request.key = KEY;
	request.until_ms = http_now_ms() + 20000;
}

static int add(void)
{
	return -(ipam_cns.add(&request, &answer, &err) + CNI_ERR_BASE);
}

static bool is_kept(const char *key)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "spool/%s", key);
	return faccessat(folder.fd, path, F_OK, 0) == 0;
}

#define REPLIES(...)                                                                               \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

TEST(a_pod_gets_what_cns_says)
{
	char text[ADDRESS_TEXT_ROOM];

	world(REPLIES(SERVER_OK(GOOD)));
	CHECK(ipam_cns.add(&request, &answer, &err) == 0);
	server_stop(&server);
	address_format(&answer.ips[0].address, true, text);
	CHECK_TEXT(text, "10.244.1.7/32");
	address_format(&answer.ips[0].gateway, false, text);
	CHECK_TEXT(text, "10.244.1.1");
	address_format(&answer.host_ip, false, text);
	CHECK_TEXT(text, "10.224.0.4");
	CHECK(answer.n_ips == 1 && !answer.skip_default_route && answer.n_nics == 0);
	CHECK_TEXT(answer.dns.nameservers[0], "168.63.129.16");
	CHECK(!answer.dns.nameservers[1]);
	CHECK(server.requests == 1);
	CHECK(strstr(server.asked, "POST /network/requestipconfigs HTTP/1."));
	CHECK(strstr(server.asked,
		     "{\"desiredIPAddresses\":[],\"podInterfaceID\":\"0123456789abcdef-eth0\","
		     "\"infraContainerID\":\"0123456789abcdef\",\"orchestratorContext\":"
		     "{\"podName\":\"web\",\"podNamespace\":\"default\"},\"ifname\":\"eth0\"}"));
	ipam_world_end();
}

TEST(an_address_that_is_asked_for_twice_is_told_once)
{
	world(REPLIES(SERVER_OK(GOOD)));
	netconf.n_wanted = 1;
	CHECK(address_parse("10.244.1.7", &netconf.wanted[0]) == 0);
	CHECK(address_parse("10.244.1.7/24", &args.ip) == 0);
	CHECK(ipam_cns.add(&request, &answer, &err) == 0);
	server_stop(&server);
	CHECK(strstr(server.asked, "{\"desiredIPAddresses\":[\"10.244.1.7\"],"));
	ipam_world_end();
}

TEST(no_proxy_is_asked)
{
	world(REPLIES(SERVER_OK(GOOD)));
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("HTTP_PROXY", "http://127.0.0.1:1", 1);
	CHECK(ipam_cns.add(&request, &answer, &err) == 0);
	(void)unsetenv("http_proxy");
	(void)unsetenv("HTTP_PROXY");
	server_stop(&server);
	ipam_world_end();
}

TEST(older_versions_are_asked_for_one_address)
{
	world(REPLIES(SERVER_STATUS("404"),
		      SERVER_OK("{\"PodIpInfo\":" POD_IP(
			      "10.244.1.9", "24", "") ",\"Response\":"
						      "{\"ReturnCode\":0,\"Message\":\"\"}}")));
	CHECK(ipam_cns.add(&request, &answer, &err) == 0);
	CHECK(answer.n_ips == 1 && answer.ips[0].address.bytes[3] == 9 &&
	      answer.ips[0].address.prefix == 24);
	server_stop(&server);
	CHECK(server.requests == 2);
	CHECK(strstr(server.asked, "POST /network/requestipconfig HTTP/1."));
	CHECK(strstr(server.asked,
		     "{\"DesiredIPAddress\":\"\",\"PodInterfaceID\":\"0123456789abcdef-eth0\","
		     "\"InfraContainerID\":\"0123456789abcdef\",\"OrchestratorContext\":"
		     "{\"podName\":\"web\",\"podNamespace\":\"default\"},\"Ifname\":\"eth0\"}"));
	ipam_world_end();
}

TEST(codes_become_errors_by_whether_they_can_come_right)
{
	static const struct {
		const char *reply;
		int code;
		const char *words;
	} rows[] = {
		{ SERVER_OK(FAILED("32", "not enough IPs available, waiting on Azure CNS")),
		  CNI_ADDRESS_EXHAUSTED, "not enough IPs" },
		{ SERVER_OK(FAILED("32", "no NCs found in the CNS internal state")),
		  CNI_ADDRESS_EXHAUSTED, "no NCs" },
		{ SERVER_OK(FAILED("31", "pending")), CNI_TRY_AGAIN, "31" },
		{ SERVER_OK(FAILED("37", "")), CNI_TRY_AGAIN, "37" },
		{ SERVER_OK(FAILED("41", "")), CNI_TRY_AGAIN, "41" },
		{ SERVER_OK(FAILED("100", "")), CNI_TRY_AGAIN, "100" },
		{ SERVER_OK(FAILED("42", "no")), CNI_UNAVAILABLE, "42" },
		{ SERVER_OK(FAILED("99", "bad")), CNI_CNS_REFUSED, "bad" },
		{ SERVER_OK(FAILED("99", "network is not ready - mtpnc")), CNI_TRY_AGAIN,
		  "network is not ready - mtpnc" },
		{ SERVER_OK(FAILED("33", "")), CNI_CNS_REFUSED, "33" },
		{ SERVER_OK("{\"returncode\":23,\"MESSAGE\":\"top\"}"), CNI_CNS_REFUSED, "top" },
		{ SERVER_OK("{}"), CNI_CNS_REFUSED, "ReturnCode" },
		{ SERVER_STATUS("400"), CNI_CNS_REFUSED, "400" },
		{ SERVER_STATUS("404"), CNI_CNS_REFUSED, "404" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world(REPLIES(rows[i].reply));
		CHECK(add() == rows[i].code);
		CHECK(strstr(err.msg, rows[i].words));
		CHECK(!is_kept(KEY));
		server_stop(&server);
		CHECK(!strstr(server.asked, "release"));
		ipam_world_end();
	}
}

TEST(unknown_outcomes_are_asked_again_and_then_released)
{
	static const char *const bad[] = { SERVER_CLOSE, SERVER_OK(""), SERVER_STATUS("500") };

	for (size_t i = 0; i < 3; i++) {
		world(REPLIES(bad[i], bad[i], SERVER_OK(FAILED("0", ""))));
		CHECK(add() == CNI_TRY_AGAIN);
		CHECK(!is_kept(KEY));
		server_stop(&server);
		CHECK(server.requests == 3 && strstr(server.asked, "/network/releaseipconfigs"));
		ipam_world_end();
	}
	world(REPLIES(SERVER_CLOSE, SERVER_OK(GOOD)));
	CHECK(ipam_cns.add(&request, &answer, &err) == 0);
	server_stop(&server);
	CHECK(server.requests == 2);
	ipam_world_end();
	world(REPLIES(SERVER_OK("not json"), SERVER_OK(FAILED("0", ""))));
	CHECK(add() == CNI_DECODE);
	server_stop(&server);
	CHECK(server.requests == 2);
	ipam_world_end();
}

TEST(who_hangs_is_left_at_the_deadline)
{
	int64_t began = http_now_ms();

	world(REPLIES(SERVER_HANG, SERVER_OK(FAILED("0", ""))));
	request.until_ms = http_now_ms() + 300;
	CHECK(add() == CNI_TRY_AGAIN);
	CHECK(http_now_ms() - began < 20000);
	server_stop(&server);
	ipam_world_end();
}

TEST(nobody_there_is_try_again)
{
	world(REPLIES(SERVER_HANG));
	server_stop(&server);
	CHECK(add() == CNI_TRY_AGAIN);
	CHECK(strstr(err.msg, "connection refused"));
	CHECK(!is_kept(KEY));
	CHECK(ipam_cns.status(&request, &err) == -(CNI_ERR_BASE + CNI_UNAVAILABLE));
	ipam_world_end();
}

TEST(a_release_reads_the_first_document_alone)
{
	static const char *const good[] = {
		SERVER_OK(FAILED("0", "")),
		SERVER_OK("{\"ReturnCode\":0,\"Message\":\"\"}"),
		SERVER_OK(FAILED("14", "unknown") "\n{\"ReturnCode\":99}"),
		SERVER_OK(FAILED("5", "") "garbage {{{"),
		SERVER_OK(FAILED("23", "")),
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		world(REPLIES(good[i]));
		CHECK(ipam_cns.del(&request, &err) == 0 && !is_kept(KEY));
		server_stop(&server);
		CHECK(strstr(server.asked, "POST /network/releaseipconfigs"));
		CHECK(strstr(server.asked, "\"podInterfaceID\":\"0123456789abcdef-eth0\""));
		ipam_world_end();
	}
}

TEST(a_release_that_nobody_hears_is_kept_and_told_later)
{
	struct ipam_request other;

	world(REPLIES(SERVER_HANG));
	server_stop(&server);
	CHECK(ipam_cns.del(&request, &err) == 0 && is_kept(KEY));
	CHECK(ipam_cns.del(&request, &err) == 0 && is_kept(KEY));
	server = server_start(REPLIES(SERVER_OK(FAILED("0", ""))));
	netconf.cns_url = server.url;
	other = request;
	other.key = OTHER_KEY;
	args.container = "other";
	other.until_ms = http_now_ms() + 20000;
	CHECK(ipam_cns.del(&other, &err) == 0 && !is_kept(KEY));
	server_stop(&server);
	CHECK(server.requests == 2 && strstr(server.asked, "0123456789abcdef-eth0"));
	ipam_world_end();
}

TEST(gc_tells_what_was_kept_in_the_form_of_older_versions)
{
	world(REPLIES(SERVER_STATUS("500")));
	CHECK(ipam_cns.del(&request, &err) == 0 && is_kept(KEY));
	server_stop(&server);
	server = server_start(REPLIES(SERVER_STATUS("404"), SERVER_OK(FAILED("0", ""))));
	netconf.cns_url = server.url;
	CHECK(ipam_cns.gc(&request, NULL, NULL, &err) == 0 && !is_kept(KEY));
	server_stop(&server);
	CHECK(server.requests == 2 && strstr(server.asked, "POST /network/releaseipconfig HTTP"));
	CHECK(strstr(server.asked, "\"PodInterfaceID\":\"0123456789abcdef-eth0\""));
	ipam_world_end();
}

TEST(an_add_cancels_its_own_release_before_it_asks)
{
	world(REPLIES(SERVER_HANG));
	server_stop(&server);
	CHECK(ipam_cns.del(&request, &err) == 0 && is_kept(KEY));
	CHECK(add() == CNI_TRY_AGAIN && !is_kept(KEY));
	server = server_start(REPLIES(SERVER_OK(GOOD)));
	netconf.cns_url = server.url;
	request.until_ms = http_now_ms() + 20000;
	CHECK(ipam_cns.add(&request, &answer, &err) == 0);
	server_stop(&server);
	CHECK(server.requests == 1 && !strstr(server.asked, "release"));
	ipam_world_end();
}

TEST(a_kept_release_waits_for_who_works_on_it)
{
	char key[LEASE_KEY_ROOM] = KEY;
	int lock = -1;

	world(REPLIES(SERVER_OK(FAILED("0", ""))));
	CHECK(spool_put(folder.fd, KEY, "{}\n{}\n", 6, &err) == 0);
	CHECK(lease_lock(folder.fd, key, 0, &lock, &err) == 0);
	CHECK(ipam_cns.gc(&request, NULL, NULL, &err) == 0 && is_kept(KEY));
	(void)close(lock);
	folder_put_text(&folder, "leases/" KEY ".json", "{}");
	CHECK(ipam_cns.gc(&request, NULL, NULL, &err) == 0 && is_kept(KEY));
	CHECK(lease_remove(folder.fd, key, &err) == 0);
	CHECK(ipam_cns.gc(&request, NULL, NULL, &err) == 0 && !is_kept(KEY));
	CHECK(faccessat(folder.fd, "locks/" KEY, F_OK, 0) < 0);
	server_stop(&server);
	ipam_world_end();
}

TEST(a_kept_release_that_cannot_be_read_stays_and_holds_up_no_other)
{
	char loop[16];

	world(REPLIES(SERVER_OK(FAILED("0", ""))));
	CHECK(spool_put(folder.fd, KEY, "{}\n{}\n", 6, &err) == 0);
	for (int i = 0; i < 8; i++) { /* in whatever order they are seen */
		char name[32];

		(void)snprintf(name, sizeof(name), "spool/%d", i);
		CHECK(symlinkat(name + strlen("spool/"), folder.fd, name) == 0);
	}
	CHECK(ipam_cns.gc(&request, NULL, NULL, &err) == 0 && !is_kept(KEY));
	CHECK(readlinkat(folder.fd, "spool/0", loop, sizeof(loop)) == 1);
	CHECK(readlinkat(folder.fd, "spool/7", loop, sizeof(loop)) == 1);
	server_stop(&server);
	ipam_world_end();
}

TEST(the_folder_of_cns_is_used_where_it_is)
{
	char azure[80];
	char text[64] = "";

	world(REPLIES(SERVER_HANG));
	server_stop(&server);
	(void)snprintf(azure, sizeof(azure), "%s/azure/deleteIDs", folder.path);
	CHECK(spool_azure_put(azure, "c1", "c1-eth0", &err) == 1);
	CHECK(spool_azure_cancel(azure, "c1", "c1-eth0", &err) == 0);
	if (mkdirat(folder.fd, "azure", 0755) < 0 ||
	    mkdirat(folder.fd, "azure/deleteIDs", 0755) < 0)
		abort();
	CHECK(spool_azure_put(azure, "c1", "c1-eth0", &err) == 0);
	CHECK(fd_read_text(folder.fd, "azure/deleteIDs/c1", text, sizeof(text)) == 7);
	CHECK_TEXT(text, "c1-eth0");
	CHECK(folder_mode(&folder, "azure/deleteIDs/c1") == 0600);
	CHECK(spool_azure_put(azure, "c1", "c1-eth1", &err) == 1);
	CHECK(spool_azure_cancel(azure, "c1", "c1-eth1", &err) == 0);
	CHECK(faccessat(folder.fd, "azure/deleteIDs/c1", F_OK, 0) == 0);
	CHECK(spool_azure_cancel(azure, "c1", "c1-eth0", &err) == 0);
	CHECK(faccessat(folder.fd, "azure/deleteIDs/c1", F_OK, 0) < 0);
	ipam_world_end();
}

static int map(const char *json)
{
	struct cns_reply *reply = calloc(1, sizeof(*reply));
	int code = reply ? cns_wire_reply(json, strlen(json), reply) : -ENOMEM;

	ipam_answer_done(&answer);
	if (code == 0)
		code = cns_map_code(reply, &err);
	if (code == 0)
		code = cns_map_answer(reply, &answer, &err);
	free(reply);
	return code;
}

TEST(keys_are_read_in_any_case_and_dual_stack_is_two_entries)
{
	CHECK(map("{\"PODIPINFO\":[{\"podipconfig\":{\"ipaddress\":\"10.0.0.7\",\"prefixlength\":"
		  "24}},"
		  "{\"PodIpConfig\":{\"PrefixLength\":64,\"IpAddress\":\"fd00::7\"}}],"
		  "\"RESPONSE\":{\"returnCode\":0}}") == 0);
	CHECK(answer.n_ips == 2 && answer.ips[0].address.prefix == 24 &&
	      answer.ips[1].address.prefix == 64 && answer.ips[1].address.family == AF_INET6);
	ipam_answer_done(&answer);
}

TEST(addresses_of_the_node_subnet_take_its_prefix_and_gateway)
{
	char text[ADDRESS_TEXT_ROOM];

	CHECK(map("{\"podIPInfo\":[{\"PodIPConfig\":{\"IPAddress\":\"10.224.0.9\",\"PrefixLength\":"
		  "0},"
		  "\"HostPrimaryIPInfo\":{\"Gateway\":\"10.224.0.1\",\"PrimaryIP\":\"10.224.0.4\","
		  "\"Subnet\":\"10.224.0.0/16\"}}],\"response\":{\"ReturnCode\":0}}") == 0);
	CHECK(answer.ips[0].address.prefix == 16);
	address_format(&answer.ips[0].gateway, false, text);
	CHECK_TEXT(text, "10.224.0.1");
}

#define ENTRY(address, nic, mac, more)                                                             \
	"{\"PodIPConfig\":{\"IPAddress\":\"" address "\",\"PrefixLength\":24},\"NICType\":\"" nic  \
	"\",\"MacAddress\":\"" mac "\"" more "}"
#define REPLY(entries) "{\"podIPInfo\":[" entries "],\"response\":{\"ReturnCode\":0}}"
#define NIC_ROUTES                                                                                 \
	",\"Routes\":[{\"IPAddress\":\"169.254.2.1/32\",\"GatewayIPAddress\":\"\"},"               \
	"{\"IPAddress\":\"0.0.0.0/0\",\"GatewayIPAddress\":\"169.254.2.1\"}]"
#define INFRA                                                                                      \
	ENTRY("10.244.1.7", "InfraNIC", "",                                                        \
	      ",\"SkipDefaultRoutes\":true,\"Routes\":[{\"IPAddress\":\"10.244.0.0/16\","          \
	      "\"GatewayIPAddress\":\"169.254.1.1\"}]")
#define SECOND                                                                                     \
	",\"NetworkContainerIPv6Config\":{\"IPSubnet\":{\"IPAddress\":\"fd02::7\"},"               \
	"\"GatewayIPv6Address\":\"fe80::1\"}"

TEST(a_delegated_nic_is_named_by_its_mac)
{
	CHECK(map(REPLY(ENTRY("10.9.0.7", "FrontendNIC_Accelnet", "00-0D-3A-F8-06-EC",
			      NIC_ROUTES))) == 0);
	CHECK(answer.n_ips == 0 && answer.n_nics == 1 && answer.nics[0].mac.bytes[5] == 0xec);
	CHECK(answer.nics[0].ips[0].address.prefix == 32 && answer.nics[0].n_routes == 2);
	CHECK(answer.nics[0].routes[0].scope == 253 && answer.nics[0].routes[1].scope == -1);
	CHECK(answer.nics[0].routes[1].gw.bytes[2] == 2 &&
	      answer.nics[0].ips[0].gateway.bytes[2] == 2);
	CHECK(map(REPLY(ENTRY("10.9.0.7", "FrontendNIC", "000D3AF806EC", ",\"Routes\":[]"))) ==
	      -(CNI_ERR_BASE + CNI_CONFIG_INVALID));
	CHECK(map(REPLY(ENTRY("10.9.0.7", "FrontendNIC", "", NIC_ROUTES))) ==
	      -(CNI_ERR_BASE + CNI_CONFIG_INVALID));
}

TEST(an_infra_nic_and_delegated_ones_are_one_pod)
{
	CHECK(map(REPLY(ENTRY(
		      "", "BackendNIC", "00:0d:3a:00:00:0b",
		      ",\"PnPID\":\"0001:00:02.0\"") "," ENTRY("10.9.0.7", "FrontendNIC",
							       "00:0D:3A:00:00:0A",
							       NIC_ROUTES SECOND) "," INFRA)) == 0);
	CHECK(answer.n_ips == 1 && answer.skip_default_route && answer.n_routes == 1);
	CHECK(answer.n_nics == 2 && answer.nics[0].is_backend && !answer.nics[1].is_backend);
	CHECK(answer.nics[0].n_ips == 0 && answer.nics[0].n_routes == 0);
	CHECK_TEXT(answer.nics[0].pci_id, "0001:00:02.0");
	CHECK(answer.nics[1].n_ips == 2 && answer.nics[1].ips[1].address.prefix == 128 &&
	      answer.nics[1].ips[1].gateway.bytes[15] == 1);
	/* the way out of IPv6 beside that of IPv4 */
	CHECK(answer.nics[1].n_routes == 3 && answer.nics[1].routes[2].dst.family == AF_INET6 &&
	      answer.nics[1].routes[2].dst.prefix == 0);
}

TEST(entries_of_both_families_are_one_nic)
{
	CHECK(map(REPLY(INFRA
			"," ENTRY("10.9.0.7", "FrontendNIC", "000d3a00000a", NIC_ROUTES) "," ENTRY(
				"fd02::7", "FrontendNIC", "00-0D-3A-00-00-0A",
				",\"Routes\":[{\"IPAddress\":\"fd00::/"
				"8\",\"GatewayIPAddress\":\"\"}]"))) == 0);
	CHECK(answer.n_nics == 1 && answer.nics[0].n_ips == 2 && answer.nics[0].n_routes == 3);
}

TEST(one_nic_has_the_default_route)
{
	static const char *const bad[] = {
		/* two of them, nobody, two of IPv6 */
		REPLY(ENTRY("10.244.1.7", "InfraNIC", "",
			    "") "," ENTRY("10.9.0.7", "FrontendNIC", "000d3a00000a", NIC_ROUTES)),
		REPLY(INFRA "," ENTRY("10.9.0.7", "FrontendNIC", "000d3a00000a",
				      NIC_ROUTES) "," ENTRY("10.9.0.8", "FrontendNIC",
							    "000d3a00000b", NIC_ROUTES)),
		REPLY(INFRA "," ENTRY("10.9.0.7", "FrontendNIC", "000d3a00000a",
				      ",\"Routes\":[{\"IPAddress\":\"10.0.0.0/8\","
				      "\"GatewayIPAddress\":\"\"}]")),
		REPLY(INFRA "," ENTRY("", "BackendNIC", "000d3a00000a", "")),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(map(bad[i]) == -(CNI_ERR_BASE + CNI_CONFIG_INVALID));
	CHECK(map(REPLY(ENTRY("", "BackendNIC", "000d3a00000a", ""))) ==
	      -(CNI_ERR_BASE + CNI_CNS_REFUSED));
	CHECK(map(REPLY(INFRA "," ENTRY("10.9.0.7", "FrontendNIC", "000d3a00000a",
					NIC_ROUTES) "," ENTRY("", "BackendNIC", "00:0D:3A:00:00:0A",
							      ""))) ==
	      -(CNI_ERR_BASE + CNI_CNS_REFUSED));
	/* NICs that others manage do not count */
	CHECK(map(REPLY(ENTRY("10.244.1.7", "InfraNIC", "", "") "," ENTRY(
		      "10.9.0.7", "FrontendNIC", "000d3a00000a", ",\"sharedNic\":true"))) == 0);
	CHECK(answer.n_nics == 0 && !answer.skip_default_route);
}

TEST(replies_that_cannot_be_right_are_refused)
{
	static const struct {
		const char *json;
		int code;
	} rows[] = {
		{ "{\"podIPInfo\":[],\"response\":{\"ReturnCode\":0}}", CNI_CNS_REFUSED },
		{ "{\"podIPInfo\":null,\"response\":{\"ReturnCode\":0}}", CNI_CNS_REFUSED },
		{ "{\"podIPInfo\":[" POD_IP("10.0.0.1", "24", "InfraNIC") "," POD_IP(
			  "10.0.0.2", "24", "InfraNIC") "],\"response\":{\"ReturnCode\":0}}",
		  CNI_CNS_REFUSED },
		{ "{\"podIPInfo\":[" POD_IP("10.0.0.1", "24", "NewNIC") "],\"ReturnCode\":0}",
		  CNI_CNS_REFUSED },
		{ "{\"podIPInfo\":[" POD_IP("", "24", "") "],\"ReturnCode\":0}", CNI_CNS_REFUSED },
		{ "{\"podIPInfo\":[{\"PodIPConfig\":{\"IPAddress\":\"10.0.0.1\"},"
		  "\"SkipDefaultRoutes\":true}],\"ReturnCode\":0}",
		  CNI_CONFIG_INVALID },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK(map(rows[i].json) == -(CNI_ERR_BASE + rows[i].code));
	CHECK(map("{\"podIPInfo\":[{\"PodIPConfig\":{\"IPAddress\":\"10.0.0.300\"}}]}") ==
	      -EBADMSG);
	CHECK(map("{\"podIPInfo\":[{\"PodIPConfig\":{\"PrefixLength\":300}}]}") == -EBADMSG);
	CHECK(map("{\"podIPInfo\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}") == -EBADMSG);
	CHECK(map("{\"ReturnCode\":\"0\"}") == -EBADMSG);
	CHECK(map("{\"response\":") == -EBADMSG);
	CHECK(map("") == -EBADMSG);
}

TEST(check_compares_with_what_is_assigned)
{
	struct cni_ip ip = { 0 };

	CHECK(address_parse("10.244.1.7", &ip.address) == 0);
	world(REPLIES(SERVER_OK("{\"IPConfigurationStatus\":[{\"IPAddress\":\"10.244.1.7\"}]}")));
	CHECK(ipam_cns.check(&request, &ip, 1, &err) == 0);
	CHECK(ipam_cns.status(&request, &err) == 0);
	ip.address.bytes[3] = 8;
	CHECK(ipam_cns.check(&request, &ip, 1, &err) == -(CNI_ERR_BASE + CNI_CHECK_FAILED));
	server_stop(&server);
	ipam_world_end();
}

static bool nothing(void *owner, const struct address *address)
{
	(void)owner, (void)address;
	return false;
}

TEST(an_address_in_use_on_the_host_is_given_back)
{
	world(REPLIES(SERVER_OK(GOOD), SERVER_OK(FAILED("0", ""))));
	request.may_use = nothing;
	CHECK(add() == CNI_TRY_AGAIN && strstr(err.msg, "10.244.1.7"));
	server_stop(&server);
	CHECK(strstr(server.asked, "releaseipconfigs"));
	ipam_world_end();
}
