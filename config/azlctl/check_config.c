/* SPDX-License-Identifier: Apache-2.0 */
/* The files of containerd's configuration. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/tree.h"
#include "config/base/clean.h"

enum { PATH_ROOM = 320 };

static void take_file(const struct checks *checks, const char *file, check_config_take *take,
		      void *owner)
{
	struct buf text = { 0 };

	if (check_read_file(checks, file, &text) == 0 && text.len > 0)
		take(owner, file, (const char *)text.data);
	buf_done(&text);
}

static int is_toml(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && end && strcmp(end, ".toml") == 0;
}

void check_config_each(const struct checks *checks, check_config_take *take, void *owner)
{
	own_fd int folder = tree_open_folder(checks->ctl->root, FACTS_CONF_D);
	struct dirent **entries = NULL;
	int n = folder < 0 ? 0 : scandirat(folder, ".", &entries, is_toml, alphasort);

	take_file(checks, CHECK_CONFIG_PATH, take, owner);
	for (int i = 0; i < n; i++) {
		char path[PATH_ROOM];

		(void)snprintf(path, sizeof(path), FACTS_CONF_D "/%s", entries[i]->d_name);
		take_file(checks, path, take, owner);
		free(entries[i]);
	}
	free((void *)entries);
}

/* containerd 2.2 reads conf.d without being told when it has no configuration (#12323). */
bool check_config_is_read(const struct checks *checks, const char *file)
{
	static const struct check_version told = { { 2, 2, 0 } };
	struct buf text = { 0 };
	char path[PATH_ROOM];
	bool has_config, is_imported;

	if (strcmp(file, CHECK_CONFIG_PATH) == 0)
		return true;
	(void)snprintf(path, sizeof(path), "/%s", file);
	has_config = check_read_file(checks, CHECK_CONFIG_PATH, &text) == 0 && text.len > 0;
	is_imported = has_config && facts_imports((const char *)text.data, path);
	buf_done(&text);
	if (has_config)
		return is_imported;
	return !checks->ctl->is_live || check_version_compare(&checks->containerd, &told) >= 0;
}
