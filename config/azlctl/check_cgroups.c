/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/keyed.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/base/buf.h"

struct controller {
	const char *name;
	enum check_level level;
	const char *without; /* what is lost */
};

static const struct controller controllers[] = {
	{ "cpu", CHECK_FAIL, "no weights and no quotas" },
	{ "memory", CHECK_FAIL, "no memory limits, and a hog takes the host with it" },
	{ "pids", CHECK_FAIL, "a fork bomb takes the host with it" },
	{ "io", CHECK_WARN, "no weights and no limits of disks" },
	{ "cpuset", CHECK_WARN, "no static CPUs, as the kubelet's CPU manager gives" },
};

static void check_controllers(struct checks *checks, const char *list)
{
	bool complete = true;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		const struct controller *controller = &controllers[i];

		if (cg_keyed_lists(cg_keyed_text(list), cg_keyed_text(controller->name)))
			continue;
		check_say(checks, controller->level, "cgroup.controllers",
			  "controller %s is missing: %s", controller->name, controller->without);
		check_fix(checks,
			  "cgroup_enable=%s on the kernel's command line, and no v1 mount of it",
			  controller->name);
		complete = false;
	}
	if (complete)
		check_say(checks, CHECK_OK, "cgroup.controllers",
			  "cpu, memory, pids, io and cpuset");
}

/* Are they handed down from the root? systemd does that as units ask; others must. */
static void check_handed_down(struct checks *checks)
{
	char list[512];

	if (check_read(checks, "sys/fs/cgroup/cgroup.subtree_control", list, sizeof(list)) < 0)
		return;
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		const struct controller *controller = &controllers[i];

		if (controller->level != CHECK_FAIL ||
		    cg_keyed_lists(cg_keyed_text(list), cg_keyed_text(controller->name)))
			continue;
		check_say(checks, CHECK_WARN, "cgroup.delegation",
			  "controller %s is not handed down from the root", controller->name);
		check_fix(checks,
			  "echo +%s > /sys/fs/cgroup/cgroup.subtree_control, or azlctl apply",
			  controller->name);
		return;
	}
	check_say(checks, CHECK_OK, "cgroup.delegation", "cpu, memory and pids are handed down");
}

/*
 * Attaching a process waits for an RCU grace period of the whole host unless the hierarchy favours
 * changes. Source: kernel cgroup-v2.rst, "favordynmods"; 8 ms per create measured on Linux 6.18.
 */
static void check_mount(struct checks *checks)
{
	struct buf mounts = { 0 };
	const char *at = NULL;
	size_t len = 0;

	if (check_read_file(checks, "proc/self/mountinfo", &mounts) == 0)
		at = strstr((const char *)mounts.data, " /sys/fs/cgroup ");
	if (at)
		len = strcspn(at, "\n");
	if (at && memmem(at, len, "favordynmods", strlen("favordynmods"))) {
		check_say(checks, CHECK_OK, "cgroup.favordynmods", "attaching a process is quick");
	} else if (at) {
		check_say(checks, CHECK_NOTE, "cgroup.favordynmods",
			  "each create waits some milliseconds for the kernel's readers");
		/* No command: docs/FASTPATHS.md has it, with what it costs. */
		check_fix(checks,
			  "remounting with favordynmods ends that; but each fork of the host costs "
			  "more then, and from Linux 6.18 on it cannot be undone before the next "
			  "boot: docs/FASTPATHS.md");
	}
	if (at && !memmem(at, len, "memory_recursiveprot", strlen("memory_recursiveprot"))) {
		check_say(checks, CHECK_WARN, "cgroup.recursiveprot",
			  "memory.min of a slice does not reach what is in it");
		check_fix(checks, "mount -o remount,memory_recursiveprot /sys/fs/cgroup");
	}
	buf_done(&mounts);
}

static void check_pressure(struct checks *checks)
{
	if (check_exists(checks, "proc/pressure/memory")) {
		check_say(checks, CHECK_OK, "cgroup.psi", "pressure is accounted for");
		return;
	}
	check_say(checks, CHECK_WARN, "cgroup.psi",
		  "pressure is not accounted for: nobody sees a host suffer");
	check_fix(checks, "psi=1 on the kernel's command line");
}

void check_cgroups(struct checks *checks)
{
	char list[512];

	if (check_read(checks, "sys/fs/cgroup/cgroup.controllers", list, sizeof(list)) >= 0) {
		check_say(checks, CHECK_OK, "cgroup.v2", "one hierarchy, version 2");
		check_controllers(checks, list);
		check_handed_down(checks);
		check_mount(checks);
	} else {
		bool hybrid = check_exists(checks, "sys/fs/cgroup/unified/cgroup.controllers");

		check_say(checks, CHECK_FAIL, "cgroup.v2", "%s",
			  hybrid ? "version 1 beside version 2: version 2 has no controllers to "
				   "limit with"
				 : "no hierarchy of version 2 at /sys/fs/cgroup");
		check_fix(checks, "boot with systemd.unified_cgroup_hierarchy=1");
	}
	check_pressure(checks);
}
