/* SPDX-License-Identifier: Apache-2.0 */
/* The folders in which containerd looks for CNI plugins, and whether one is there. */
#include <stdio.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"

enum { PATH_ROOM = 320, DIRS_MAX = 8, DIR_ROOM = 128 };

struct plugin_dirs {
	const struct checks *checks;
	char file[PATH_ROOM]; /* that names them; "": none does */
	char dir[DIRS_MAX][DIR_ROOM];
	size_t n;
};

static void add(struct plugin_dirs *dirs, const char *dir, size_t len)
{
	if (dirs->n == DIRS_MAX || len == 0 || len >= DIR_ROOM || *dir != '/')
		return;
	memcpy(dirs->dir[dirs->n], dir, len);
	dirs->dir[dirs->n++][len] = '\0';
}

/* "/a", or [ "/a", '/b' ] over more than one line, too. Comments are passed over. */
static void add_all(struct plugin_dirs *dirs, const char *value)
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

/* One that says nothing ("") leaves what was said before. */
static void replace(struct plugin_dirs *dirs, const char *file, const char *value)
{
	size_t before = dirs->n;

	dirs->n = 0;
	add_all(dirs, value);
	if (dirs->n > 0)
		(void)snprintf(dirs->file, sizeof(dirs->file), "%s", file);
	else
		dirs->n = before;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* What a later file says wins; in containerd 1.7 all that it says of CRI is all there is (#5837).
 */
static void take_file(void *owner, const char *file, const char *text)
{
	struct plugin_dirs *dirs = owner;
	char table[CHECK_TABLE_ROOM] = "";

	if (!check_config_is_read(dirs->checks, file))
		return;
	if (dirs->checks->containerd.part[0] == 1 &&
	    strstr(text, "[plugins.\"io.containerd.grpc.v1.cri\""))
		dirs->n = 0;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = NULL;
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		if (check_config_header(line, len, table) || !ends_with(table, ".cni"))
			continue;
		value = check_config_value(line, len, "bin_dir");
		if (!value)
			value = check_config_value(line, len, "bin_dirs");
		if (value)
			replace(dirs, file, value);
	}
}

/* Debian builds it with a default of its own. */
static bool is_debians(const struct checks *checks)
{
	char text[1024];
	const char *id = NULL;

	if (check_read(checks, "etc/os-release", text, sizeof(text)) > 0)
		id = strncmp(text, "ID=", 3) == 0 ? text : strstr(text, "\nID=");
	return id && strncmp(strchr(id, '='), "=debian", 7) == 0 &&
	       check_exists(checks, "var/lib/dpkg/info/containerd.list");
}

static void add_default(struct plugin_dirs *dirs)
{
	bool is_other = is_debians(dirs->checks);

	if (is_other)
		add(dirs, "/usr/lib/cni", strlen("/usr/lib/cni"));
	if (!is_other || dirs->checks->containerd.part[0] != 1)
		add(dirs, "/opt/cni/bin", strlen("/opt/cni/bin"));
}

static bool has(const struct checks *checks, const char *dir, const char *type)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/%s", &dir[1], type);
	return check_exists(checks, path);
}

static bool is_there(const struct plugin_dirs *dirs, const char *type)
{
	for (size_t i = 0; i < dirs->n; i++)
		if (has(dirs->checks, dirs->dir[i], type))
			return true;
	return false;
}

/* A folder that others take plugins from: what ctr, nerdctl and podman look into, and where
 * packages put them. NULL: it is in none. */
static const char *elsewhere(const struct checks *checks, const char *type)
{
	static const char *const places[] = { "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni",
					      "/usr/local/lib/cni" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (has(checks, places[i], type))
			return places[i];
	return NULL;
}

/* "/opt/cni/bin, /usr/lib/cni" */
static void name_all(const struct plugin_dirs *dirs, char *text, size_t room)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < dirs->n && used < room; i++)
		used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? ", " : "",
					 dirs->dir[i]);
}

void check_plugins(struct checks *checks, const char *list, const char (*types)[CHECK_PLUGIN_ROOM],
		   size_t n)
{
	struct plugin_dirs dirs = { .checks = checks };
	char names[CHECK_TEXT_ROOM / 2];

	check_config_each(checks, take_file, &dirs);
	if (dirs.n == 0)
		add_default(&dirs);
	name_all(&dirs, names, sizeof(names));
	for (size_t i = 0; i < n; i++) {
		const char *place;

		if (is_there(&dirs, types[i]))
			continue;
		place = elsewhere(checks, types[i]);
		if (!place) {
			check_say(checks, CHECK_FAIL, "cni.plugin",
				  "%s: plugin \"%s\" is not in %s", list, types[i], names);
			check_fix(checks, "install it, or take it out of /etc/cni/net.d/%s", list);
			continue;
		}
		check_say(checks, CHECK_WARN, "cni.plugin",
			  "%s: plugin \"%s\" is in %s, but containerd looks in %s", list, types[i],
			  place, names);
		check_fix(checks, "ln -s %s/%s %s/, or bin_dir below cni in /%s", place, types[i],
			  dirs.dir[0], *dirs.file ? dirs.file : CHECK_CONFIG_PATH);
	}
}
