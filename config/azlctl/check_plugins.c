/* SPDX-License-Identifier: Apache-2.0 */
/* The folders in which containerd looks for CNI plugins, and whether one is there. */
#include <stdio.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"

enum { PATH_ROOM = 320 };

struct search {
	const struct checks *checks;
	char file[PATH_ROOM]; /* that names the folders; "": none does */
	struct check_dirs dirs;
};

/* What a later file says wins; in containerd 1.7 all that it says of CRI is all there is (#5837).
 */
static void take_file(void *owner, const char *file, const char *text)
{
	struct search *search = owner;

	if (!check_config_is_read(search->checks, file))
		return;
	if (search->checks->containerd.part[0] == 1 &&
	    strstr(text, "[plugins.\"io.containerd.grpc.v1.cri\""))
		search->dirs.n = 0;
	if (check_plugin_dirs(text, &search->dirs))
		(void)snprintf(search->file, sizeof(search->file), "%s", file);
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

static void add_default(struct search *search)
{
	static const char *const debians[] = { "/usr/lib/cni", "/opt/cni/bin" };
	bool is_debian = is_debians(search->checks);
	size_t end = is_debian && search->checks->containerd.part[0] == 1 ? 1 : 2;

	for (size_t i = is_debian ? 0 : 1; i < end; i++)
		(void)snprintf(search->dirs.dir[search->dirs.n++], CHECK_DIR_ROOM, "%s",
			       debians[i]);
}

static bool has(const struct checks *checks, const char *dir, const char *type)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/%s", &dir[1], type);
	return check_exists(checks, path);
}

static bool is_there(const struct search *search, const char *type)
{
	for (size_t i = 0; i < search->dirs.n; i++)
		if (has(search->checks, search->dirs.dir[i], type))
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
static void name_all(const struct check_dirs *dirs, char *text, size_t room)
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
	struct search search = { .checks = checks };
	char names[CHECK_TEXT_ROOM / 2];

	check_config_each(checks, take_file, &search);
	if (search.dirs.n == 0)
		add_default(&search);
	name_all(&search.dirs, names, sizeof(names));
	for (size_t i = 0; i < n; i++) {
		const char *place;

		if (is_there(&search, types[i]))
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
			  search.dirs.dir[0], *search.file ? search.file : CHECK_CONFIG_PATH);
	}
}
