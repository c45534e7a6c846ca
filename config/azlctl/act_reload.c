/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd reads its units again; nothing is restarted by that. It then knows the new values and
 * does not write them to the cgroups of units that run: it does so, for all units of a slice and of
 * the slices above, when a unit starts in it. So one is started that does nothing, in each slice
 * that a protected service is in.
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
#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum { SYSTEMCTL_MS = 60000, SAID_ROOM = 256 };

/* systemd has not read what our unit files say now, or that they are gone. */
static bool reload_needed(const struct host_facts *facts)
{
	static const char *const ask[] = {
		"systemctl",
		"show",
		"-P",
		"NeedDaemonReload",
		"system.slice",
		"azl.slice",
		"containerd.service",
		"kubelet.service",
		"ssh.service",
		"sshd.service",
	};
	enum { ASKED = sizeof(ask) / sizeof(ask[0]) };
	const char *argv[ASKED + FACTS_SLICES_MAX + 1] = { NULL };
	char said[SAID_ROOM];
	struct err err;

	memcpy(argv, ask, sizeof(ask));
	for (size_t i = 0; i < facts->n_slices; i++)
		argv[ASKED + i] = facts->slices[i].name;
	return child_run(argv, SYSTEMCTL_MS, said, sizeof(said), &err) == 0 &&
	       strstr(said, "yes") != NULL;
}

/* "max" and "infinity" are UINT64_MAX. */
static bool parse_bytes(const char *text, uint64_t *bytes)
{
	size_t len = strcspn(text, "\n");

	*bytes = UINT64_MAX;
	return (len == 3 && memcmp(text, "max", len) == 0) ||
	       (len == 8 && memcmp(text, "infinity", len) == 0) ||
	       num_u64_parse(text, len, bytes) == 0;
}

bool reload_lags(const struct host_facts *facts, const char *known, const char *real,
		 bool may_have_default)
{
	uint64_t want, have;

	return parse_bytes(known, &want) && parse_bytes(real, &have) &&
	       facts_kept_bytes(facts, want) != facts_kept_bytes(facts, have) &&
	       (want > 0 || !may_have_default);
}

/* What follows "KEY=" at the beginning of a line; NULL: there is none. */
static char *value_of(char *said, const char *key)
{
	char *at = strstr(said, key);

	if (!at || (at != said && at[-1] != '\n'))
		return NULL;
	return at + strlen(key);
}

/* systemd knows a value of a unit and the kernel does not. A unit without one may have what its
 * slice gives to all (DefaultMemoryMin=). */
static bool unit_lags(const struct host_facts *facts, const char *unit, bool may_have_default)
{
	const char *argv[] = { "systemctl", "show",	    "-p", "MemoryMin",
			       "-p",	    "ControlGroup", unit, NULL };
	char said[2 * SAID_ROOM], path[2 * SAID_ROOM], real[SAID_ROOM];
	struct err err;
	char *known, *group;

	if (child_run(argv, SYSTEMCTL_MS, said, sizeof(said), &err) != 0)
		return false;
	known = value_of(said, "MemoryMin=");
	group = value_of(said, "ControlGroup=");
	if (!known || !group)
		return false;
	group[strcspn(group, "\n")] = '\0';
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.min", group);
	return *group && fd_read_text(AT_FDCWD, path, real, sizeof(real)) > 0 &&
	       reload_lags(facts, known, real, may_have_default);
}

/* An apply that was killed between the two acts. */
static bool kernel_lags(const struct host_facts *facts)
{
	if (unit_lags(facts, "system.slice", false))
		return true;
	for (int i = 0; i < FACTS_UNITS; i++)
		if (facts->unit[i] && unit_lags(facts, facts->unit[i], true))
			return true;
	return false;
}

void reload_look(struct world *world, struct step *step)
{
	step->state =
		world->units_change || reload_needed(world->facts) || kernel_lags(world->facts)
			? STEP_TODO
			: STEP_IN_FORCE;
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

/* A service is in a slice that is neither system.slice nor one that had its turn. */
static bool is_another(const struct host_facts *facts, int unit)
{
	bool is_new = facts->unit[unit] && strcmp(facts->slice[unit], "system.slice") != 0;

	for (int i = 0; is_new && i < unit; i++)
		is_new = !facts->unit[i] || strcmp(facts->slice[i], facts->slice[unit]) != 0;
	return is_new;
}

/* A unit that does nothing. */
static int start_in(const char *slice, struct err *err)
{
	char option[FACTS_SLICE_ROOM + 8];
	const char *argv[] = { "systemd-run",
			       "--quiet",
			       "--collect",
			       "--wait",
			       "--description=azlctl: values reach the cgroups",
			       option,
			       "true",
			       NULL };

	(void)snprintf(option, sizeof(option), "--slice=%s", slice);
	return run(argv, err);
}

int reload_take(struct world *world, struct step *step, struct err *err)
{
	static const char *const reload[] = { "systemctl", "daemon-reload", NULL };
	const struct host_facts *facts = world->facts;

	(void)step;
	if (run(reload, err) < 0)
		return err->code;
	for (int i = 0; i < FACTS_UNITS; i++)
		if (is_another(facts, i) && start_in(facts->slice[i], err) < 0)
			return err->code;
	return start_in("system.slice", err);
}
