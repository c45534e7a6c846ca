/* SPDX-License-Identifier: Apache-2.0 */
/* Who is a daemon of the host, and who only says so. */
#include "config/azlctl/proc.h"

#include "tests/unit/host_tree.h"
#include "tests/unit/test.h"

TEST(a_daemon_is_found_by_its_program)
{
	struct host_tree tree = host_tree_new();

	host_tree_daemon(&tree, 1, 0, "/usr/lib/systemd/systemd");
	CHECK(proc_find_daemon(tree.fd, "kubelet") == 0);
	host_tree_daemon(&tree, 700, 1, "/usr/local/bin/kubelet");
	host_tree_daemon(&tree, 701, 700, "/usr/local/bin/kubelet"); /* its child, forked */
	CHECK(proc_find_daemon(tree.fd, "kubelet") == 700);
	CHECK(proc_is_daemon(tree.fd, 701, "kubelet"));
	CHECK(!proc_is_daemon(tree.fd, 700, "kube"));
	CHECK(proc_find_daemon(tree.fd, "containerd") == 0);
	host_tree_daemon(&tree, 702, 1, "/usr/bin/containerd (deleted)"); /* upgraded */
	CHECK(proc_find_daemon(tree.fd, "containerd") == 702);
	CHECK(proc_find_daemon(tree.fd, "") == 0);
	host_tree_done(&tree);
}

/* Each differs from the host's kubelet by one thing alone. */
TEST(a_process_that_takes_the_name_is_none)
{
	static const struct {
		const char *file; /* below proc/700 */
		const char *text;
		bool is_link;
	} others[] = {
		{ "exe", "/tmp/sh", true },
		{ "exe", "/tmp/kubelet/sh", true },
		{ "ns/user", "user:[4026532999]", true },
		{ "ns/mnt", "mnt:[4026532999]", true },
		{ "ns/mnt", "mnt:[1]9", true },
		{ "ns/pid", "pid:[4026532999]", true },
		{ "status", "Name:\tkubelet\nPPid:\t1\nUid:\t65534\t65534\t65534\t65534\n", false },
		{ "status", "Name:\tkubelet\nPPid:\t1\nUid:\t1000\t0\t0\t0\n", false },
		{ "status", "Name:\tkubelet\\nUid:\t0\t0\t0\t0\nUid:\t5\t5\t5\t5\n", false },
		{ "status", "", false },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct host_tree tree = host_tree_new();
		char name[64];

		host_tree_daemon(&tree, 1, 0, "/usr/lib/systemd/systemd");
		host_tree_daemon(&tree, 700, 1, "/usr/local/bin/kubelet");
		host_tree_put(&tree, "proc/700/comm", "kubelet\n");
		CHECK(proc_find_daemon(tree.fd, "kubelet") == 700);
		(void)snprintf(name, sizeof(name), "proc/700/%s", others[i].file);
		host_tree_remove(&tree, name);
		CHECK(proc_find_daemon(tree.fd, "kubelet") == 0);
		if (others[i].is_link)
			host_tree_link(&tree, name, others[i].text);
		else
			host_tree_put(&tree, name, others[i].text);
		CHECK(!proc_is_daemon(tree.fd, 700, "kubelet"));
		CHECK(proc_find_daemon(tree.fd, "kubelet") == 0);
		host_tree_done(&tree);
	}
}
