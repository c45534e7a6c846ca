/* SPDX-License-Identifier: Apache-2.0 */
/* The table. docs/CGROUPS.md has every line of it, for people; a test compares the two. */
#include "config/host.h"

#define CGROUP_V2 "kernel Documentation/admin-guide/cgroup-v2.rst"
#define NETVSC	  "kernel drivers/net/hyperv/netvsc_drv.c"

const struct host_key host_keys[] = {
	/* ---- containers ---- */
	{ "containers", "pids.max", HOST_COUNT, "4096",
	  "A fork bomb ends at this many tasks instead of at the host's last one; real services "
	  "stay far below it. Where the file says nothing: at most 15% of what the kernel allows "
	  "(less than this below 3.5 GiB), as systemd leaves a scope without a limit.",
	  "podman's limit, 2048 or 4096 by version; CIS Docker Benchmark 5.28; "
	  "systemd-system.conf(5), DefaultTasksMax; tests/vm/neighbours.bats" },
	{ "containers", "memory.swap.max", HOST_BYTES, "0",
	  "A container that swaps slows every neighbour that uses the disk; it is to meet its own "
	  "limit instead.",
	  "kubelet's NoSwap behaviour; " CGROUP_V2 ", memory.swap.max" },
	{ "containers", "memory.oom.group", HOST_BOOL, "true",
	  "A container out of memory ends as a whole and is restarted, instead of living on "
	  "without "
	  "one of its processes.",
	  "kubelet since 1.28 (kubernetes pull request 117793); " CGROUP_V2 ", memory.oom.group" },
	{ "containers", "memory.high", HOST_RATIO, "null",
	  "Throttles a container before its limit, at this part of it; a restart at the limit is "
	  "over sooner.",
	  "kubernetes KEP-2570, Memory QoS: off by default since 1.22" },
	{ "containers", "memory.zswap.max", HOST_BYTES, "null",
	  "Without swap there is no zswap either; for hosts that set memory.swap.max.",
	  CGROUP_V2 ", memory.zswap.max" },
	{ "containers", "io.weight", HOST_WEIGHT, "null",
	  "Equal containers are right by default; has an effect only with bfq or io.cost on the "
	  "disk.",
	  CGROUP_V2 ", io.weight" },
	{ "containers", "cpu.weight", HOST_WEIGHT, "10",
	  "Who states CPU shares comes before who states none, as on Kubernetes; the kernel's own "
	  "100 "
	  "would put 1024 shares (39) behind them.",
	  CGROUP_V2 ", cpu.weight; kubelet gives 2 shares, a weight of 1, to containers without "
		    "requests; tests/vm/neighbours.bats" },
	{ "containers", "oom_score_adj", HOST_SCORE, "0",
	  "Without one a container has what its shim has, containerd's -999 and one: the OOM "
	  "killer ends "
	  "nearly everything else of the host first. Only ever raised.",
	  "containerd pkg/shim, AdjustOOMScore; proc_pid_oom_score_adj(5); measured with both "
	  "shims" },

	/* ---- system ---- */
	{ "system", "memory.min", HOST_BYTES, "\"512Mi\"",
	  "What is protected below cannot be more than what is protected here; memory that is not "
	  "in use is not reserved.",
	  CGROUP_V2 ", memory.min; the sum of protect.*.memory.min" },
	{ "system", "memory.low", HOST_BYTES, "\"1Gi\"",
	  "The host's other services keep their working set as long as containers have anything "
	  "to give back.",
	  CGROUP_V2 ", memory.low; Facebook's fbtax2 case study" },
	{ "system", "cpu.weight", HOST_WEIGHT, "200",
	  "When every processor is busy, the host's services get twice the part of all containers "
	  "together.",
	  CGROUP_V2 ", cpu.weight; tests/vm/neighbours.bats" },
	{ "system", "io.weight", HOST_WEIGHT, "200",
	  "The same for the disk, where bfq or io.cost is on.", CGROUP_V2 ", io.weight" },
	{ "system", "pids.max", HOST_TASKS, "null",
	  "systemd limits each service by itself (DefaultTasksMax=15%).",
	  "systemd-system.conf(5)" },

	/* ---- workload ---- */
	{ "workload", "memory.max", HOST_LIMIT, "\"95%\"",
	  "Containers without limits of their own run out of memory among themselves, before the "
	  "host does. Where the file says nothing: at most all but system.memory.min, of a small "
	  "host.",
	  CGROUP_V2 ", memory.max; kubelet's node allocatable does the same for pods" },
	{ "workload", "memory.high", HOST_LIMIT, "null",
	  "Throttles all containers for what one of them uses.", CGROUP_V2 ", memory.high" },
	{ "workload", "pids.max", HOST_TASKS, "\"80%\"",
	  "However many containers fork, a shell, sshd and containerd find tasks left.",
	  CGROUP_V2 ", pids.max; kernel.pid_max and kernel.threads-max, proc_sys_kernel(5)" },
	{ "workload", "cpu.weight", HOST_WEIGHT, "null",
	  "The kernel's 100 is half of the system's 200.", CGROUP_V2 ", cpu.weight" },
	{ "workload", "io.weight", HOST_WEIGHT, "null",
	  "The kernel's 100 is half of the system's 200.", CGROUP_V2 ", io.weight" },

	/* ---- protect ---- */
	{ "protect", "containerd.memory.min", HOST_BYTES, "\"192Mi\"",
	  "containerd answers while containers fight for memory.", CGROUP_V2 ", memory.min" },
	{ "protect", "containerd.oom_score_adj", HOST_SCORE, "-999",
	  "The OOM killer looks elsewhere first.", "containerd's own containerd.service" },
	{ "protect", "containerd.cpu.weight", HOST_WEIGHT, "200",
	  "Before the host's other services.", CGROUP_V2 ", cpu.weight" },
	{ "protect", "kubelet.memory.min", HOST_BYTES, "\"192Mi\"",
	  "A node whose kubelet waits for memory is NotReady, and its pods are moved.",
	  CGROUP_V2 ", memory.min" },
	{ "protect", "kubelet.oom_score_adj", HOST_SCORE, "-999",
	  "What kubelet sets for itself, from its first moment on.",
	  "kubelet --oom-score-adj, default" },
	{ "protect", "kubelet.cpu.weight", HOST_WEIGHT, "200", "Before the host's other services.",
	  CGROUP_V2 ", cpu.weight" },
	{ "protect", "sshd.memory.min", HOST_BYTES, "\"32Mi\"", "Somebody can log in and look.",
	  CGROUP_V2 ", memory.min" },
	{ "protect", "sshd.oom_score_adj", HOST_SCORE, "null",
	  "sshd takes -1000 for its listener and gives sessions back what it was started with; a "
	  "score here would protect what people run in them.",
	  "OpenSSH openbsd-compat/port-linux.c, oom_adjust_setup" },
	{ "protect", "sshd.cpu.weight", HOST_WEIGHT, "200", "Before the host's other services.",
	  CGROUP_V2 ", cpu.weight" },

	/* ---- nic ---- */
	{ "nic", "rx", HOST_RING, "null",
	  "The driver's own 16 MiB are some 9700 receive sections already; a change attaches the "
	  "NIC anew.",
	  NETVSC ", netvsc_set_ringparam; hyperv_net.h, NETVSC_RECEIVE_BUFFER_DEFAULT" },
	{ "nic", "tx", HOST_RING, "null",
	  "Small packets are copied into these sections; with a virtual function in front "
	  "nothing is sent from here.",
	  NETVSC ", netvsc_set_ringparam" },
	{ "nic", "channels", HOST_CHANNELS, "null",
	  "The driver opens 8 or 16, or as many as half of the cores; a change attaches the NIC "
	  "anew.",
	  NETVSC ", netvsc_set_channels, VRSS_CHANNEL_DEFAULT" },
	{ "nic", "vf.rx", HOST_RING, "1024",
	  "Bursts wait here while the processor is busy with pods; less is raised, more is left.",
	  "Azure, Optimize network throughput; AgentBaker configure-azure-network.sh" },
	{ "nic", "vf.tx", HOST_RING, "null",
	  "What cannot be sent waits in the queueing discipline above; a longer ring makes it wait "
	  "where nobody can order it.",
	  "kernel mlx5/core/en.h, MLX5E_PARAMS_DEFAULT_LOG_SQ_SIZE; net/mana/mana.h" },
	{ "nic", "vf.channels", HOST_CHANNELS, "null",
	  "The drivers count processors and what the function has by themselves.",
	  "kernel drivers/net/ethernet/mellanox/mlx5, microsoft/mana" },

	/* ---- cni ---- */
	{ "cni", "conflist", HOST_CONFLIST, "null",
	  "Which network a node has is its owner's to say: with a list the first of all, every new "
	  "pod gets azl-cni.",
	  "libcni ConfFiles: the first file by name; config/etc/cni" },

	/* ---- sysctl ---- */
	{ "sysctl", "", HOST_SYSCTL, "{}",
	  "More values beside those that azl ships, or other ones; null leaves one of those alone.",
	  "sysctl.d(5)" },

	/* ---- apply ---- */
	{ "apply", "slices", HOST_BOOL, "true", "azlctl apply may set up slices and services.",
	  "systemd.resource-control(5)" },
	{ "apply", "sysctl", HOST_BOOL, "true", "azlctl apply may set sysctls.", "sysctl.d(5)" },
	{ "apply", "modules", HOST_BOOL, "true", "azlctl apply may load kernel modules.",
	  "modules-load.d(5)" },
	{ "apply", "containerd", HOST_BOOL, "true",
	  "azlctl apply may add its own file to containerd's configuration.",
	  "containerd-config.toml(5), imports" },
	{ "apply", "network", HOST_BOOL, "true",
	  "azlctl apply may set the sysctls of net.*, and rings and channels of the NIC.",
	  "sysctl.d(5); ethtool(8)" },

	/* ---- fastPaths ---- */
	{ "fastPaths", "", HOST_NAMES, "true",
	  "What the shim does without running runc; a way to look whether it is to blame.",
	  "docs/FASTPATHS.md" },
};

const size_t host_keys_count = sizeof(host_keys) / sizeof(host_keys[0]);
