/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check_world.h"

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

TEST(a_route_on_a_virtual_function_is_refused)
{
	struct host_tree tree = good();

	host_tree_put(&tree, "proc/net/route", "Iface\tDestination\nenP1s1\t00000000\n");
	host_tree_link(&tree, "sys/class/net/enP1s1/master", "../eth0");
	CHECK(check(&tree, false) == AZLCTL_UNFIT);
	CHECK(says("the default route is on enP1s1 (mlx5_core), which is a part of eth0"));
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
