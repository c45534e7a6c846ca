/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/netconf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cni/error.h"
#include "cni/netconf_guards.h"
#include "tests/unit/test.h"

#define NET "\"cniVersion\":\"1.0.0\",\"name\":\"net\""

static int parse(const char *json, struct netconf *netconf, struct err *err)
{
	*netconf = (struct netconf){ 0 };
	*err = (struct err){ 0 };
	return netconf_parse(json, strlen(json), netconf, err);
}

static struct netconf good(const char *json)
{
	struct netconf netconf;
	struct err err;

	CHECK(parse(json, &netconf, &err) == 0);
	CHECK_TEXT(err.msg, "");
	return netconf;
}

static void check_wrong(const char *json, enum cni_code code, const char *text)
{
	struct netconf netconf;
	struct err err;

	CHECK(parse(json, &netconf, &err) < 0);
	CHECK(cni_code_of(&err) == code);
	if (!strstr(err.msg, text))
		CHECK_TEXT(err.msg, text);
	CHECK(!netconf.name && !netconf.prev && !netconf.attachments);
}

static void check_address(const struct address *address, const char *want)
{
	char text[ADDRESS_TEXT_ROOM] = "";

	address_format(address, false, text);
	CHECK_TEXT(text, want);
}

TEST(versions_are_a_set_and_no_order)
{
	static const char *const known[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };
	static const char *const unknown[] = { "0.1.0", "0.2.0", "0.3.2",  "1.0", "1.0.1",
					       "1.2.0", "2.0.0", "v1.0.0", "",	  "1.0.0 " };
	char json[128];

	for (size_t i = 0; i < 5; i++) {
		struct netconf netconf;

		(void)snprintf(json, sizeof(json), "{\"cniVersion\":\"%s\",\"name\":\"n\"}",
			       known[i]);
		netconf = good(json);
		CHECK((size_t)netconf.version == i);
		CHECK_TEXT(cni_version_text(netconf.version), known[i]);
		netconf_done(&netconf);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		(void)snprintf(json, sizeof(json), "{\"cniVersion\":\"%s\",\"name\":\"n\"}",
			       unknown[i]);
		check_wrong(json, CNI_VERSION_INCOMPATIBLE, unknown[i]);
	}
	check_wrong("{\"name\":\"n\"}", CNI_VERSION_INCOMPATIBLE, "\"0.1.0\"");
}

TEST(a_configuration_of_nothing_has_the_defaults)
{
	struct netconf netconf = good("{" NET ",\"type\":\"azl-cni\",\"x\":{\"ipam\":[1]}}");

	CHECK_TEXT(netconf.name, "net");
	CHECK_TEXT(netconf.type, "azl-cni");
	CHECK(netconf.datapath == DATAPATH_ROUTED && netconf.ipam == IPAM_NONE);
	CHECK(netconf.removal == REMOVAL_NOW);
	CHECK(netconf.guards[TARGET_WIRESERVER] == GUARD_DEFAULT &&
	      netconf.guards[TARGET_IMDS] == GUARD_DEFAULT && netconf.n_also == 0);
	CHECK(!netconf.master && netconf.mtu == 0 && !netconf.has_prev && !netconf.has_mac);
	CHECK(!netconf.has_attachments && netconf.n_ranges == 0 && netconf.n_routes == 0);
	netconf_done(&netconf);
}

TEST(our_own_keys_are_read)
{
	struct netconf netconf = good(
		"{" NET
		",\"datapath\":\"nic\",\"master\":\"eth1\",\"mtu\":1400,\"removal\":\"namespace\","
		"\"guards\":{\"wireserver\":false,\"imds\":true},"
		"\"cnsurl\":\"http://a\",\"ipam\":{\"type\":\"azure-cns\","
		"\"imdsurl\":\"http://b\",\"dataDir\":\"/d\",\"claimHostAddresses\":true},"
		"\"routes\":[{\"dst\":\"10.0.0.0/8\"}],"
		"\"dns\":{\"nameservers\":[\"10.0.0.10\"],\"domain\":\"d\"}}");

	CHECK(netconf.datapath == DATAPATH_NIC && netconf.ipam == IPAM_CNS);
	CHECK(netconf.removal == REMOVAL_NAMESPACE);
	CHECK_TEXT(netconf.master, "eth1");
	CHECK(netconf.mtu == 1400);
	CHECK(netconf.guards[TARGET_WIRESERVER] == GUARD_OPEN &&
	      netconf.guards[TARGET_IMDS] == GUARD_CLOSED);
	CHECK_TEXT(netconf.cns_url, "http://a");
	CHECK_TEXT(netconf.imds_url, "http://b");
	CHECK_TEXT(netconf.data_dir, "/d");
	CHECK(netconf.claim_host_addresses && netconf.n_routes == 1);
	CHECK_TEXT(netconf.dns.nameservers[0], "10.0.0.10");
	CHECK_TEXT(netconf.dns.domain, "d");
	netconf_done(&netconf);
}

TEST(keys_of_another_plugin_mean_what_it_says)
{
	struct netconf netconf =
		good("{" NET ",\"ipam\":{\"dataDir\":\"/var/lib/cni\",\"ranges\":\"mine\","
		     "\"subnet\":7,\"routes\":{\"a\":1},\"type\":\"host-local\"}}");

	CHECK(netconf.ipam == IPAM_DELEGATE && !netconf.data_dir && netconf.n_ranges == 0);
	CHECK_TEXT(netconf.ipam_type, "host-local");
	netconf_done(&netconf);
}

TEST(sets_of_ranges_keep_their_order)
{
	struct netconf netconf =
		good("{" NET ",\"runtimeConfig\":{\"ipRanges\":[[{\"Subnet\":\"10.2.0.0/16\","
		     "\"RangeStart\":\"10.2.0.9\",\"GATEWAY\":\"10.2.0.1\"}]]},"
		     "\"ipam\":{\"type\":\"ranges\",\"subnet\":\"10.1.0.0/24\","
		     "\"rangeEnd\":\"10.1.0.20\",\"ranges\":[[{\"subnet\":\"10.3.0.0/24\"},"
		     "{\"subnet\":\"10.4.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]],"
		     "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.3.0.1\"}]}}");

	CHECK(netconf.ipam == IPAM_RANGES && netconf.n_ranges == 5);
	check_address(&netconf.ranges[0].subnet, "10.1.0.0");
	check_address(&netconf.ranges[0].last, "10.1.0.20");
	check_address(&netconf.ranges[1].first, "10.2.0.9");
	check_address(&netconf.ranges[1].gateway, "10.2.0.1");
	check_address(&netconf.ranges[4].subnet, "fd00::");
	CHECK(netconf.ranges[0].set == 0 && netconf.ranges[1].set == 1);
	CHECK(netconf.ranges[2].set == 2 && netconf.ranges[3].set == 2);
	CHECK(netconf.ranges[4].set == 3 && netconf.n_routes == 1);
	netconf_done(&netconf);
}

TEST(wrong_ranges_are_named)
{
#define RANGE(text) "{" NET ",\"ipam\":{\"type\":\"ranges\",\"ranges\":[[" text "]]}}"
	check_wrong(RANGE("{}"), CNI_CONFIG_INVALID, "\"subnet\" is missing");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.1/24\"}"), CNI_CONFIG_INVALID,
		    "ipam.subnet: \"10.0.0.1/24\": bits of the host are set");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0\"}"), CNI_CONFIG_INVALID,
		    "ipam.ranges[0][0].subnet: \"10.0.0.0\": is not ADDRESS/PREFIX");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0/24\",\"rangeStart\":\"10.0.1.1\"}"),
		    CNI_CONFIG_INVALID, "ipam.rangeStart: \"10.0.1.1/32\": is outside");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0/24\",\"rangeEnd\":\"fd00::1\"}"),
		    CNI_CONFIG_INVALID, "ipam.rangeEnd");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0/24\",\"rangeStart\":\"10.0.0.9\","
			  "\"rangeEnd\":\"10.0.0.8\"}"),
		    CNI_CONFIG_INVALID, "is behind rangeEnd");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0/24\",\"gateway\":\"fd00::1\"}"),
		    CNI_CONFIG_INVALID, "ipam.gateway");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"10.0.0.128/25\"}"),
		    CNI_CONFIG_INVALID, "overlaps");
	check_wrong(RANGE("{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"fd00::/64\"}"),
		    CNI_CONFIG_INVALID, "of another family");
	check_wrong(RANGE("7"), CNI_CONFIG_INVALID, "must be an object");
#undef RANGE
}

TEST(keys_of_the_runtime_come_in_any_case)
{
	struct netconf netconf = good(
		"{" NET ",\"runtimeConfig\":{\"IPs\":[\"10.0.0.9/24\",\"fd00::3\"],"
		"\"MAC\":\"02:00:00:00:00:07\",\"dns\":{\"Servers\":[\"1.1.1.1\"],"
		"\"Searches\":[\"s\"],\"Options\":[\"o\"]},\"PortMappings\":[{\"HostPort\":1}],"
		"\"io.kubernetes.cri.pod-annotations\":{\"a\":\"b\"}},"
		"\"dns\":{\"nameservers\":[\"9.9.9.9\"],\"domain\":\"d\"}}");

	CHECK(netconf.n_wanted == 2 && netconf.has_mac && netconf.mac.bytes[5] == 7);
	check_address(&netconf.wanted[0], "10.0.0.9");
	check_address(&netconf.wanted[1], "fd00::3");
	CHECK_TEXT(netconf.dns.nameservers[0], "1.1.1.1");
	CHECK(!netconf.dns.nameservers[1]);
	CHECK_TEXT(netconf.dns.search[0], "s");
	CHECK_TEXT(netconf.dns.options[0], "o");
	CHECK_TEXT(netconf.dns.domain, "d");
	netconf_done(&netconf);
}

TEST(the_exact_spelling_wins)
{
	static const char *const both[] = {
		"{" NET ",\"runtimeConfig\":{\"ips\":[\"10.0.0.1\"],\"IPS\":[\"10.0.0.2\"]}}",
		"{" NET ",\"runtimeConfig\":{\"IPS\":[\"10.0.0.2\"],\"ips\":[\"10.0.0.1\"]}}",
	};

	for (size_t i = 0; i < 2; i++) {
		struct netconf netconf = good(both[i]);

		CHECK(netconf.n_wanted == 1);
		check_address(&netconf.wanted[0], "10.0.0.1");
		netconf_done(&netconf);
	}
}

TEST(wishes_of_args_come_after_the_runtimes_and_none_twice)
{
	struct netconf netconf =
		good("{" NET ",\"args\":{\"cni\":{\"ips\":[\"10.0.0.1\",\"10.0.0.2\"],"
		     "\"labels\":[{\"a\":1}]}},\"runtimeConfig\":{\"ips\":[\"10.0.0.2/8\"]}}");

	CHECK(netconf.n_wanted == 2);
	check_address(&netconf.wanted[0], "10.0.0.2");
	check_address(&netconf.wanted[1], "10.0.0.1");
	netconf_done(&netconf);
}

TEST(what_is_wrong_is_named)
{
	check_wrong("", CNI_DECODE, "configuration");
	check_wrong("{", CNI_DECODE, "configuration: not JSON at byte");
	check_wrong("{} {}", CNI_DECODE, "");
	check_wrong("[]", CNI_CONFIG_INVALID, "must be an object");
	check_wrong("{\"cniVersion\":\"1.0.0\"}", CNI_CONFIG_INVALID, "name: \"\"");
	check_wrong("{\"cniVersion\":\"1.0.0\",\"name\":\"../x\"}", CNI_CONFIG_INVALID, "\"../x\"");
	check_wrong("{\"cniVersion\":\"1.0.0\",\"name\":\".x\"}", CNI_CONFIG_INVALID, "\".x\"");
	check_wrong("{\"cniVersion\":\"1.0.0\",\"name\":7}", CNI_CONFIG_INVALID, "name: \"7\"");
	check_wrong("{" NET ",\"datapath\":\"bridge\"}", CNI_CONFIG_INVALID, "MAC address");
	check_wrong("{" NET ",\"datapath\":\"macvlan\"}", CNI_CONFIG_INVALID, "MAC address");
	check_wrong("{" NET ",\"datapath\":\"x\"}", CNI_CONFIG_INVALID, "datapath: \"x\"");
	check_wrong("{" NET ",\"removal\":\"later\"}", CNI_CONFIG_INVALID,
		    "removal: \"later\": is not known here: known are now and namespace");
	check_wrong("{" NET ",\"removal\":1}", CNI_CONFIG_INVALID, "removal");
	check_wrong("{" NET ",\"mtu\":\"1500\"}", CNI_CONFIG_INVALID, "mtu: \"1500\"");
	check_wrong("{" NET ",\"mtu\":65536}", CNI_CONFIG_INVALID, "mtu: \"65536\"");
	check_wrong("{" NET ",\"mtu\":67}", CNI_CONFIG_INVALID, "mtu: \"67\"");
	check_wrong("{" NET ",\"master\":\"0123456789abcdef\"}", CNI_CONFIG_INVALID, "master");
	check_wrong("{" NET ",\"ipam\":{\"type\":\"a/b\"}}", CNI_CONFIG_INVALID, "\"a/b\"");
	check_wrong("{" NET ",\"ipam\":{\"type\":\"..\"}}", CNI_CONFIG_INVALID, "\"..\"");
	check_wrong("{" NET ",\"ipam\":\"x\"}", CNI_CONFIG_INVALID, "ipam: \"x\"");
	check_wrong("{" NET ",\"guards\":{\"imds\":\"no\"}}", CNI_CONFIG_INVALID,
		    "guards.imds: \"no\": must be true (closed), false (open) or \"opt-in\"");
	check_wrong("{" NET ",\"guards\":{\"imds\":1}}", CNI_CONFIG_INVALID, "guards.imds");
	check_wrong("{" NET ",\"guards\":{\"imds\":{}}}", CNI_CONFIG_INVALID, "guards.imds");
	check_wrong("{" NET ",\"guards\":[]}", CNI_CONFIG_INVALID, "guards");
	check_wrong("{" NET ",\"guards\":{\"IMDS\":true}}", CNI_CONFIG_INVALID, "known are");
	check_wrong("{" NET ",\"guards\":{\"also\":\"1.2.3.4\"}}", CNI_CONFIG_INVALID, "a list");
	check_wrong("{" NET ",\"guards\":{\"also\":[\"1.2.3.4\",\"1.2.3.0/24\"]}}",
		    CNI_CONFIG_INVALID, "guards.also[1]: \"1.2.3.0/24\"");
	check_wrong("{" NET ",\"guards\":{\"also\":[[\"1.2.3.4\"]]}}", CNI_CONFIG_INVALID,
		    "guards.also[0]");
	check_wrong("{" NET ",\"guards\":{\"also\":[null]}}", CNI_CONFIG_INVALID, "guards.also[0]");
	check_wrong("{" NET ",\"guards\":{\"also\":[\"\"]}}", CNI_CONFIG_INVALID, "guards.also[0]");
	check_wrong(
		"{" NET ",\"guards\":{\"also\":[\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\","
		"\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\","
		"\"::1\"]}}",
		CNI_CONFIG_INVALID, "one too many");
	check_wrong("{" NET ",\"dataDir\":\"a\"}", CNI_CONFIG_INVALID, "dataDir: \"a\"");
	check_wrong("{" NET ",\"routes\":[{}]}", CNI_CONFIG_INVALID, "routes[0].dst");
	check_wrong("{" NET ",\"runtimeConfig\":{\"ips\":[\"x\"]}}", CNI_CONFIG_INVALID,
		    "runtimeConfig.ips[0]: \"x\"");
	check_wrong("{" NET ",\"runtimeConfig\":{\"mac\":\"ff:ff:ff:ff:ff:ff\"}}",
		    CNI_CONFIG_INVALID, "runtimeConfig.mac");
	check_wrong("{" NET ",\"dns\":{\"search\":\"a\"}}", CNI_CONFIG_INVALID, "dns.search");
}

static struct guards guards_of(const char *guards, const char *asks, const char *ipam)
{
	char json[1024];
	struct netconf netconf;
	struct guards made;

	(void)snprintf(json, sizeof(json), "{" NET ",\"guards\":%s,\"ipam\":{\"type\":\"%s\"},%s}",
		       guards, ipam, asks);
	netconf = good(json);
	made = netconf_guards(&netconf);
	made.also = NULL;
	netconf_done(&netconf);
	return made;
}

#define ANNOTATIONS "\"runtimeConfig\":{\"io.kubernetes.cri.pod-annotations\":"
#define LABELS	    "\"args\":{\"cni\":{\"labels\":"
#define ASK_IMDS    ANNOTATIONS "{\"a\":\"b\",\"network.azl.io/imds\":\"allow\"}}"
#define ASK_WIRE    LABELS "[{\"value\":\"allow\",\"key\":\"network.azl.io/wireserver\"},{}]}}"

TEST(who_is_let_through_the_guards)
{
	struct guards made = guards_of("null", "\"x\":1", "ranges");

	CHECK(made.wireserver == GUARDS_CLOSE && made.imds == GUARDS_CLOSE && made.n_also == 0);
	made = guards_of("null", "\"x\":1", "azure-cns");
	CHECK(made.wireserver == GUARDS_CLOSE && made.imds == GUARDS_LEAVE);
	made = guards_of("{\"imds\":true,\"wireserver\":false}", "\"x\":1", "azure-cns");
	CHECK(made.wireserver == GUARDS_PASS && made.imds == GUARDS_CLOSE);
	made = guards_of("{\"imds\":\"opt-in\",\"wireserver\":\"opt-in\"}", "\"x\":1", "azure-cns");
	CHECK(made.wireserver == GUARDS_CLOSE && made.imds == GUARDS_CLOSE);
	made = guards_of("{\"imds\":\"opt-in\",\"wireserver\":\"opt-in\"}", ASK_IMDS, "ranges");
	CHECK(made.wireserver == GUARDS_CLOSE && made.imds == GUARDS_PASS);
	made = guards_of("{\"imds\":\"opt-in\",\"wireserver\":\"opt-in\"}", ASK_WIRE, "ranges");
	CHECK(made.wireserver == GUARDS_PASS && made.imds == GUARDS_CLOSE);
	made = guards_of("{\"imds\":true}", ASK_IMDS, "ranges");
	CHECK(made.wireserver == GUARDS_CLOSE && made.imds == GUARDS_CLOSE);
	made = guards_of("null", ASK_WIRE, "ranges");
	CHECK(made.wireserver == GUARDS_CLOSE);
	made = guards_of("{\"also\":[\"1.2.3.4\",\"[fd00::1]:80\"]}", "\"x\":1", "ranges");
	CHECK(made.n_also == 2);
}

static int asked_code(const char *asks, const char *refused)
{
	char json[1024];
	struct netconf netconf;
	struct err err = { 0 };
	int code;

	(void)snprintf(json, sizeof(json), "{" NET ",\"guards\":{\"imds\":\"opt-in\"},%s}", asks);
	netconf = good(json);
	code = netconf_guards_check(&netconf, &err);
	if (code < 0)
		CHECK(strstr(err.msg, "network.azl.io/") && strstr(err.msg, "must be \"allow\""));
	if (refused)
		CHECK_TEXT(netconf_guards_refused(&netconf), refused);
	else
		CHECK(!netconf_guards_refused(&netconf));
	netconf_done(&netconf);
	return code < 0 ? (int)cni_code_of(&err) : 0;
}

TEST(what_a_pod_asks_is_no_error_but_for_add)
{
	CHECK(asked_code("\"x\":1", NULL) == 0);
	CHECK(asked_code(ASK_IMDS, NULL) == 0);
	CHECK(asked_code(ASK_WIRE, "network.azl.io/wireserver") == 0);
	CHECK(asked_code(ANNOTATIONS "{\"network.azl.io/imds\":null}}", NULL) == 0);
	CHECK(asked_code(ANNOTATIONS "{\"network.azl.io/IMDS\":\"x\"}}", NULL) == 0);
	CHECK(asked_code(ANNOTATIONS "7}", NULL) == 0);
	CHECK(asked_code(ANNOTATIONS "{\"network.azl.io/imds\":\"yes\"}}", NULL) ==
	      CNI_CONFIG_INVALID);
	CHECK(asked_code(ANNOTATIONS "{\"network.azl.io/imds\":{}}}", NULL) == CNI_CONFIG_INVALID);
	CHECK(asked_code(LABELS "[{\"key\":\"network.azl.io/imds\",\"value\":true}]}}", NULL) ==
	      CNI_CONFIG_INVALID);
	CHECK(asked_code(LABELS "[{\"key\":\"network.azl.io/imds\"},{\"value\":\"allow\"}]}}",
			 NULL) == 0);
	CHECK(asked_code(LABELS "{\"key\":\"network.azl.io/imds\",\"value\":7}}}", NULL) == 0);
}

TEST(a_previous_result_of_any_version_is_taken)
{
	static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };

	for (size_t i = 0; i < 5; i++) {
		char json[300];
		struct netconf netconf;

		(void)snprintf(
			json, sizeof(json),
			"{" NET ",\"prevResult\":{\"cniVersion\":\"%s\",\"ips\":[{\"version\":"
			"\"4\",\"address\":\"10.0.0.1/24\",\"interface\":0}],"
			"\"interfaces\":[{\"name\":\"eth0\"}],\"dns\":{\"search\":[\"s\"]}}}",
			versions[i]);
		netconf = good(json);
		CHECK(netconf.has_prev && netconf.prev && netconf.prev->n_ips == 1);
		CHECK(netconf.prev && netconf.prev->n_interfaces == 1);
		netconf_done(&netconf);
	}
}

TEST(a_previous_result_that_cannot_be_read_is_noted)
{
	static const char *const wrong[] = {
		"[]",
		"7",
		"{\"ips\":7}",
		"{\"ips\":[{\"address\":\"x\"}]}",
		"{\"ips\":[{}]}",
		"{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":3}]}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char json[300];
		struct netconf netconf;

		(void)snprintf(json, sizeof(json), "{" NET ",\"prevResult\":%s,\"mtu\":1400}",
			       wrong[i]);
		netconf = good(json);
		CHECK(netconf.has_prev && !netconf.prev && netconf.prev_error);
		CHECK(netconf.mtu == 1400);
		netconf_done(&netconf);
	}
}

static void check_attachments(const char *keys, bool there, const char *const *want, size_t n)
{
	char json[400];
	struct netconf netconf;

	(void)snprintf(json, sizeof(json), "{" NET "%s}", keys);
	netconf = good(json);
	CHECK(netconf.has_attachments == there && netconf.n_attachments == n);
	for (size_t i = 0; i < n && i < netconf.n_attachments; i++)
		CHECK_TEXT(netconf.attachments[i].container, want[i]);
	netconf_done(&netconf);
}

TEST(attachments_have_two_keys_and_the_right_one_wins)
{
	static const char *const a[] = { "a" };
	static const char *const b[] = { "b" };
	static const char new_a[] =
		",\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"e\"}]";
	static const char old_b[] =
		",\"cni.dev/attachments\":[{\"containerID\":\"b\",\"ifname\":\"e\"}]";
	char both[300];

	check_attachments(new_a, true, a, 1);
	check_attachments(old_b, true, b, 1);
	(void)snprintf(both, sizeof(both), "%s%s", new_a, old_b);
	check_attachments(both, true, a, 1);
	(void)snprintf(both, sizeof(both), "%s%s", old_b, new_a);
	check_attachments(both, true, a, 1);
}

TEST(an_empty_list_of_attachments_is_not_an_absent_one)
{
	check_attachments("", false, NULL, 0);
	check_attachments(",\"cni.dev/valid-attachments\":null", false, NULL, 0);
	check_attachments(",\"cni.dev/valid-attachments\":[]", true, NULL, 0);
	check_attachments(",\"cni.dev/attachments\":[]", true, NULL, 0);
	check_wrong("{" NET ",\"cni.dev/attachments\":{}}", CNI_CONFIG_INVALID, "must be a list");
	check_wrong("{" NET ",\"cni.dev/attachments\":[{\"containerID\":\"a\"}]}",
		    CNI_CONFIG_INVALID, "is missing");
	check_wrong("{" NET ",\"cni.dev/attachments\":[\"a\"]}", CNI_CONFIG_INVALID,
		    "must be an object");
}
