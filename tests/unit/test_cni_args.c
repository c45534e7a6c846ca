/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/args.h"

#include "cni/error.h"
#include "tests/unit/test.h"

enum { VARIABLES = 8 };

static const char *const names[VARIABLES] = { "CNI_COMMAND",	   "CNI_CONTAINERID", "CNI_NETNS",
					      "CNI_IFNAME",	   "CNI_PATH",	      "CNI_ARGS",
					      "CNI_NETNS_OVERRIDE" };
static const char *values[VARIABLES];

static const char *get(const char *name)
{
	for (int i = 0; i < VARIABLES; i++) {
		if (names[i] && strcmp(names[i], name) == 0)
			return values[i];
	}
	return NULL;
}

static void set(const char *command, const char *container, const char *netns, const char *ifname,
		const char *path, const char *args)
{
	values[0] = command;
	values[1] = container;
	values[2] = netns;
	values[3] = ifname;
	values[4] = path;
	values[5] = args;
	values[6] = NULL;
}

static void check_wrong(const char *text)
{
	struct cni_args args;
	struct err err = { 0 };

	CHECK(cni_args_read(get, &args, &err) < 0);
	CHECK(cni_code_of(&err) == CNI_ENVIRONMENT_INVALID);
	CHECK_TEXT(err.msg, text);
}

TEST(no_command_is_somebody_at_a_shell)
{
	struct cni_args args;
	struct err err;

	set(NULL, "c", "/n", "eth0", "/p", NULL);
	CHECK(cni_args_read(get, &args, &err) == 1);
	set("", NULL, NULL, NULL, NULL, NULL);
	CHECK(cni_args_read(get, &args, &err) == 1);
}

TEST(all_missing_names_are_told)
{
	set("ADD", NULL, "", NULL, NULL, NULL);
	check_wrong(
		"required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing");
	set("CHECK", "c", NULL, "eth0", "/p", NULL);
	check_wrong("required env variables [CNI_NETNS] missing");
	set("DEL", NULL, NULL, NULL, NULL, NULL);
	check_wrong("required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing");
	set("GC", NULL, NULL, NULL, NULL, NULL);
	check_wrong("required env variables [CNI_PATH] missing");
	set("STATUS", NULL, NULL, NULL, "", NULL);
	check_wrong("required env variables [CNI_PATH] missing");
	set("UPDATE", "c", "/n", "eth0", "/p", NULL);
	check_wrong("unknown CNI_COMMAND: \"UPDATE\"");
	set("add", "c", "/n", "eth0", "/p", NULL);
	check_wrong("unknown CNI_COMMAND: \"add\"");
}

TEST(what_a_verb_does_not_need_may_be_missing)
{
	struct cni_args args;
	struct err err;

	set("VERSION", NULL, NULL, NULL, NULL, NULL);
	CHECK(cni_args_read(get, &args, &err) == 0 && args.verb == CNI_VERSION);
	set("GC", NULL, NULL, NULL, "/p", NULL);
	CHECK(cni_args_read(get, &args, &err) == 0 && args.verb == CNI_GC);
	CHECK_TEXT(args.container, "");
	set("STATUS", NULL, NULL, NULL, "/p", NULL);
	CHECK(cni_args_read(get, &args, &err) == 0 && args.verb == CNI_STATUS);
	set("DEL", "c", NULL, "eth0", "/p", NULL);
	CHECK(cni_args_read(get, &args, &err) == 0 && args.verb == CNI_DEL);
	CHECK_TEXT(args.netns, "");
}

TEST(names_of_containers_and_interfaces_are_checked)
{
	static const char *const containers[] = { "-a", ".a", "a/b", "a b", "a;b", "\xc3\xa9" };
	static const char *const ifnames[] = {
		".", "..", "a/b", "a:b", "a b", "a\tb", "0123456789abcdef"
	};
	struct cni_args args;
	struct err err;

	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
		set("ADD", containers[i], "/n", "eth0", "/p", NULL);
		CHECK(cni_args_read(get, &args, &err) < 0);
		CHECK(cni_code_of(&err) == CNI_ENVIRONMENT_INVALID);
		CHECK(strstr(err.msg, "CNI_CONTAINERID"));
	}
	for (size_t i = 0; i < sizeof(ifnames) / sizeof(ifnames[0]); i++) {
		set("DEL", "c", "/n", ifnames[i], "/p", NULL);
		CHECK(cni_args_read(get, &args, &err) < 0);
		CHECK(strstr(err.msg, "CNI_IFNAME"));
	}
	set("ADD", "0a_.-Z", "/n", "0123456789abcde", "/p", NULL);
	CHECK(cni_args_read(get, &args, &err) == 0);
}

TEST(pairs_are_taken_in_any_order_and_unknown_ones_accepted)
{
	struct cni_args args;
	struct err err;

	set("ADD", "c", "/n", "eth0", "/p",
	    "K8S_POD_UID=u-1;IgnoreUnknown=1;;NERDCTL_CNI_DHCP_HOSTNAME=x;IP=10.0.0.9;"
	    "K8S_POD_NAMESPACE=ns;MAC=02:00:00:00:00:01;K8S_POD_NAME=pod=1;EMPTY=;");
	values[6] = "TRUE";
	CHECK(cni_args_read(get, &args, &err) == 0);
	CHECK_TEXT(args.pod, "pod=1");
	CHECK_TEXT(args.pod_namespace, "ns");
	CHECK_TEXT(args.pod_uid, "u-1");
	CHECK(args.ip.family != 0 && args.ip.bytes[3] == 9);
	CHECK(args.has_mac && args.mac.bytes[5] == 1);
	CHECK(args.netns_override);
	set("ADD", "c", "/n", "eth0", "/p", "IP=;MAC=");
	CHECK(cni_args_read(get, &args, &err) == 0 && args.ip.family == 0 && !args.has_mac);
	CHECK(!args.netns_override);
}

TEST(wrong_pairs_refuse_an_add_but_no_del)
{
	struct cni_args args;
	struct err err;

	set("ADD", "c", "/n", "eth0", "/p", "IP=10.0.0");
	check_wrong("CNI_ARGS: IP: \"10.0.0\" is wrong");
	set("ADD", "c", "/n", "eth0", "/p", "A=1;MAC=zz");
	check_wrong("CNI_ARGS: MAC: \"zz\" is wrong");
	set("ADD", "c", "/n", "eth0", "/p", "A=1;alone");
	check_wrong("CNI_ARGS: \"alone\": not KEY=VALUE");
	values[0] = "DEL";
	CHECK(cni_args_read(get, &args, &err) == 0 && args.verb == CNI_DEL);
}
