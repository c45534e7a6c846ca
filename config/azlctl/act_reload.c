/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd reads its units again; nothing is restarted by that. Services and slices that run get the
 * new values: systemd deserializes each unit and realizes its cgroup anew.
 *
 * Source: systemd src/core/unit-serialize.c, unit_deserialize_state, unit_invalidate_cgroup.
 */
#include <errno.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/child.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"

enum { SYSTEMCTL_MS = 60000 };

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
	char said[256];
	struct err err;

	return child_run(argv, SYSTEMCTL_MS, said, sizeof(said), &err) == 0 &&
	       strstr(said, "yes") != NULL;
}

void reload_look(struct world *world, struct step *step)
{
	step->state = world->units_change || reload_needed() ? STEP_TODO : STEP_IN_FORCE;
}

int reload_take(struct world *world, struct step *step, struct err *err)
{
	static const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	char said[256];
	int rc = child_run(argv, SYSTEMCTL_MS, said, sizeof(said), err);

	(void)world;
	(void)step;
	if (rc < 0)
		return rc;
	said[strcspn(said, "\n")] = '\0';
	return rc == 0 ? 0 : err_set(err, -EIO, "systemctl daemon-reload: %s", said);
}
