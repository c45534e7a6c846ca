/* SPDX-License-Identifier: Apache-2.0 */
/* What check says of the kernel: its limits, its version, its security modules. */
#include <stdlib.h>

#include "config/azlctl/shipped.h"
#include "tests/unit/check_world.h"

/* The number of shipped_sysctl, 0 without one. */
static unsigned long long shipped_number(const char *name)
{
	char line[128];
	const char *at;

	(void)snprintf(line, sizeof(line), "\n%s = ", name);
	at = strstr(shipped_sysctl, line);
	return at ? strtoull(at + strlen(line), NULL, 10) : 0;
}

TEST(apply_is_advised_for_what_apply_sets)
{
	static const char *const files[] = {
		"proc/sys/fs/inotify/max_user_instances",
		"proc/sys/fs/inotify/max_user_watches",
		"proc/sys/kernel/pid_max",
		"proc/sys/kernel/threads-max",
		"proc/sys/kernel/keys/root_maxkeys",
		"proc/sys/fs/file-max",
	};
	struct host_tree tree = good();
	size_t n = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		host_tree_put(&tree, files[i], "7\n");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	for (const char *at = answer; (at = strstr(at, "-> azlctl apply, or sysctl -w ")); n++) {
		char name[64] = "";
		unsigned long long least = 0;

		at += strlen("-> azlctl apply, or sysctl -w ");
		CHECK(sscanf(at, "%63[^=]=%llu", name, &least) == 2 && least > 7);
		CHECK(shipped_number(name) >= least);
		CHECK(shipped_sets(name));
	}
	CHECK(n == 5);
	CHECK(says("-> sysctl -w kernel.threads-max=32768; for every boot: \"sysctl\": { "
		   "\"kernel.threads-max\": 32768 } in /etc/azl/host.json, then azlctl apply"));
	CHECK(!shipped_sets("kernel.threads-max") && !shipped_sets("kernel.pid"));
	CHECK(shipped_sets("net.ipv6.conf.all.forwarding"));
	host_tree_done(&tree);
}

TEST(apply_is_not_advised_where_host_json_keeps_it_from_that)
{
	static const struct {
		const char *json;
		const char *said[2]; /* of forwarding, and of process ids */
	} cases[] = {
		{ "{}",
		  { "-> azlctl apply, or sysctl -w net.ipv4.ip_forward=1\n",
		    "-> azlctl apply, or sysctl -w kernel.pid_max=131072\n" } },
		{ "{\"apply\": {\"network\": false}}",
		  { "-> sysctl -w net.ipv4.ip_forward=1; for every boot: \"sysctl\": { "
		    "\"net.ipv4.ip_forward\": 1 } in /etc/azl/host.json, then azlctl apply\n",
		    "-> azlctl apply, or sysctl -w kernel.pid_max=131072\n" } },
		{ "{\"apply\": {\"sysctl\": false}}",
		  { "-> sysctl -w net.ipv4.ip_forward=1, and the same in a file of /etc/sysctl.d",
		    "-> sysctl -w kernel.pid_max=131072, and the same in a file of "
		    "/etc/sysctl.d" } },
		{ "{\"sysctl\": {\"net.ipv4.ip_forward\": null, \"kernel/pid_max\": 70000}}",
		  { "-> sysctl -w net.ipv4.ip_forward=1; for every boot: ",
		    "-> sysctl -w kernel.pid_max=131072; for every boot: " } },
		/* one that is broken */
		{ "{", { "-> azlctl apply, or sysctl -w net.ipv4.ip_forward=1\n", "" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_tree tree = good();

		host_tree_put(&tree, "etc/azl/host.json", cases[i].json);
		host_tree_put(&tree, "proc/sys/net/ipv4/ip_forward", "0\n");
		host_tree_put(&tree, "proc/sys/kernel/pid_max", "32768\n");
		CHECK(check(&tree, false) == AZLCTL_UNFIT);
		CHECK(says(cases[i].said[0]));
		CHECK(says(cases[i].said[1]));
		host_tree_done(&tree);
	}
}

TEST(threads_are_judged_by_the_memory_that_the_kernel_counts_them_by)
{
	struct host_tree tree = good();

	/* what a machine of 4 GiB boots with */
	host_tree_put(&tree, "proc/meminfo", "MemTotal:        4019384 kB\nMemFree: 1 kB\n");
	host_tree_put(&tree, "proc/sys/kernel/threads-max", "31402\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("kernel.threads-max is 31402\n"));
	host_tree_put(&tree, "proc/sys/kernel/threads-max", "15000\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("kernel.threads-max is 15000, less than 15700: "));
	host_tree_put(&tree, "proc/meminfo", "MemTotal:       65000000 kB\n");
	host_tree_put(&tree, "proc/sys/kernel/threads-max", "31402\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("less than 32768"));
	host_tree_done(&tree);
}

TEST(a_kernel_is_known_by_what_it_was_built_from)
{
	struct host_tree tree = good();

	/* Debian's and Ubuntu's names end in 0, whatever they are built from */
	host_tree_put(&tree, "proc/sys/kernel/osrelease", "6.6.0-13-amd64\n");
	host_tree_put(&tree, "proc/sys/kernel/version", "#1 SMP Debian 6.6.55-1 (2023-09-29)\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("Linux 6.6.0-13-amd64"));
	host_tree_put(&tree, "proc/sys/kernel/version", "#1 SMP Debian 6.6.9-1 (2023-09-29)\n");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	host_tree_put(&tree, "proc/version_signature", "Ubuntu 6.6.0-31.31-generic 6.6.20\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	host_tree_put(&tree, "proc/version_signature", "Ubuntu 6.6.0-31.31-generic 6.6.1\n");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	host_tree_done(&tree);
}

TEST(the_policy_module_of_selinux_is_found)
{
	struct host_tree tree = good();

	host_tree_put(&tree, "sys/fs/selinux/enforce", "1");
	host_tree_put(&tree, "var/lib/selinux/targeted/active/modules/200/azl/cil", "");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("with the policy module azl"));
	host_tree_done(&tree);
}
