/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "config/azlctl/density.h"
#include "config/base/err.h"
#include "tests/unit/azlctl_world.h"

static void put_process(const struct host_tree *tree, int pid, int parent, const char *comm,
			int kilobytes)
{
	char text[256];

	host_tree_put_at(tree, comm, "proc/%d/comm", pid);
	(void)snprintf(text, sizeof(text), "Name:\t%s\nPPid:\t%d\nThreads:\t1\n", comm, parent);
	host_tree_put_at(tree, text, "proc/%d/status", pid);
	(void)snprintf(text, sizeof(text),
		       "Rss: 999 kB\nPss:   %d kB\nPss_Anon: 1 kB\nPrivate_Dirty: %d kB\n",
		       kilobytes, kilobytes / 2);
	host_tree_put_at(tree, text, "proc/%d/smaps_rollup", pid);
}

static void put_container(const struct host_tree *tree, const char *ns, const char *id, int pid,
			  int shim, const char *spec)
{
	char name[128], group[128], link[128];

	host_tree_put_at(tree, spec, CONTAINERS_TASKS "/%s/%s/config.json", ns, id);
	put_process(tree, pid, shim, "sleep", 10);
	(void)snprintf(name, sizeof(name), "%s/%s", ns, id);
	(void)snprintf(group, sizeof(group), "/pods/%s", id);
	put_process_of(tree, name, pid, group);
	host_tree_put_at(tree, "1048576\n", "sys/fs/cgroup/pods/%s/memory.current", id);
	host_tree_put_at(tree,
			 "anon 5\nkernel 65536\nkernel_stack 8192\npagetables 4096\n"
			 "sec_pagetables 1\npercpu 512\nslab_reclaimable 40000\n"
			 "slab_unreclaimable 10000\nslab 50000\n",
			 "sys/fs/cgroup/pods/%s/memory.stat", id);
	host_tree_put_at(tree, "3\n", "sys/fs/cgroup/pods/%s/pids.current", id);
	host_tree_put_at(
		tree,
		"some avg10=12.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 "
		"avg300=0.00 total=0\n",
		"sys/fs/cgroup/pods/%s/cpu.pressure", id);
	(void)snprintf(link, sizeof(link), "proc/%d/fd/1", shim);
	if (faccessat(tree->fd, link, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		host_tree_link(tree, link, "socket:[1]");
}

static struct host_tree node(void)
{
	struct host_tree tree = host_tree_new();

	host_tree_put(&tree, "sys/fs/cgroup/cgroup.controllers", "memory pids\n");
	host_tree_put(&tree, "proc/meminfo",
		      "MemTotal:  4000000 kB\nMemAvailable: 3000000 kB\nSUnreclaim: 100 "
		      "kB\nKernelStack: 50 kB\n"
		      "PageTables: 30 kB\nPercpu: 20 kB\n");
	host_tree_put(&tree, "proc/self/mountinfo",
		      "1 0 0:1 / / rw - ext4 x rw\n"
		      "2 1 0:1 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/aaa1/rootfs "
		      "rw - overlay o rw\n"
		      "3 1 0:1 / /run/containerd/io.containerd.grpc.v1.cri/sandboxes/aaa1/shm rw - "
		      "tmpfs t rw\n"
		      "4 1 0:1 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/aaa2/rootfs "
		      "rw - overlay o rw\n"
		      "5 1 0:1 / /var/aaa2 rw - overlay o rw\n");
	host_tree_daemon(&tree, 1, 0, "/sbin/init");
	put_process(&tree, 10, 1, "containerd", 50000);
	host_tree_daemon(&tree, 10, 1, "/usr/bin/containerd");
	put_process(&tree, 100, 1, "containerd-shim", 400);
	host_tree_link(&tree, "proc/100/exe", "/usr/bin/containerd-shim-azl-v2");
	put_process(&tree, 200, 1, "containerd-shim", 5000);
	host_tree_link(&tree, "proc/200/exe", "/usr/bin/containerd-shim-runc-v2");
	put_container(&tree, "k8s.io", "aaa1", 101, 100,
		      "{\"annotations\": {\"io.kubernetes.cri.container-type\": \"sandbox\","
		      "\"io.kubernetes.cri.sandbox-name\": \"web-0\", "
		      "\"io.kubernetes.cri.sandbox-namespace\": \"shop\"},"
		      "\"linux\": {\"namespaces\": [{\"type\": \"network\", \"path\": "
		      "\"/var/run/netns/cni-1\"}]}}");
	put_container(&tree, "k8s.io", "aaa2", 102, 100,
		      "{\"annotations\": {\"io.kubernetes.cri.container-type\": \"container\","
		      "\"io.kubernetes.cri.sandbox-name\": \"web-0\", "
		      "\"io.kubernetes.cri.sandbox-namespace\": \"shop\"}}");
	put_container(&tree, "default", "solo", 201, 200, "{}");
	/* one that has ended, and one whose configuration is broken */
	host_tree_put(&tree, CONTAINERS_TASKS "/default/ended/init.pid", "999");
	host_tree_put(&tree, CONTAINERS_TASKS "/default/young/config.json", "{");
	return tree;
}

TEST(pods_are_told_with_all_that_they_cost)
{
	struct host_tree tree = node();
	struct azlctl ctl = ctl_of(&tree);
	struct density density = { 0 };
	const struct density_pod *web, *solo;
	struct err err;

	CHECK(density_gather(&ctl, &density, &err) == 0);
	CHECK(density.n_containers == 3 && density.n_pods == 2);
	solo = &density.pods[0];
	web = &density.pods[1];
	CHECK_TEXT(solo->name, "solo");
	CHECK(!solo->is_azl && solo->pss == 5000 * 1024 && solo->containers == 1 &&
	      solo->pause == 0);
	CHECK(solo->mounts == 0);
	CHECK_TEXT(web->name, "shop/web-0");
	CHECK(web->is_azl && web->pss == 400 * 1024 && web->private == 200 * 1024);
	CHECK(web->containers == 2 && web->threads == 1 && web->files == 1 && web->sockets == 1);
	CHECK(web->pause == 1048576 && web->memory == 2 * 1048576 && web->kernel == 2 * 65536);
	CHECK(web->processes == 6);
	CHECK(web->mounts == 4); /* two of the sandbox and its namespace, one of the container */
	CHECK(web->pressure.cpu > 12.4 && web->pressure.cpu < 12.6);
	CHECK(density.total == 4000000ULL * 1024 && density.kernel == 200 * 1024);
	CHECK(density.daemons[0].pss == 50000 * 1024 && density.daemons[1].pss == 0);
	CHECK(density.max_pods == 110 && !density.is_told);
	CHECK(web->pause_kernel == 65536 && density_cost(web) == 400 * 1024 + 1048576 + 65536);
	CHECK(density_sum(&density).kernel == 3 * 65536 && density_sum(&density).tasks == 11);
	/* what the host's numbers are the sum of is not counted twice, and no more is taken off */
	CHECK(web->kept == 2 * 22800 && solo->kept == 22800);
	CHECK(density_reserve(&density).fixed == 50000 * 1024 + 200 * 1024 - 3 * 22800);
	CHECK(density_sum(&density).mounts == 4 && density_sum(&density).sockets == 2);
	density_done(&density);
	host_tree_done(&tree);
}

/* Its shim was killed: whoever takes it in is none, and costs no pod anything. */
TEST(a_container_without_a_shim_is_told_as_one)
{
	struct host_tree tree = node();
	struct azlctl ctl = ctl_of(&tree);
	struct density density = { 0 };
	size_t without = 0;
	struct err err;

	put_process(&tree, 1, 0, "init", 70000);
	put_process(&tree, 300, 1, "systemd", 9000);
	host_tree_link(&tree, "proc/300/exe", "/usr/lib/systemd/systemd");
	put_container(&tree, "default", "one", 401, 1, "{}");
	put_container(&tree, "default", "two", 402, 1, "{}");
	put_container(&tree, "default", "three", 403, 300, "{}");
	/* of another runtime, by another name */
	put_process(&tree, 500, 1, "theirs", 700);
	host_tree_link(&tree, "proc/500/exe", "/opt/theirs (deleted)");
	put_container(&tree, "default", "four", 501, 500, "{}");
	host_tree_put(&tree, CONTAINERS_TASKS "/default/four/shim-binary-path", "/opt/theirs");
	/* ended with its shim, and its number is a process of the host by now */
	put_container(&tree, "default", "ended", 404, 300, "{}");
	host_tree_link(&tree, "proc/403/ns/mnt", "mnt:[2]");
	host_tree_link(&tree, "proc/404/ns/mnt", "mnt:[1]");
	CHECK(density_gather(&ctl, &density, &err) == 0);
	CHECK(density.n_containers == 7 && density.n_pods == 6);
	for (size_t i = 0; i < density.n_pods; i++) {
		const struct density_pod *pod = &density.pods[i];

		CHECK(pod->shim == 0 || pod->shim == 100 || pod->shim == 200 || pod->shim == 500);
		if (pod->shim)
			continue;
		without++;
		CHECK(pod->containers == 1 && pod->pss == 0 && pod->files == 0 && !pod->is_azl);
		CHECK(pod->memory == 1048576 && density_cost(pod) == 65536);
	}
	CHECK(without == 3);
	CHECK(density_sum(&density).pss == (400 + 5000 + 700) * 1024);
	CHECK(density_reserve(&density).per_pod ==
	      ((400 + 5000 + 700) * 1024 + UINT64_C(1048576)) / 3);
	density_done(&density);
	CHECK(ask(cmd_density, &tree, true, 0, NULL) == AZLCTL_OK);
	CHECK(strstr(answer, "\"shim\": null") || strstr(answer, "\"shim\":null"));
	CHECK(ask(cmd_density, &tree, false, 0, NULL) == AZLCTL_OK);
	CHECK(strstr(answer, " none "));
	host_tree_done(&tree);
}

/* Folders on the way to a mount are called as containers are. */
TEST(a_mount_is_counted_where_it_belongs)
{
	static const char *const names[][3] = {
		{ "default", "containerd", "0" }, { "default", "aaa1", "1" },
		{ "k8s.io", "aaa1", "2" },	  { "default", "default", "1" },
		{ "default", "sandboxes", "0" },
	};
	struct host_tree tree = node();
	struct azlctl ctl = ctl_of(&tree);
	struct density density = { 0 };
	struct err err;
	char text[32];

	host_tree_put(
		&tree, "proc/self/mountinfo",
		"2 1 0:1 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/aaa1/rootfs "
		"rw - overlay o rw\n"
		"3 1 0:1 / /run/containerd/io.containerd.grpc.v1.cri/sandboxes/aaa1/shm rw - "
		"tmpfs t rw\n"
		"4 1 0:1 / /run/containerd/io.containerd.runtime.v2.task/default/aaa1/rootfs "
		"rw - overlay o rw\n"
		"5 1 0:1 / "
		"/run/containerd/io.containerd.runtime.v2.task/default/default/rootfs rw - "
		"overlay o rw\n"
		"6 1 0:1 / /run/containerd/io.containerd.runtime.v2.task/default rw - tmpfs t "
		"rw\n"
		"7 1 0:1 / /run/containerd/ rw - tmpfs t rw\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put_container(&tree, names[i][0], names[i][1], 300 + (int)i, 200, "{}");
	CHECK(density_gather(&ctl, &density, &err) == 0);
	for (size_t i = 0; i < density.n_containers; i++)
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			const struct density_container *container = &density.containers[i];

			if (strcmp(container->ns, names[n][0]) != 0 ||
			    strcmp(container->id, names[n][1]) != 0)
				continue;
			(void)snprintf(text, sizeof(text), "%d", (int)container->mounts);
			CHECK_TEXT(text, names[n][2]);
		}
	density_done(&density);
	host_tree_done(&tree);
}

TEST(the_reservation_is_what_is_needed_and_a_margin)
{
	struct density_pod pods[] = {
		{ .shim = 10, .pss = 1000, .pause = 500, .kernel = 900, .kept = 100 },
		{ .shim = 20, .pss = 2000, .kernel = 900, .kept = 100 },
	};
	struct density density = {
		.pods = pods, .n_pods = 2, .kernel = 1200, .total = 8000000000, .max_pods = 10
	};
	struct density_reserve reserve;

	density.daemons[0].pss = 5000;
	reserve = density_reserve(&density);
	CHECK(reserve.fixed == 5000 + 1000);
	CHECK(reserve.per_pod == 1750);
	CHECK(reserve.needed == 6000 + 17500);
	CHECK(reserve.advised == 23500 + 23500 / 4 + (64 << 20));
	CHECK(reserve.aks == 250000000);
	density.max_pods = 250;
	CHECK(density_reserve(&density).aks == 2000000000);
	density.n_pods = 0;
	CHECK(density_reserve(&density).per_pod == 0);
}

static uint64_t max_pods_of(const struct host_tree *tree)
{
	struct azlctl ctl = ctl_of(tree);
	struct density density = { 0 };
	struct err err;
	uint64_t pods;

	CHECK(density_gather(&ctl, &density, &err) == 0);
	pods = density.is_told ? density.max_pods : 0;
	density_done(&density);
	return pods;
}

/* A kubelet with these arguments. */
static void put_kubelet(const struct host_tree *tree, const char *line, size_t len)
{
	FILE *file;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/proc/300/cmdline", tree->path);
	file = fopen(path, "we");
	CHECK(file && fwrite(line, 1, len, file) == len && fclose(file) == 0);
}

TEST(pods_are_as_many_as_kubelet_was_told)
{
	static const char argument[] = "kubelet\0--v=2\0--max-pods=250\0--config=/etc/k.yaml";
	static const char apart[] = "kubelet\0--max-pods\00030\0";
	static const char config[] = "kubelet\0--config\0/etc/default/kubeletconfig.json\0";
	static const char nothing[] = "kubelet\0--max-pods\0";
	struct host_tree tree = node();

	host_tree_put(&tree, "var/lib/kubelet/config.yaml",
		      "apiVersion: v1\n# maxPods: 7\nmaxPods: 64\nx: 1\n");
	CHECK(max_pods_of(&tree) == 64);
	host_tree_daemon(&tree, 300, 1, "/usr/bin/kubelet");
	put_kubelet(&tree, argument, sizeof(argument));
	CHECK(max_pods_of(&tree) == 250);
	put_kubelet(&tree, apart, sizeof(apart));
	CHECK(max_pods_of(&tree) == 30);
	put_kubelet(&tree, nothing, sizeof(nothing));
	CHECK(max_pods_of(&tree) == 64);
	host_tree_put(
		&tree, "etc/default/kubeletconfig.json",
		"{\n  \"kind\": \"KubeletConfiguration\",\n  \"maxPods\": 110,\n  \"x\": 1 }");
	put_kubelet(&tree, config, sizeof(config));
	CHECK(max_pods_of(&tree) == 110);
	host_tree_done(&tree);
}

TEST(links_of_a_tree_stay_inside_of_it)
{
	struct host_tree tree = node();
	struct azlctl ctl = ctl_of(&tree);
	struct density density = { 0 };
	struct err err;

	host_tree_put(&tree, "var/lib/kubelet/config.yaml", "maxPods: 64\n");
	host_tree_move(&tree, "run/containerd");
	host_tree_move(&tree, "var/lib/kubelet/config.yaml");
	host_tree_move(&tree, "sys/fs/cgroup");
	host_tree_move(&tree, "proc/meminfo");
	host_tree_move(&tree, "proc/100");
	host_tree_move(&tree, "proc/self");
	CHECK(density_gather(&ctl, &density, &err) == 0);
	CHECK(density.n_containers == 3 && density.n_pods == 2);
	CHECK(density.max_pods == 64 && density.total == 4000000ULL * 1024);
	if (density.n_pods == 2) {
		CHECK(density.pods[1].is_azl && density.pods[1].mounts == 4);
		CHECK(density.pods[1].pss == 400 * 1024 && density.pods[1].sockets == 1);
		CHECK(density.pods[1].memory == 2 * 1048576);
	}
	density_done(&density);
	/* what the host that looks has is not the tree's */
	host_tree_remove(&tree, "proc/self");
	host_tree_link(&tree, "proc/self", "/proc/self");
	host_tree_remove(&tree, "moved/proc/meminfo");
	host_tree_link(&tree, "moved/proc/meminfo", "/proc/meminfo");
	CHECK(density_gather(&ctl, &density, &err) == 0);
	CHECK(density.total == 0);
	density_done(&density);
	host_tree_done(&tree);
}

TEST(a_name_that_is_too_long_keeps_both_ends)
{
	char text[DENSITY_SHORT_ROOM];

	CHECK_TEXT(density_short("shop/web-0", 36, text), "shop/web-0");
	CHECK_TEXT(density_short("0123456789", 10, text), "0123456789");
	CHECK_TEXT(density_short("kube-system/coredns-1", 10, text), "kube~dns-1");
}

static int run(const struct host_tree *tree, bool json, int argc, char **argv)
{
	return ask(cmd_density, tree, json, argc, argv);
}

TEST(the_answer_has_the_pods_and_the_reservation)
{
	struct host_tree tree = node();
	char *argv[] = { (char *)(uintptr_t) "--max-pods", (char *)(uintptr_t) "50" };

	CHECK(run(&tree, false, 2, argv) == AZLCTL_OK);
	CHECK(says("shop/web-0") && says("to reserve for 50 pods\n"));
	/* each figure its own */
	CHECK(says("measured  49.0 MiB for the host + 3.1 MiB a pod = 205.8 MiB\n"));
	CHECK(says("AKS takes 976.6 MiB (min("));
	CHECK(says("2 pods, 3 containers: shims 5.3 MiB, pause containers 1.0 MiB, "
		   "containers 3.0 MiB (kernel 192.0 KiB of it)"));
	CHECK(run(&tree, true, 0, NULL) == AZLCTL_OK);
	CHECK(says("\"name\": \"shop/web-0\"") && says("\"aks_bytes\": "));
	host_tree_done(&tree);
}

TEST(the_picture_is_xml_with_a_bar_for_each_pod)
{
	struct host_tree tree = node();
	char path[128], svg[16384];
	char *argv[] = { (char *)(uintptr_t) "--svg", path };
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/density.svg", tree.path);
	CHECK(run(&tree, false, 2, argv) == AZLCTL_OK);
	CHECK_TEXT(answer, "");
	file = fopen(path, "re");
	len = file ? fread(svg, 1, sizeof(svg) - 1, file) : 0;
	svg[len] = '\0';
	if (file)
		(void)fclose(file);
	CHECK(strncmp(svg, "<svg ", 5) == 0 && strstr(svg, "</svg>\n"));
	CHECK(strstr(svg, ">shop/web-0</text>") && strstr(svg, "AKS takes"));
	host_tree_done(&tree);
}

TEST(wrong_arguments_and_a_host_without_containerd_are_told)
{
	struct host_tree tree = host_tree_new();
	char *wrong[] = { (char *)(uintptr_t) "--max-pods", (char *)(uintptr_t) "many" };
	char *both[] = { (char *)(uintptr_t) "--svg", (char *)(uintptr_t) "/nowhere" };

	CHECK(run(&tree, false, 2, wrong) == AZLCTL_USAGE);
	CHECK(run(&tree, true, 2, both) == AZLCTL_USAGE);
	CHECK(run(&tree, false, 0, NULL) == AZLCTL_FAILED);
	host_tree_done(&tree);
}
