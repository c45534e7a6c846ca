/* SPDX-License-Identifier: Apache-2.0 */
/* What slices are for: do they hold the containers, and does protected memory reach the daemons? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/containers.h"
#include "config/azlctl/proc.h"
#include "config/azlctl/tree.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum { GROUP_ROOM = 512 };

/* ---- containers ---- */

struct places {
	int root;
	size_t in_system; /* among the host's own services */
	size_t elsewhere; /* neither there nor where "workload" counts */
};

static bool is_below(const char *group, const char *above)
{
	size_t len = strlen(above);

	return strncmp(group, above, len) == 0 && group[len] == '/';
}

static int take_place(void *owner, const char *ns, const char *id, int bundle)
{
	struct places *places = owner;
	char group[GROUP_ROOM];
	pid_t pid = containers_pid(bundle);

	(void)id;
	/* Where pods are is kubelet's. */
	if (strcmp(ns, "k8s.io") == 0 || pid <= 0 ||
	    proc_cgroup(places->root, pid, group, sizeof(group)) < 0)
		return 0;
	if (is_below(group, "/system.slice"))
		places->in_system++;
	else if (!is_below(group, "/azl.slice") && !is_below(group, "/azl"))
		places->elsewhere++;
	return 0;
}

/* Where they are when nobody says: with systemd nerdctl puts them into system.slice, containerd's
 * client into /NAMESPACE/ID. Source: nerdctl pkg/cmd/container, generateCgroupPath; containerd
 * pkg/oci/spec.go, populateDefaultUnixSpec. */
static void check_places(struct checks *checks)
{
	struct places places = { .root = checks->ctl->root };
	struct err none;

	if (containers_each(places.root, take_place, &places, &none) < 0)
		return;
	if (places.in_system > 0) {
		check_say(checks, CHECK_WARN, "cgroup.containers",
			  "containers in system.slice: %zu; what is protected for the host's "
			  "services is theirs too, and \"workload\" of host.json does not limit "
			  "them",
			  places.in_system);
		check_fix(checks, "start them with --cgroup-parent azl.slice (nerdctl)");
	}
	if (places.elsewhere > 0) {
		check_say(
			checks, CHECK_NOTE, "cgroup.containers",
			"containers outside of azl.slice: %zu; \"workload\" of host.json does not "
			"limit them",
			places.elsewhere);
		check_fix(checks, "start them with --cgroup azl.slice:azl:ID (ctr)");
	}
}

/* ---- daemons ---- */

/* memory.min of a group; 0 where there is none. */
static uint64_t protected_of(int cgroups, const char *group)
{
	char path[GROUP_ROOM + 16], text[32];
	uint64_t bytes = 0;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/memory.min", group + 1);
	len = tree_read_text(cgroups, path, text, sizeof(text));
	if (len > 0 && strcmp(text, "max") == 0)
		return UINT64_MAX;
	return len > 0 && num_u64_parse(text, (size_t)len, &bytes) == 0 ? bytes : 0;
}

/* The nearest group above that is sure of less; false: none is. */
static bool find_less(int cgroups, char group[GROUP_ROOM], uint64_t bytes, uint64_t *above)
{
	for (char *slash = strrchr(group, '/'); slash && slash != group;
	     slash = strrchr(group, '/')) {
		*slash = '\0';
		*above = protected_of(cgroups, group);
		if (*above < bytes)
			return true;
	}
	return false;
}

/* memory.min counts as far as every level above has it, too. Source: kernel cgroup-v2.rst. */
static void check_protection(struct checks *checks, const char *daemon, int cgroups)
{
	char group[GROUP_ROOM];
	pid_t pid = proc_find_daemon(checks->ctl->root, daemon);
	uint64_t bytes, above;

	if (pid <= 0 || proc_cgroup(checks->ctl->root, pid, group, sizeof(group)) < 0)
		return;
	bytes = protected_of(cgroups, group);
	if (bytes == 0 || !find_less(cgroups, group, bytes, &above))
		return;
	check_say(checks, CHECK_WARN, "cgroup.protection",
		  "%s is not sure of its %" PRIu64 " MiB of memory: %.80s above it has %" PRIu64,
		  daemon, bytes >> 20, group, above >> 20);
	check_fix(checks, "azlctl apply gives memory.min to the slices of the daemons");
}

void check_slices(struct checks *checks)
{
	static const char *const daemons[] = { "containerd", "kubelet", "sshd" };
	own_fd int cgroups = containers_cgroups(checks->ctl->root);

	check_places(checks);
	for (size_t i = 0; cgroups >= 0 && i < sizeof(daemons) / sizeof(daemons[0]); i++)
		check_protection(checks, daemons[i], cgroups);
}
