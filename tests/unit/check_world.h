/* SPDX-License-Identifier: Apache-2.0 */
/* A host on which all is well, and azlctl check on it. */
#pragma once

#include "config/azlctl/azlctl.h"
#include "tests/unit/azlctl_world.h"

/* A host on which all is well. */
static inline struct host_tree good(void)
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

static inline int check(const struct host_tree *tree, bool json)
{
	return ask(cmd_check, tree, json, 0, NULL);
}
