/* SPDX-License-Identifier: Apache-2.0 */
/* What density tells of the node itself: memory, daemons, pressure, how many pods it is for. */
#include <stdio.h>
#include <string.h>

#include "cgroups/keyed.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/density.h"
#include "config/azlctl/proc.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/num.h"

enum {
	FILE_ROOM = 8192,
	CONFIG_MAX_BYTES = 1 << 20,
	MAX_PODS_DEFAULT = 110, /* Source: kubelet's configuration, maxPods */
};

static double some_avg10(int dir, const char *name)
{
	struct cg_psi_line line = { 0 };
	char text[256];
	ssize_t len = tree_read_text(dir, name, text, sizeof(text));

	if (len <= 5 || memcmp(text, "some ", 5) != 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return cg_keyed_psi(cg_keyed_text(text + 5), &line) == 0 ? line.avg10 : 0;
}

struct density_pressure density_pressure_of(int dir, const char *cpu, const char *memory,
					    const char *io)
{
	return (struct density_pressure){
		.cpu = some_avg10(dir, cpu),
		.memory = some_avg10(dir, memory),
		.io = some_avg10(dir, io),
	};
}

/* A line "KEY:  NUMBER kB" of /proc/meminfo, in bytes. */
static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	uint64_t kilobytes = 0;

	if (at) {
		at += strlen(key) + strspn(at + strlen(key), ": \t");
		(void)num_u64_parse(at, strspn(at, "0123456789"), &kilobytes);
	}
	return kilobytes * 1024;
}

/*
 * "maxPods" in kubelet's configuration, YAML or JSON: AKS has /etc/default/kubeletconfig.json.
 * Source: KubeletConfiguration, maxPods.
 */
static uint64_t config_max_pods(int root, const char *path)
{
	static const char key[] = "maxPods";
	struct buf text = { 0 };
	uint64_t pods = 0;

	if (*path && tree_read_file(root, path, CONFIG_MAX_BYTES, &text) == 0 &&
	    buf_add(&text, "", 1, CONFIG_MAX_BYTES + 1) == 0) {
		const char *at = (const char *)text.data;

		for (; *at && pods == 0; at += strcspn(at, "\n,{"), at += *at != '\0') {
			const char *value = at + strspn(at, " \t\"");

			if (strncmp(value, key, strlen(key)) != 0)
				continue;
			value += strlen(key);
			value += strspn(value, " \t\":");
			(void)num_u64_parse(value, strspn(value, "0123456789"), &pods);
		}
	}
	buf_done(&text);
	return pods;
}

/* The value of "--NAME=VALUE" or "--NAME", "VALUE" among arguments, each ended by NUL; NULL: not
 * given. */
static const char *argument(const char *line, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	for (const char *at = line; at < line + len; at += strlen(at) + 1) {
		if (strncmp(at, name, name_len) != 0)
			continue;
		if (at[name_len] == '=')
			return at + name_len + 1;
		if (at[name_len] == '\0' && at + name_len + 1 < line + len)
			return at + name_len + 1;
	}
	return NULL;
}

/* What the kubelet was told: by an argument, which counts, or by its configuration. 0: nothing. */
static uint64_t kubelet_max_pods(int root)
{
	pid_t pid = proc_find_daemon(root, "kubelet");
	const char *path = NULL, *told = NULL;
	struct buf line = { 0 };
	char name[64];
	uint64_t pods = 0;

	(void)snprintf(name, sizeof(name), "proc/%d/cmdline", (int)pid);
	if (pid > 0 && tree_read_file(root, name, CONFIG_MAX_BYTES, &line) == 0 && line.len > 0 &&
	    buf_add(&line, "", 1, CONFIG_MAX_BYTES + 1) == 0) {
		told = argument((const char *)line.data, line.len, "--max-pods");
		path = argument((const char *)line.data, line.len, "--config");
	}
	if (told)
		(void)num_u64_parse(told, strlen(told), &pods);
	if (pods == 0)
		pods = config_max_pods(root, path && *path == '/' ? path + 1
								  : "var/lib/kubelet/config.yaml");
	buf_done(&line);
	return pods;
}

void density_node(const struct azlctl *ctl, struct density *density)
{
	static const char *const names[DENSITY_DAEMONS] = { "containerd", "kubelet" };
	int root = ctl->root;
	char text[FILE_ROOM];

	if (tree_read_text(root, "proc/meminfo", text, sizeof(text)) >= 0) {
		density->total = meminfo(text, "MemTotal");
		density->available = meminfo(text, "MemAvailable");
		density->kernel = meminfo(text, "SUnreclaim") + meminfo(text, "KernelStack") +
				  meminfo(text, "PageTables") + meminfo(text, "Percpu");
	}
	density->pressure = density_pressure_of(root, "proc/pressure/cpu", "proc/pressure/memory",
						"proc/pressure/io");
	for (size_t i = 0; i < DENSITY_DAEMONS; i++) {
		struct proc_memory memory = { 0 };
		pid_t pid = proc_find_daemon(root, names[i]);

		if (pid)
			(void)proc_memory(root, pid, &memory);
		density->daemons[i] =
			(struct density_daemon){ .name = names[i], .pss = memory.pss };
	}
	if (density->max_pods == 0)
		density->max_pods = kubelet_max_pods(root);
	density->is_told = density->max_pods != 0;
	if (density->max_pods == 0)
		density->max_pods = MAX_PODS_DEFAULT;
}
