/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What texts of containerd's configuration say. Pure. Read by lines, as people and our own files
 * write TOML: tables in headers, a key a line.
 */
#include <stdio.h>
#include <string.h>

#include "config/azlctl/checks.h"

bool check_config_header(const char *line, size_t len, char table[CHECK_TABLE_ROOM])
{
	const char *end = memchr(line, ']', len);

	if (*line != '[' || !end || (size_t)(end - line) > CHECK_TABLE_ROOM)
		return false;
	(void)snprintf(table, CHECK_TABLE_ROOM, "%.*s", (int)(end - line - 1), line + 1);
	return true;
}

const char *check_config_value(const char *line, size_t len, const char *key)
{
	size_t key_len = strlen(key);
	const char *at;

	if (len <= key_len || memcmp(line, key, key_len) != 0)
		return NULL;
	at = line + key_len + strspn(line + key_len, " \t");
	return *at == '=' ? at + 1 + strspn(at + 1, " \t") : NULL;
}

/* ---- folders of CNI plugins ---- */

static void add(struct check_dirs *dirs, const char *dir, size_t len)
{
	if (dirs->n == CHECK_DIRS_MAX || len == 0 || len >= CHECK_DIR_ROOM || *dir != '/')
		return;
	memcpy(dirs->dir[dirs->n], dir, len);
	dirs->dir[dirs->n++][len] = '\0';
}

/* "/a", or [ "/a", '/b' ] over more than one line, too. Comments are passed over. */
static void add_all(struct check_dirs *dirs, const char *value)
{
	char end = *value == '[' ? ']' : '\n';

	while (*value && *value != end) {
		size_t len;

		if (*value == '#') {
			value += strcspn(value, "\n");
		} else if (*value != '"' && *value != '\'') {
			value++;
		} else {
			len = strcspn(value + 1, *value == '"' ? "\"\n" : "'\n");
			add(dirs, value + 1, len);
			value += 1 + len;
			value += *value == '"' || *value == '\'';
		}
	}
}

/* One that says nothing ("") leaves what was said before. Returns true when it says something. */
static bool replace(struct check_dirs *dirs, const char *value)
{
	size_t before = dirs->n;

	dirs->n = 0;
	add_all(dirs, value);
	if (dirs->n > 0)
		return true;
	dirs->n = before;
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

bool check_plugin_dirs(const char *text, struct check_dirs *dirs)
{
	char table[CHECK_TABLE_ROOM] = "";
	bool any = false;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value;
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		if (check_config_header(line, len, table) || !ends_with(table, ".cni"))
			continue;
		value = check_config_value(line, len, "bin_dir");
		if (!value)
			value = check_config_value(line, len, "bin_dirs");
		any = (value && replace(dirs, value)) || any;
	}
	return any;
}
