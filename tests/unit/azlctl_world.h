/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of azlctl against a folder that stands for a host, its containers, and what is said. */
#pragma once

#include "config/azlctl/azlctl.h"
#include "config/azlctl/containers.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/test.h"

static inline struct azlctl ctl_of(const struct host_tree *tree)
{
	return (struct azlctl){ .root = tree->fd, .root_path = tree->path };
}

/* A container that runs: its first process, in a cgroup. */
static inline void put_process_of(const struct host_tree *tree, const char *ns_and_id, int pid,
				  const char *cgroup)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%d", pid);
	host_tree_put_at(tree, text, CONTAINERS_TASKS "/%s/init.pid", ns_and_id);
	(void)snprintf(text, sizeof(text), "0::%s\n", cgroup);
	host_tree_put_at(tree, text, "proc/%d/cgroup", pid);
}

static char answer[65536]; /* of the last command */

typedef int command_fn(const struct azlctl *ctl, int argc, char **argv);

/* Run a command. Returns its exit status. */
static inline int ask(command_fn *command, const struct host_tree *tree, bool json, int argc,
		      char **argv)
{
	struct azlctl ctl = ctl_of(tree);
	char *text = NULL;
	size_t len = 0;
	int code;

	ctl.json = json;
	ctl.out = open_memstream(&text, &len);
	code = command(&ctl, argc, argv);
	(void)fclose(ctl.out);
	(void)snprintf(answer, sizeof(answer), "%s", text);
	free(text);
	return code;
}

static inline bool says(const char *text)
{
	bool found = strstr(answer, text) != NULL;

	if (!found)
		printf("# not said: %s\n# %s\n", text, answer);
	return found;
}
