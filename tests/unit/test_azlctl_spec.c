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
		"{\"linux\": {\"resources\": {\"memory\": {\"limit\": {\"a\": 1}, \"swap\": "
		"\"\"}}}}",
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
