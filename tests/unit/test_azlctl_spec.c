/* SPDX-License-Identifier: Apache-2.0 */
/* What azlctl reads of containers' config.json: density what they are, explain what they wish. */
#include "config/azlctl/explain_spec.h"
#include "config/base/err.h"
#include "tests/unit/azlctl_world.h"

TEST(a_configuration_that_is_odd_is_read_past)
{
	static const char *const odd[] = {
		"{\"annotations\": [\"io.kubernetes.cri.sandbox-name\"]}",
		"{\"annotations\": {\"io.kubernetes.cri.sandbox-name\": [\"x\"]}}",
		"[\"annotations\", \"linux\"]",
		"[[\"annotations\"]]",
		"{\"linux\": [\"resources\", [[1]]]}",
		"{\"linux\": {\"resources\": [[\"x\"], {\"unified\": 1}]}}",
		"{\"linux\": {\"resources\": [[[[\"x\"]]], {\"a\": {\"b\": {\"c\": 1}}}]}}",
		"{\"linux\": {\"resources\": {\"unified\": [\"pids.max\"], \"memory\": [5]}}}",
		"{\"linux\": {\"resources\": {\"memory\": {\"limit\": {}, \"swap\": \"\"}}}}",
	};
	char *name[] = { (char[]){ "odd" } };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct host_tree tree = host_tree_new();
		struct explain_spec spec;
		struct err err;

		host_tree_put(&tree, "sys/fs/cgroup/cgroup.controllers", "pids\n");
		host_tree_put(&tree, "sys/fs/cgroup/a/pids.max", "5\n");
		host_tree_put(&tree, "proc/77/status", "PPid:\t76\n");
		host_tree_put(&tree, CONTAINERS_TASKS "/default/odd/config.json", odd[i]);
		put_process_of(&tree, "default/odd", 77, "/a");
		CHECK(ask(cmd_density, &tree, true, 0, NULL) == AZLCTL_OK);
		CHECK(says("\"name\": \"odd\""));
		CHECK(ask(cmd_explain, &tree, true, 1, name) == AZLCTL_OK);
		CHECK(says("\"by_what\": \"its configuration says nothing\""));
		host_tree_put(&tree, "config.json", odd[i]);
		CHECK(explain_spec_read(tree.fd, &spec, &err) == 0);
		host_tree_done(&tree);
	}
}

/* Limits of devices and of sizes of pages are not the kernel's, and no update's. */
TEST(what_is_said_of_devices_and_huge_pages_is_the_configurations)
{
	static const char config[] =
		"{\"linux\": {\"resources\": {\"devices\": [{\"allow\": false, \"access\": "
		"\"rwm\"}], "
		"\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0, \"weight\": 5}], "
		"\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 1}]}, "
		"\"hugepageLimits\": [{\"pageSize\": \"1GB\", \"limit\": 5}, {\"pageSize\": "
		"\"2MB\", "
		"\"limit\": 0}], \"rdma\": {\"mana_0\": {\"hcaHandles\": 3}}}}}";
	static const struct {
		const char *file, *here, *by_what;
	} values[] = {
		{ "io.max", "8:0 rbps=1\n", "linux.resources.blockIO.throttleReadBpsDevice" },
		{ "hugetlb.2MB.max", "0\n", "linux.resources.hugepageLimits" },
		{ "hugetlb.2MB.max", "2097152\n", "linux.resources.hugepageLimits was 0" },
		{ "rdma.max", "mana_0 hca_handle=3 hca_object=max\n", "linux.resources.rdma" },
		{ "io.weight", "default 5\n", "its configuration says nothing" },
	};
	char *name[] = { (char[]){ "a" } };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct host_tree tree = host_tree_new();
		char text[128];

		host_tree_put(&tree, "sys/fs/cgroup/cgroup.controllers", "io\n");
		host_tree_put(&tree, CONTAINERS_TASKS "/default/a/config.json", config);
		put_process_of(&tree, "default/a", 77, "/a");
		(void)snprintf(text, sizeof(text), "sys/fs/cgroup/a/%s", values[i].file);
		host_tree_put(&tree, text, values[i].here);
		CHECK(ask(cmd_explain, &tree, true, 1, name) == AZLCTL_OK);
		(void)snprintf(text, sizeof(text), "\"by_what\": \"%s\"", values[i].by_what);
		CHECK(says(text));
		host_tree_done(&tree);
	}
}
