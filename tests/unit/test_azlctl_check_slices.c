/* SPDX-License-Identifier: Apache-2.0 */
/* Whether slices hold the containers, and protect the daemons. */
#include "tests/unit/check_world.h"

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
