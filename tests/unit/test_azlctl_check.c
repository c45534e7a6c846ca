/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "config/azlctl/checks.h"
#include "config/azlctl/shipped.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/json.h"
#include "tests/unit/azlctl_world.h"

/* A host on which all is well. */
static struct host_tree good(void)
{
	struct host_tree tree = host_tree_new();
	static const char *const files[][2] = {
		{ "proc/sys/kernel/osrelease", "6.6.134.1-2.azl3\n" },
		{ "proc/filesystems", "nodev\tsysfs\nnodev\toverlay\n\text4\n" },
		{ "proc/sys/fs/inotify/max_user_instances", "8192\n" },
		{ "proc/sys/fs/inotify/max_user_watches", "524288\n" },
		{ "proc/sys/kernel/pid_max", "4194304\n" },
		{ "proc/sys/kernel/threads-max", "127000\n" },
		{ "proc/sys/kernel/keys/root_maxkeys", "1000000\n" },
		{ "proc/sys/fs/file-max", "9223372036854775807\n" },
		{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma\n" },
		{ "sys/fs/cgroup/cgroup.subtree_control", "cpu memory pids\n" },
		{ "proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 "
					 "cgroup2 rw,memory_recursiveprot\n" },
		{ "proc/pressure/memory", "some avg10=0.00\n" },
		{ "usr/bin/containerd", "" },
		{ "usr/bin/runc", "" },
		{ "usr/bin/containerd-shim-azl-v2", "" },
		{ "usr/share/azl/known-versions.json",
		  "{\"versions\": [{\"program\": \"kernel\", \"from\": \"6.6.0\", \"below\": "
		  "\"6.6.15\", \"level\": \"fail\", \"why\": \"bad kernel\", \"fix\": \"a better "
		  "kernel\"}]}" },
		{ "etc/containerd/config.toml",
		  "version = 3\n[plugins.x.runtimes.azl]\nruntime_path = "
		  "\"/usr/bin/containerd-shim-azl-v2\"\n[plugins.x.runtimes.azl.options]\n"
		  "  SystemdCgroup=true\n" },
		{ "run/systemd/system/x", "" },
		{ "proc/net/route", "Iface\tDestination\tGateway\neth0\t00000000\t0100000A\n" },
		{ "sys/class/net/eth0/lower_enP1s1/x", "" },
		{ "proc/sys/net/ipv4/ip_forward", "1\n" },
		{ "proc/sys/net/ipv4/conf/all/rp_filter", "0\n" },
		{ "proc/sys/net/ipv4/neigh/default/gc_thresh3", "8192\n" },
		{ "etc/cni/net.d/10-azl.conflist",
		  "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", "
		  "\"plugins\": [{\"type\": \"azl-cni\", \"ipam\": "
		  "{\"type\": \"cns\"}}]}" },
		{ "etc/cni/net.d/90-other.conflist", "not looked at" },
		{ "opt/cni/bin/azl-cni", "" },
		{ "var/lib/azl/applied.json", "{\"version\": 1, \"changes\": []}" },
	};

	host_tree_put_all(&tree, files, sizeof(files) / sizeof(files[0]));
	host_tree_link(&tree, "sys/class/net/eth0/device/driver",
		       "../../../bus/vmbus/drivers/hv_netvsc");
	host_tree_link(&tree, "sys/class/net/enP1s1/device/driver",
		       "../../bus/pci/drivers/mlx5_core");
	return tree;
}

static int check(const struct host_tree *tree, bool json)
{
	return ask(cmd_check, tree, json, 0, NULL);
}

TEST(a_good_host_is_fit)
{
	struct host_tree tree = good();

	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("eth0 is hv_netvsc, accelerated by enP1s1 (mlx5_core)"));
	CHECK(says("10-azl.conflist, first plugin azl-cni"));
	CHECK(says(" 0 failed, 0 warned"));
	host_tree_done(&tree);
}

TEST(each_fault_is_told_with_its_fix)
{
	static const struct {
		const char *file, *content, *said, *fix;
		int status;
	} faults[] = {
		{ "proc/sys/kernel/osrelease", "5.15.0-1\n", "Linux 5.15.0-1 is older than 6.1",
		  "boot a newer kernel", AZLCTL_UNFIT },
		{ "proc/filesystems", "\text4\n\toverlayfs\n", "overlay is not loaded",
		  "modprobe overlay", AZLCTL_WARNED },
		{ "proc/sys/fs/inotify/max_user_instances", "128\n",
		  "fs.inotify.max_user_instances is 128, less than 1024",
		  "sysctl -w fs.inotify.max_user_instances=1024", AZLCTL_UNFIT },
		{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n",
		  "controller pids is missing", "cgroup_enable=pids", AZLCTL_UNFIT },
		{ "sys/fs/cgroup/cgroup.controllers", "cpu memory pids cpuset\n",
		  "controller io is missing", "cgroup_enable=io", AZLCTL_WARNED },
		{ "sys/fs/cgroup/cgroup.subtree_control", "cpu pids\n",
		  "controller memory is not handed down", "echo +memory", AZLCTL_WARNED },
		{ "proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		  "memory.min of a slice does not reach", "remount,memory_recursiveprot",
		  AZLCTL_WARNED },
		{ "proc/self/mountinfo",
		  "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,memory_recursiveprot\n",
		  "each create waits", "cannot be undone before the next boot", AZLCTL_OK },
		{ "usr/share/azl/known-versions.json", NULL, "known-bad versions are not seen",
		  "reinstall", AZLCTL_WARNED },
		{ "usr/bin/runc", NULL, "runc is not installed", "install runc", AZLCTL_UNFIT },
		{ "etc/containerd/config.toml", "# containerd-shim-azl-v2\n", "does not name azl",
		  "azlctl apply", AZLCTL_OK },
		{ "etc/containerd/config.toml", "x = \"io.containerd.azl.v2\"\n",
		  "SystemdCgroup is not true", "SystemdCgroup = true", AZLCTL_WARNED },
		{ "etc/containerd/config.toml",
		  "[p.runtimes.azl]\nruntime_type = \"io.containerd.azl.v2\"\n"
		  "[p.runtimes.runc.options]\nSystemdCgroup = true\n",
		  "SystemdCgroup is not true for azl", "in /etc/containerd/config.toml",
		  AZLCTL_WARNED },
		{ "run/systemd/system/x", NULL, "but no systemd runs: no pod starts",
		  "SystemdCgroup = false", AZLCTL_UNFIT },
		{ "proc/sys/net/ipv4/neigh/default/gc_thresh3", NULL, "another network namespace's",
		  "", AZLCTL_OK },
		{ "sys/class/net/enP1s1/operstate", "down\n", "enP1s1 (mlx5_core) is down",
		  "ip link set enP1s1 up", AZLCTL_WARNED },
		{ "sys/class/net/enP1s1/operstate", "up\n", "accelerated by enP1s1", "",
		  AZLCTL_OK },
		{ "proc/net/route", "Iface\n", "no default route", "ip route", AZLCTL_WARNED },
		{ "proc/net/route", "Iface\tD\nlo\t00000000\n", "lo, driver none", "", AZLCTL_OK },
		{ "proc/sys/net/ipv4/ip_forward", "0\n", "no pod reaches anything",
		  "sysctl -w net.ipv4.ip_forward=1", AZLCTL_UNFIT },
		{ "proc/sys/net/ipv4/conf/all/rp_filter", "2\n", "others' addresses", "rp_filter=0",
		  AZLCTL_WARNED },
		{ "proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n", "too few",
		  "gc_thresh3=8192", AZLCTL_WARNED },
		{ "etc/cni/net.d/05-broken.conf", "{\"name\": ", "05-broken.conf", "NotReady",
		  AZLCTL_UNFIT },
		{ "etc/cni/net.d/05-x.conf", "{\"cniVersion\": \"0.3.1\", \"type\": \"azl-cni\"}",
		  "05-x.conf has no \"name\"", "NotReady", AZLCTL_UNFIT },
		{ "etc/cni/net.d/05-x.conflist",
		  "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": "
		  "\"azl-cni\", \"datapath\": \"tunnel\", \"ipam\": {\"type\": \"cns\"}}]}",
		  "azl-cni refuses it: ", "docs/NETWORK.md has every key", AZLCTL_UNFIT },
		{ "etc/cni/net.d/05-x.conflist",
		  "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": "
		  "\"azl-cni\", \"ipam\": {\"type\": \"host-local\"}}]}",
		  "plugin \"host-local\" is not in /opt/cni/bin", "install it", AZLCTL_UNFIT },
		{ "etc/cni/net.d/05-x.conflist",
		  "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": "
		  "\"azl-cni\", \"guards\": {\"imds\": \"opt-in\"}, \"ipam\": {\"type\": "
		  "\"cns\"}}]}",
		  "no pod's annotation reaches", "io.kubernetes.cri.pod-annotations",
		  AZLCTL_WARNED },
		{ "etc/cni/net.d/05-x.conflist",
		  "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"plugins\": [{\"type\": "
		  "\"azl-cni\", \"guards\": {\"imds\": \"opt-in\"}, \"capabilities\": "
		  "{\"io.kubernetes.cri.pod-annotations\": true}, \"ipam\": {\"type\": \"cns\"}}]}",
		  "05-x.conflist, first plugin azl-cni", "", AZLCTL_OK },
		{ "opt/cni/bin/azl-cni", NULL, "plugin \"azl-cni\" is not in", "install it",
		  AZLCTL_UNFIT },
		{ "etc/azl/host.json", "{\"containers\": {\"pids.maximum\": 1}}", "pids.maximum",
		  "azlctl help host.json has every key", AZLCTL_UNFIT },
		{ "var/lib/azl/applied.json", NULL, "never run", "azlctl apply --dry-run",
		  AZLCTL_OK },
		{ "var/lib/azl/applied.json", "{\"version\": 1, \"cha",
		  "what apply noted for revert", "move the file away", AZLCTL_UNFIT },
		{ "var/lib/azl/applied.json",
		  "{\"version\": 1, \"changes\": [{\"kind\": \"file\", \"name\": "
		  "\"etc/cni/net.d/10-azl.conflist\"}]}",
		  "somebody changed 1 of 1", "azlctl revert --dry-run", AZLCTL_WARNED },
		{ "sys/fs/selinux/enforce", "1", "SELinux is enforcing", "azl-selinux", AZLCTL_OK },
		{ "proc/sys/kernel/osrelease", "6.6.1-2.azl3\n", "bad kernel", "a better kernel",
		  AZLCTL_UNFIT },
		{ "usr/share/azl/known-versions.json", "{\"versions\": [{}]}", "is not whole",
		  "reinstall", AZLCTL_WARNED },
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct host_tree tree = good();
		int status;

		if (faults[i].content)
			host_tree_put(&tree, faults[i].file, faults[i].content);
		else
			host_tree_remove(&tree, faults[i].file);
		if (strcmp(faults[i].file, "run/systemd/system/x") == 0)
			CHECK(unlinkat(tree.fd, "run/systemd/system", AT_REMOVEDIR) == 0);
		status = check(&tree, false);
		if (status != faults[i].status)
			printf("# %s: status %d\n%s\n", faults[i].said, status, answer);
		CHECK(status == faults[i].status);
		CHECK(says(faults[i].said));
		CHECK(says(faults[i].fix));
		host_tree_done(&tree);
	}
}

TEST(links_of_a_tree_stay_inside_of_it)
{
	struct host_tree tree = good();

	host_tree_put(&tree, "etc/azl/host.json", "{\"containers\": {\"pids.maximum\": 1}}");
	host_tree_move(&tree, "etc/azl");
	host_tree_move(&tree, "sys/class/net/eth0");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	CHECK(says("/etc/azl/host.json: containers.pids.maximum: "));
	CHECK(says("eth0 is hv_netvsc, accelerated by enP1s1 (mlx5_core)"));
	host_tree_done(&tree);
}

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

TEST(a_route_on_a_virtual_function_is_refused)
{
	struct host_tree tree = good();

	host_tree_put(&tree, "proc/net/route", "Iface\tDestination\nenP1s1\t00000000\n");
	host_tree_link(&tree, "sys/class/net/enP1s1/master", "../eth0");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	CHECK(says("the default route is on enP1s1 (mlx5_core), which is a part of eth0"));
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

TEST(a_handler_in_conf_d_counts_when_containerd_reads_it)
{
	static const char handler[] = "[plugins.x.runtimes.azl]\nruntime_type = "
				      "\"io.containerd.azl.v2\"\n[plugins.x.runtimes.azl.options]\n"
				      "SystemdCgroup = true\n";
	struct host_tree tree = good();

	host_tree_put(&tree, "etc/containerd/conf.d/azl.toml", handler);
	host_tree_put(&tree, "etc/containerd/config.toml", "version = 3\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("/etc/containerd/conf.d/azl.toml names azl, but containerd does not read"));
	CHECK(says("imports = "));
	host_tree_put(&tree, "etc/containerd/config.toml",
		      "version = 3\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("/etc/containerd/conf.d/azl.toml names azl\n"));
	host_tree_done(&tree);
}

TEST(plugins_are_looked_for_where_containerd_looks)
{
	static const char elsewhere[] =
		"plugin \"azl-cni\" is in /usr/lib/cni, but containerd looks";
	static const struct {
		const char *config, *conf_d, *said;
		int status;
	} cases[] = {
		/* its default */
		{ "", NULL, "is in /usr/lib/cni, but containerd looks in /opt/cni/bin\n",
		  AZLCTL_WARNED },
		{ "", NULL,
		  "-> ln -s /usr/lib/cni/azl-cni /opt/cni/bin/, or bin_dir below cni in "
		  "/etc/containerd/config.toml\n",
		  AZLCTL_WARNED },
		{ "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"/usr/lib/cni\"\n",
		  NULL, "", AZLCTL_OK },
		{ "[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dir = ''\nbin_dirs = ['/a/b', "
		  "# "
		  "\"/usr/lib/cni\"]\n '/c']\n",
		  NULL, "but containerd looks in /a/b, /c\n", AZLCTL_WARNED },
		{ "[plugins.x.cni]\nbin_dirs=[\n  \"/a/b\",\n  \"/usr/lib/cni\",\n]\n", NULL, "",
		  AZLCTL_OK },
		/* another's key, and a comment */
		{ "[plugins.x.image]\nbin_dir = \"/usr/lib/cni\"\n[plugins.x.cni]\n"
		  "#bin_dir = \"/usr/lib/cni\"\n",
		  NULL, elsewhere, AZLCTL_WARNED },
		/* conf.d counts when it is read */
		{ "[plugins.x.cni]\nbin_dirs = [\"/usr/lib/cni\"]\n",
		  "[plugins.x.cni]\nbin_dirs = [\"/other\"]\n", "", AZLCTL_OK },
		{ "imports = [\"/etc/containerd/conf.d/*.toml\"]\n[plugins.x.cni]\nbin_dirs = "
		  "[\"/usr/lib/cni\"]\n",
		  "[plugins.x.cni]\nbin_dirs = [\"/other\"]\n",
		  "or bin_dir below cni in /etc/containerd/conf.d/50-other.toml\n", AZLCTL_WARNED },
		{ "imports = [\"/etc/containerd/conf.d/*.toml\"]\n",
		  "[plugins.x.cni]\nbin_dirs = [\"/usr/lib/cni\"]\n", "", AZLCTL_OK },
		/* not whole */
		{ "[plugins.x.cni]\nbin_dirs = [\"/usr/lib\n", NULL, elsewhere, AZLCTL_WARNED },
		{ "[plugins.x.cni]\nbin_dir =\n", NULL, elsewhere, AZLCTL_WARNED },
	};
	static const char handler[] = "[plugins.x.runtimes.azl]\nruntime_path = "
				      "\"/usr/bin/containerd-shim-azl-v2\"\n[plugins.x.runtimes."
				      "azl.options]\n  SystemdCgroup=true\n";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_tree tree = good();
		char config[1024];

		host_tree_remove(&tree, "opt/cni/bin/azl-cni");
		host_tree_put(&tree, "usr/lib/cni/azl-cni", "");
		(void)snprintf(config, sizeof(config), "%s%s", cases[i].config, handler);
		host_tree_put(&tree, "etc/containerd/config.toml", config);
		if (cases[i].conf_d)
			host_tree_put(&tree, "etc/containerd/conf.d/50-other.toml",
				      cases[i].conf_d);
		CHECK(check(&tree, false) == cases[i].status);
		CHECK(says(cases[i].said));
		CHECK(cases[i].status != AZLCTL_OK || !strstr(answer, "cni.plugin"));
		host_tree_done(&tree);
	}
}

TEST(debian_builds_containerd_with_another_default)
{
	struct host_tree tree = good();

	host_tree_remove(&tree, "opt/cni/bin/azl-cni");
	host_tree_put(&tree, "usr/lib/cni/azl-cni", "");
	host_tree_put(&tree, "etc/os-release", "NAME=\"Debian\"\nID=debian\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED); /* containerd is another's */
	host_tree_put(&tree, "var/lib/dpkg/info/containerd.list", "");
	CHECK(check(&tree, false) == AZLCTL_OK);
	host_tree_put(&tree, "etc/os-release", "ID=ubuntu\nID_LIKE=debian\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
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

TEST(an_image_is_looked_at_without_its_kernel)
{
	struct host_tree tree = host_tree_new();

	host_tree_put(&tree, "etc/os-release", "");
	CHECK(check(&tree, false) == AZLCTL_UNFIT); /* no containerd */
	CHECK(says("host.tree"));
	CHECK(!strstr(answer, "kernel.version") && !strstr(answer, "cgroup.v2"));
	host_tree_done(&tree);
}

TEST(an_empty_host_is_told_of_and_nothing_crashes)
{
	struct host_tree tree = host_tree_new();

	host_tree_put(&tree, "proc/sys/kernel/domainname", "");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	CHECK(says("no hierarchy of version 2"));
	CHECK(check(&tree, true) == AZLCTL_UNFIT);
	CHECK(says("\"id\": \"cgroup.v2\""));
	CHECK(says("\"level\": \"fail\""));
	host_tree_done(&tree);
}

TEST(containers_outside_of_the_slice_are_told)
{
	struct host_tree tree = good();

	put_process_of(&tree, "default/a", 501, "/azl.slice/nerdctl-a.scope");
	put_process_of(&tree, "default/b", 502, "/azl/b");
	put_process_of(&tree, "k8s.io/c", 503, "/system.slice/cri-containerd-c.scope");
	CHECK(check(&tree, false) == AZLCTL_OK && !strstr(answer, "cgroup.containers"));
	put_process_of(&tree, "default/d", 504, "/default/d");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("containers outside of azl.slice: 1;"));
	CHECK(says("--cgroup azl.slice:azl:ID"));
	put_process_of(&tree, "default/e", 505, "/system.slice/nerdctl-e.scope");
	put_process_of(&tree, "other/f", 506, "/system.slice/nerdctl-f.scope");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("containers in system.slice: 2;"));
	CHECK(says("-> start them with --cgroup-parent azl.slice"));
	CHECK(says("containers outside of azl.slice: 1;"));
	host_tree_done(&tree);
}

TEST(protection_that_a_slice_above_does_not_have_is_told)
{
	struct host_tree tree = good();

	host_tree_daemon(&tree, 1, 0, "/usr/lib/systemd/systemd");
	host_tree_daemon(&tree, 700, 1, "/usr/local/bin/kubelet");
	host_tree_put(&tree, "proc/700/cgroup", "0::/kubereserved.slice/kubelet.service\n");
	host_tree_put(&tree, "sys/fs/cgroup/kubereserved.slice/kubelet.service/memory.min", "0\n");
	host_tree_put(&tree, "sys/fs/cgroup/kubereserved.slice/memory.min", "0\n");
	CHECK(check(&tree, false) == AZLCTL_OK); /* nobody asked for any */
	host_tree_put(&tree, "sys/fs/cgroup/kubereserved.slice/kubelet.service/memory.min",
		      "201326592\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("kubelet is not sure of its 192 MiB of memory: /kubereserved.slice above it has "
		   "0"));
	host_tree_put(&tree, "sys/fs/cgroup/kubereserved.slice/memory.min", "201326592\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	host_tree_put(&tree, "proc/700/cgroup", "0::/a.slice/a-b.slice/kubelet.service\n");
	host_tree_put(&tree, "sys/fs/cgroup/a.slice/a-b.slice/kubelet.service/memory.min", "max\n");
	host_tree_put(&tree, "sys/fs/cgroup/a.slice/a-b.slice/memory.min", "max\n");
	host_tree_put(&tree, "sys/fs/cgroup/a.slice/memory.min", "1048576\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED && says("/a.slice above it has 1\n"));
	host_tree_done(&tree);
}
