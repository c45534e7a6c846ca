/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does containerd's CRI know a handler of azl's, and are its cgroups systemd's where systemd runs?
 * Read by lines, as people and our own files write TOML: tables in headers, a key a line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"

enum { NAME_ROOM = 256, TABLE_ROOM = 256 };

#define CONFIG "etc/containerd/config.toml"
#define CONF_D "etc/containerd/conf.d"

struct handler {
	char table[TABLE_ROOM]; /* "plugins.\"...\".containerd.runtimes.azl"; "": none yet */
	char file[NAME_ROOM];	/* that has it */
	bool is_systemd;
	bool any;		 /* containerd has a configuration */
	struct host_facts facts; /* what config.toml says of imports */
};

/* A header's name without brackets and blanks, or false. */
static bool is_header(const char *line, size_t len, char table[TABLE_ROOM])
{
	const char *end = memchr(line, ']', len);

	if (*line != '[' || !end || (size_t)(end - line) > TABLE_ROOM)
		return false;
	(void)snprintf(table, TABLE_ROOM, "%.*s", (int)(end - line - 1), line + 1);
	return true;
}

/* "KEY = VALUE", however many blanks. */
static bool is_setting(const char *line, size_t len, const char *key, const char *value)
{
	const char *at = line + strlen(key);

	if (len <= strlen(key) || memcmp(line, key, strlen(key)) != 0)
		return false;
	at += strspn(at, " \t");
	if (*at != '=')
		return false;
	at += 1 + strspn(at + 1, " \t");
	return strncmp(at, value, strlen(value)) == 0;
}

static void read_lines(struct handler *handler, const char *text, const char *file)
{
	char table[TABLE_ROOM] = "";

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		if (*line == '#' || is_header(line, len, table))
			continue;
		if (memmem(line, len, "containerd-shim-azl-v2", 22) ||
		    memmem(line, len, "io.containerd.azl.v2", 20)) {
			(void)snprintf(handler->table, sizeof(handler->table), "%s", table);
			(void)snprintf(handler->file, sizeof(handler->file), "%s", file);
		}
	}
	if (!*handler->file)
		return;
	table[0] = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		line += strspn(line, " \t");
		if (!is_header(line, strcspn(line, "\n"), table) &&
		    strncmp(table, handler->table, strlen(handler->table)) == 0 &&
		    is_setting(line, strcspn(line, "\n"), "SystemdCgroup", "true"))
			handler->is_systemd = true;
	}
}

static void read_file(const struct checks *checks, struct handler *handler, const char *file)
{
	struct buf text = { 0 };

	if (check_read_file(checks, file, &text) == 0 && text.len > 0) {
		handler->any = true;
		read_lines(handler, (const char *)text.data, file);
		if (strcmp(file, CONFIG) == 0)
			facts_containerd_config(&handler->facts, (const char *)text.data);
	}
	buf_done(&text);
}

static int is_toml(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && end && strcmp(end, ".toml") == 0;
}

static void read_all(const struct checks *checks, struct handler *handler)
{
	own_fd int folder = tree_open_folder(checks->ctl->root, CONF_D);
	struct dirent **entries = NULL;
	int n = folder < 0 ? 0 : scandirat(folder, ".", &entries, is_toml, alphasort);

	read_file(checks, handler, CONFIG);
	for (int i = 0; i < n; i++) {
		char path[NAME_ROOM + sizeof(CONF_D) + 1];

		(void)snprintf(path, sizeof(path), CONF_D "/%s", entries[i]->d_name);
		read_file(checks, handler, path);
		free(entries[i]);
	}
	free((void *)entries);
}

/* containerd 2.2 reads conf.d without being told when it has no configuration (#12323). */
static bool is_read(const struct checks *checks, const struct handler *handler)
{
	static const struct check_version told = { { 2, 2, 0 } };

	if (strcmp(handler->file, CONFIG) == 0)
		return true;
	if (handler->facts.has_containerd_config)
		return handler->facts.imports_conf_d;
	return !checks->ctl->is_live || check_version_compare(&checks->containerd, &told) >= 0;
}

/* Who makes the cgroups of its containers. */
static void check_driver(struct checks *checks, const struct handler *handler)
{
	bool has_systemd = check_exists(checks, "run/systemd/system");

	if (has_systemd && !handler->is_systemd) {
		check_say(
			checks, CHECK_WARN, "runtime.systemd_cgroup",
			"SystemdCgroup is not true for azl, but systemd owns this host's cgroups");
		check_fix(checks,
			  "SystemdCgroup = true in the handler's options in /%s, as in the "
			  "kubelet's cgroupDriver",
			  handler->file);
	} else if (!has_systemd && handler->is_systemd && check_exists(checks, "proc/sys/kernel")) {
		check_say(checks, CHECK_FAIL, "runtime.systemd_cgroup",
			  "SystemdCgroup is true for azl, but no systemd runs: no pod starts");
		check_fix(checks, "SystemdCgroup = false in the handler's options in /%s",
			  handler->file);
	}
}

void check_handler(struct checks *checks)
{
	struct handler handler = { 0 };

	read_all(checks, &handler);
	if (!*handler.file) {
		check_say(checks, CHECK_NOTE, "runtime.handler",
			  handler.any ? "containerd's configuration does not name azl: only ctr "
					"--runtime io.containerd.azl.v2 uses it"
				      : "containerd has no configuration file: only ctr --runtime "
					"io.containerd.azl.v2 uses azl");
		check_fix(checks, "for Kubernetes: azlctl apply adds the handler, or shows the "
				  "lines to add");
		return;
	}
	if (!is_read(checks, &handler)) {
		check_say(checks, CHECK_WARN, "runtime.handler",
			  "/%s names azl, but containerd does not read that file", handler.file);
		check_fix(checks, "imports = [\"/etc/containerd/conf.d/*.toml\"] at the top of "
				  "/" CONFIG ", then restart containerd");
		return;
	}
	check_say(checks, CHECK_OK, "runtime.handler", "/%s names azl", handler.file);
	check_driver(checks, &handler);
}
