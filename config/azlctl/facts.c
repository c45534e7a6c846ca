/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/child.h"
#include "config/azlctl/nic.h"
#include "config/azlctl/ours.h"
#include "config/azlctl/proc.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/tasks.h"

enum { CHILD_MS = 10000 };

/* ---- units ---- */

/* In the order in which systemd looks. */
static const char *const unit_folders[] = { "etc/systemd/system", "run/systemd/system",
					    "usr/local/lib/systemd/system",
					    "usr/lib/systemd/system", "lib/systemd/system" };

/* The path of a unit's file; false: the host has none. */
static bool find_unit(const struct azlctl *ctl, const char *name, char path[TREE_PATH_ROOM])
{
	for (size_t i = 0; i < sizeof(unit_folders) / sizeof(unit_folders[0]); i++) {
		(void)snprintf(path, TREE_PATH_ROOM, "%s/%s", unit_folders[i], name);
		if (tree_has(ctl->root, path))
			return true;
	}
	return false;
}

static bool says_min(const struct azlctl *ctl, const char *slice)
{
	struct buf text = { 0 };
	char path[TREE_PATH_ROOM];
	bool found = find_unit(ctl, slice, path) &&
		     tree_read_file(ctl->root, path, TREE_FILE_MAX_BYTES, &text) == 0 &&
		     strstr((const char *)text.data, "\nMemoryMin=");

	buf_done(&text);
	return found;
}

/* Which slice each unit is in: where nobody says otherwise, system.slice (systemd.slice(5)). */
static void read_slices(const struct azlctl *ctl, struct host_facts *facts)
{
	for (int i = 0; i < FACTS_UNITS; i++) {
		const char *argv[] = { "systemctl", "show", "-P", "Slice", facts->unit[i], NULL };
		char answer[512];
		struct err unheard;

		facts_unit_slice(facts, (enum facts_unit)i, "system.slice");
		if (facts->is_live && facts->has_systemd && facts->unit[i] &&
		    child_run(argv, CHILD_MS, answer, sizeof(answer), &unheard) == 0)
			facts_unit_slice(facts, (enum facts_unit)i, answer);
	}
	facts_find_slices(facts);
	for (size_t i = 0; i < facts->n_slices; i++)
		facts->slices[i].has_min = says_min(ctl, facts->slices[i].name);
}

static void read_units(const struct azlctl *ctl, struct host_facts *facts)
{
	static const struct {
		enum facts_unit unit;
		const char *name;
	} units[] = {
		{ FACTS_CONTAINERD, "containerd.service" },
		{ FACTS_KUBELET, "kubelet.service" },
		{ FACTS_SSHD, "sshd.service" },
		{ FACTS_SSHD, "ssh.service" }, /* Debian: sshd.service is a link to it */
	};

	char path[TREE_PATH_ROOM];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (find_unit(ctl, units[i].name, path))
			facts->unit[units[i].unit] = units[i].name;
	facts->has_systemd = ctl->is_live ? tree_has_folder(ctl->root, "run/systemd/system")
					  : tree_has(ctl->root, "usr/lib/systemd/systemd") ||
						    tree_has(ctl->root, "lib/systemd/systemd");
	facts->has_own_slice = tree_has(ctl->root, "etc/systemd/system/azl.slice");
	read_slices(ctl, facts);
}

/* ---- the kernel's ---- */

static void read_kernel(const struct azlctl *ctl, struct host_facts *facts)
{
	static const char *const programs[FACTS_UNITS] = {
		[FACTS_CONTAINERD] = "containerd",
		[FACTS_KUBELET] = "kubelet",
		[FACTS_SSHD] = "sshd",
	};
	char text[4096];
	const char *at;

	facts->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (fd_read_text(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0) {
		at = strstr(text, "MemTotal:");
		if (at)
			facts->memory_bytes = strtoull(at + strlen("MemTotal:"), NULL, 10) * 1024;
	}
	if (fd_read_text(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", facts->controllers,
			 sizeof(facts->controllers)) < 0)
		facts->controllers[0] = '\0';
	facts->tasks_max = tasks_max();
	for (int i = 0; i < FACTS_UNITS; i++)
		facts->pid[i] = proc_find_daemon(ctl->root, programs[i]);
}

/* ---- containerd ---- */

/* Returns 1, 0 (there is none), or negative with err filled. */
static int read_toml(const struct azlctl *ctl, const char *path, struct buf *text, struct err *err)
{
	int rc = tree_read_file(ctl->root, path, TREE_FILE_MAX_BYTES, text);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	return rc < 0 ? err_set(err, rc, "read /%s: %s", path, err_reason(-rc)) : 1;
}

/* A file of the owner's that has the handler; what apply wrote is no reason for it not to.
 * config   that imports files of the folder; NULL: all count */
static int read_conf_d(const struct azlctl *ctl, struct host_facts *facts, const char *config,
		       struct err *err)
{
	int fd = tree_open_folder(ctl->root, FACTS_CONF_D);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!folder) {
		(void)fd_close(fd);
		return 0;
	}
	while (rc >= 0 && (entry = readdir(folder))) {
		const char *dot = strrchr(entry->d_name, '.');
		char path[TREE_PATH_ROOM];
		struct buf text = { 0 };

		if (entry->d_name[0] == '.' || !dot || strcmp(dot, ".toml") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/" FACTS_CONF_D "/%s", entry->d_name);
		if (config && !facts_imports(config, path))
			continue;
		rc = read_toml(ctl, &path[1], &text, err);
		if (rc > 0 && ours_judge((const char *)text.data, text.len) == OURS_FOREIGN &&
		    (!config || facts_versions_fit(config, (const char *)text.data)) &&
		    facts_names_handler((const char *)text.data))
			facts->has_azl_handler = true;
		buf_done(&text);
	}
	(void)closedir(folder);
	return rc < 0 ? rc : 0;
}

static int read_containerd(const struct azlctl *ctl, struct host_facts *facts, struct err *err)
{
	static const char *const version[] = { "containerd", "--version", NULL };
	struct buf text = { 0 };
	struct err unheard;
	char answer[512];
	int rc = read_toml(ctl, "etc/containerd/config.toml", &text, err);

	if (rc > 0)
		facts_containerd_config(facts, (const char *)text.data);
	if (ctl->is_live && facts->unit[FACTS_CONTAINERD] &&
	    child_run(version, CHILD_MS, answer, sizeof(answer), &unheard) == 0)
		facts_containerd_version(facts, answer);
	if (rc > 0 || (rc == 0 && facts_reads_conf_d(facts)))
		rc = read_conf_d(ctl, facts, rc > 0 ? (const char *)text.data : NULL, err);
	buf_done(&text);
	return rc;
}

/* ---- sysctls of the owner ---- */

static int read_sysctl_file(const struct azlctl *ctl, struct host_facts *facts, const char *file,
			    struct err *err)
{
	struct buf text = { 0 };
	int rc = 0;

	/* One that cannot be read is not systemd-sysctl's either. */
	if (tree_read(ctl->root, file, &text, err) > 0)
		rc = facts_sysctl_lines(facts, (const char *)text.data, file);
	buf_done(&text);
	return rc < 0 ? err_set(err, rc, "no memory for what %s says", file) : 0;
}

static int read_sysctls(const struct azlctl *ctl, struct host_facts *facts, struct err *err)
{
	static const char *const packed[] = { "usr/lib/sysctl.d/" FACTS_SYSCTLS,
					      "usr/local/lib/sysctl.d/" FACTS_SYSCTLS };
	int fd = tree_open_folder(ctl->root, "etc/sysctl.d");
	const struct dirent *entry;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;

	if (fd >= 0 && !folder)
		(void)close(fd);
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		facts->has_packed_sysctls =
			facts->has_packed_sysctls || tree_has(ctl->root, packed[i]);
	while (folder && rc == 0 && (entry = readdir(folder))) {
		char path[TREE_PATH_ROOM];
		const char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.' || !dot || strcmp(dot, ".conf") != 0 ||
		    strcmp(entry->d_name, FACTS_SYSCTLS) == 0 ||
		    strcmp(entry->d_name, FACTS_SYSCTLS_BEHIND) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "etc/sysctl.d/%s", entry->d_name);
		rc = read_sysctl_file(ctl, facts, path, err);
	}
	if (folder)
		(void)closedir(folder);
	return rc < 0 ? rc : read_sysctl_file(ctl, facts, "etc/sysctl.conf", err);
}

/* ---- the network ---- */

/* As libcni's ConfFiles. */
static bool is_conf(const char *name)
{
	const char *end = strrchr(name, '.');

	return end && (strcmp(end, ".conf") == 0 || strcmp(end, ".conflist") == 0 ||
		       strcmp(end, ".json") == 0);
}

static void read_confs(const struct azlctl *ctl, struct host_facts *facts)
{
	int fd = tree_open_folder(ctl->root, FACTS_CONF_FOLDER);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	const char *first = FACTS_CONFLIST;

	if (!folder) {
		(void)fd_close(fd);
		return;
	}
	while ((entry = readdir(folder))) {
		if (!is_conf(entry->d_name) || strcmp(entry->d_name, first) >= 0)
			continue;
		(void)snprintf(facts->conf_in_front, sizeof(facts->conf_in_front), "%s",
			       entry->d_name);
		first = facts->conf_in_front;
	}
	(void)closedir(folder);
}

/* ---- all of it ---- */

int facts_read(const struct azlctl *ctl, struct host_facts *facts, struct err *err)
{
	int rc;

	facts->is_live = ctl->is_live;
	read_units(ctl, facts);
	if (ctl->is_live)
		read_kernel(ctl, facts);
	/* A host of which they cannot be told has none. */
	if (ctl->is_live)
		(void)nic_read_facts(facts, err);
	read_confs(ctl, facts);
	rc = read_containerd(ctl, facts, err);
	return rc < 0 ? rc : read_sysctls(ctl, facts, err);
}
