/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does containerd's CRI know a handler of azl's, and are its cgroups systemd's where systemd runs?
 */
#include <stdio.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/facts.h"

enum { NAME_ROOM = 320 };

struct handler {
	const struct checks *checks;
	char table[CHECK_TABLE_ROOM]; /* "plugins.\"...\".containerd.runtimes.azl"; "": none yet */
	char file[NAME_ROOM];	      /* that has it */
	bool is_read;		      /* by containerd */
	unsigned int version;	      /* of that file; 0: it says none */
	unsigned int config_version;  /* of config.toml */
	bool config_says_cri;	      /* by the name that version 2 has for it */
	bool is_systemd;
	bool any; /* containerd has a configuration */
};

static void read_lines(struct handler *handler, const char *text, const char *file)
{
	char table[CHECK_TABLE_ROOM] = "";

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		if (*line == '#' || check_config_header(line, len, table))
			continue;
		if (memmem(line, len, "containerd-shim-azl-v2", 22) ||
		    memmem(line, len, "io.containerd.azl.v2", 20)) {
			(void)snprintf(handler->table, sizeof(handler->table), "%s", table);
			(void)snprintf(handler->file, sizeof(handler->file), "%s", file);
			handler->version = facts_config_version(text);
		}
	}
	if (!*handler->file)
		return;
	table[0] = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value;
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		if (check_config_header(line, len, table) ||
		    strncmp(table, handler->table, strlen(handler->table)) != 0)
			continue;
		value = check_config_value(line, len, "SystemdCgroup");
		if (value)
			handler->is_systemd = strncmp(value, "true", 4) == 0;
	}
}

static void take_file(void *owner, const char *file, const char *text)
{
	struct handler *handler = owner;
	bool is_read = check_config_is_read(handler->checks, file);

	handler->any = true;
	if (strcmp(file, CHECK_CONFIG_PATH) == 0) {
		handler->config_version = facts_config_version(text);
		handler->config_says_cri = strstr(text, "io.containerd.grpc.v1.cri");
	}
	if (handler->is_read && !is_read)
		return;
	read_lines(handler, text, file);
	handler->is_read = is_read && *handler->file;
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

/* Files of two versions are not merged (facts_versions_fit). */
static bool versions_fit(const struct handler *handler)
{
	return handler->version == 0 || handler->config_version == 0 ||
	       handler->version == handler->config_version;
}

static void tell_versions(struct checks *checks, const struct handler *handler)
{
	check_say(checks, CHECK_WARN, "runtime.handler",
		  "/%s is of version %u, /" CHECK_CONFIG_PATH
		  " of %u: containerd reads only one of them whole",
		  handler->file, handler->version, handler->config_version);
	check_fix(
		checks,
		"version = %u in /%s, with the handler of /usr/share/azl/containerd/azl-v%d.toml, "
		"then restart containerd",
		handler->config_version, handler->file, handler->config_version < 3 ? 2 : 3);
}

/* containerd 1.7 takes an imported file in place of all that config.toml says of CRI (#5837). */
static void tell_unread(struct checks *checks, const struct handler *handler)
{
	check_say(checks, CHECK_WARN, "runtime.handler",
		  "/%s names azl, but containerd does not read that file", handler->file);
	if (!versions_fit(handler) || (handler->config_says_cri && checks->containerd.part[0] < 2))
		check_fix(checks, "azlctl apply shows the lines to append to /" CHECK_CONFIG_PATH
				  ": imported, the file would take the place of what it says of "
				  "CRI, or say nothing");
	else
		check_fix(checks, "imports = [\"/etc/containerd/conf.d/*.toml\"] at the top of "
				  "/" CHECK_CONFIG_PATH ", then restart containerd");
}

void check_handler(struct checks *checks)
{
	struct handler handler = { .checks = checks };

	check_config_each(checks, take_file, &handler);
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
	if (!check_config_is_read(checks, handler.file)) {
		tell_unread(checks, &handler);
		return;
	}
	if (!versions_fit(&handler)) {
		tell_versions(checks, &handler);
		return;
	}
	check_say(checks, CHECK_OK, "runtime.handler", "/%s names azl", handler.file);
	check_driver(checks, &handler);
}
