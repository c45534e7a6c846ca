/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd reads its units again; nothing is restarted by that. It then knows the new values and
 * does not write them to the cgroups of units that run: it does so, for all units of a slice and of
 * the slices above, when a unit starts in it. So one is started that does nothing.
 *
 * Source: measured with systemd 257; systemd src/core/cgroup.c,
 * unit_add_family_to_cgroup_realize_queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/child.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum { SYSTEMCTL_MS = 60000, SAID_ROOM = 256, PAGE_MASK = 0xfff };

/* systemd has not read what our unit files say now, or that they are gone. */
static bool reload_needed(void)
{
	static const char *const argv[] = { "systemctl",
					    "show",
					    "-P",
					    "NeedDaemonReload",
					    "system.slice",
					    "azl.slice",
					    "containerd.service",
					    "kubelet.service",
					    "ssh.service",
					    "sshd.service",
					    NULL };
	char said[SAID_ROOM];
	struct err err;

	return child_run(argv, SYSTEMCTL_MS, said, sizeof(said), &err) == 0 &&
	       strstr(said, "yes") != NULL;
}

/* "max" and "infinity" are UINT64_MAX; the kernel keeps whole pages. */
static bool parse_bytes(char *text, uint64_t *bytes)
{
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "max") == 0 || strcmp(text, "infinity") == 0)
		*bytes = UINT64_MAX;
	else if (num_u64_parse(text, strlen(text), bytes) < 0)
		return false;
	*bytes &= ~(uint64_t)PAGE_MASK;
	return true;
}

/* An apply that was killed between the two acts: systemd knows a value and the kernel does not. */
static bool kernel_lags(void)
{
	static const char *const argv[] = { "systemctl", "show",	 "-P",
					    "MemoryMin", "system.slice", NULL };
	char known[SAID_ROOM], real[SAID_ROOM];
	struct err err;
	uint64_t want, have;

	return child_run(argv, SYSTEMCTL_MS, known, sizeof(known), &err) == 0 &&
	       fd_read_text(AT_FDCWD, "/sys/fs/cgroup/system.slice/memory.min", real,
			    sizeof(real)) > 0 &&
	       parse_bytes(known, &want) && parse_bytes(real, &have) && want != have;
}

void reload_look(struct world *world, struct step *step)
{
	step->state =
		world->units_change || reload_needed() || kernel_lags() ? STEP_TODO : STEP_IN_FORCE;
}

static int run(const char *const argv[], struct err *err)
{
	char said[SAID_ROOM];
	int rc = child_run(argv, SYSTEMCTL_MS, said, sizeof(said), err);

	if (rc <= 0)
		return rc;
	said[strcspn(said, "\n")] = '\0';
	return err_set(err, -EIO, "%s: %s", argv[0], *said ? said : "failed");
}

int reload_take(struct world *world, struct step *step, struct err *err)
{
	static const char *const reload[] = { "systemctl", "daemon-reload", NULL };
	static const char *const nothing[] = { "systemd-run",
					       "--quiet",
					       "--collect",
					       "--wait",
					       "--description=azlctl: values reach the cgroups",
					       "true",
					       NULL };

	(void)world;
	(void)step;
	if (run(reload, err) < 0)
		return err->code;
	return run(nothing, err);
}
