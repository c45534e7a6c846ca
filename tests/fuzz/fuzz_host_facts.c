/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a file of the host's that azlctl apply or check reads: containerd's, sysctl's, or
 * one that may be azlctl's own. */
#include "tests/fuzz/fuzz.h"

#include "config/azlctl/checks.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/ours.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_facts facts = { 0 };
	struct check_dirs dirs = { .n = 0 };
	char *text = malloc(size + 1), *marked;

	FUZZ_CHECK(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	facts_containerd_config(&facts, text);
	FUZZ_CHECK(facts.has_containerd_config);
	(void)facts_imports(text, "/etc/containerd/conf.d/x.toml");
	facts_containerd_version(&facts, text);
	FUZZ_CHECK(facts_sysctl_lines(&facts, text, "etc/sysctl.conf") == 0);
	for (size_t i = 0; i < facts.n_sysctls; i++) {
		const char *name = facts.sysctls[i].name;

		FUZZ_CHECK(*name && !strpbrk(name, " =\n") && name[strcspn(name, "./")] != '/');
		FUZZ_CHECK(facts_sysctl_file(&facts, name) != NULL);
	}
	facts_done(&facts);

	FUZZ_CHECK(check_plugin_dirs(text, &dirs) == (dirs.n > 0) && dirs.n <= CHECK_DIRS_MAX);
	for (size_t i = 0; i < dirs.n; i++)
		FUZZ_CHECK(dirs.dir[i][0] == '/' && !strchr(dirs.dir[i], '\n'));

	(void)ours_judge(text, size);
	marked = ours_mark(text);
	FUZZ_CHECK(marked && ours_judge(marked, strlen(marked)) == OURS_INTACT);
	free(marked);
	free(text);
	return 0;
}
