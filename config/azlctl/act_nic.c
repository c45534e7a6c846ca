/* SPDX-License-Identifier: Apache-2.0 */
/* Rings and channels of a NIC that runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/ethtool.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/nic.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"

/* "eth0/rings" in its two parts. */
static enum ethtool_part split(const char *name, char link[FACTS_LINK_ROOM])
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	(void)snprintf(link, FACTS_LINK_ROOM, "%.*s", (int)len, name);
	return slash && strcmp(slash, "/channels") == 0 ? ETHTOOL_PART_CHANNELS
							: ETHTOOL_PART_RINGS;
}

static int read_counts(const char *name, struct ethtool_counts *counts, struct err *err)
{
	char link[FACTS_LINK_ROOM];
	enum ethtool_part part = split(name, link);
	struct ethtool ethtool;
	int rc = ethtool_open(&ethtool, err);

	if (rc < 0)
		return rc;
	rc = ethtool_get(&ethtool, part, link, counts, err);
	ethtool_done(&ethtool);
	return rc;
}

static int write_numbers(const char *name, const char *text, struct err *err)
{
	char link[FACTS_LINK_ROOM];
	enum ethtool_part part = split(name, link);
	struct ethtool_numbers numbers;
	struct ethtool ethtool;
	int rc;

	if (nic_parse(text, &numbers) < 0)
		return err_set(err, -EINVAL, "%s: \"%s\" is no setting", name, text);
	rc = ethtool_open(&ethtool, err);
	if (rc < 0)
		return rc;
	rc = ethtool_set(&ethtool, part, link, &numbers, err);
	ethtool_done(&ethtool);
	return rc;
}

/* A default asks for no more than the driver can do; what host.json says is told of. */
static void skip(struct world *world, struct step *step)
{
	step->state = step->optional ? STEP_IN_FORCE : STEP_SKIPPED;
	if (step->state == STEP_SKIPPED)
		plan_text(world->plan, &step->reason,
			  "the driver cannot change it: it stays (have host.json say null)");
}

void nic_look(struct world *world, struct step *step)
{
	struct ethtool_counts counts = { { 0 }, { 0 } };
	struct ethtool_numbers chosen;
	char text[NIC_TEXT_ROOM];
	struct err err;
	int rc = read_counts(step->name, &counts, &err);

	step->state = STEP_IN_FORCE;
	if (rc == -ENODEV) /* it went while we looked */
		return;
	if (rc < 0 && rc != -EOPNOTSUPP) {
		step->state = STEP_FAILED;
		plan_text(world->plan, &step->reason, "%s", err.msg);
		return;
	}
	if (rc < 0 || nic_wish(step->value, &counts, &chosen) > 0) {
		skip(world, step);
		return;
	}
	nic_format(&counts.now, text);
	plan_text(world->plan, &step->before, "%s", text);
	nic_format(&chosen, text);
	plan_text(world->plan, &step->value, "%s", text);
	if (memcmp(&chosen, &counts.now, sizeof(chosen)) != 0)
		step->state = STEP_TODO;
}

int nic_note(struct world *world, const struct step *step)
{
	return journal_note(world->journal, CHANGE_NIC, step->name, step->before, step->value);
}

int nic_take(struct world *world, struct step *step, struct err *err)
{
	int rc = write_numbers(step->name, step->value, err);

	if (rc != -EOPNOTSUPP)
		return rc;
	skip(world, step);
	return 0;
}

enum undo nic_undo_look(struct world *world, const struct change *change, struct err *err)
{
	struct ethtool_counts counts = { { 0 }, { 0 } };
	char now[NIC_TEXT_ROOM];
	struct err unheard;

	if (!world->ctl->is_live || !change->before || !change->ours ||
	    read_counts(change->name, &counts, &unheard) < 0)
		return UNDO_NOTHING;
	nic_format(&counts.now, now);
	if (strcmp(now, change->before) == 0)
		return UNDO_NOTHING;
	if (strcmp(now, change->ours) == 0 ||
	    (change->earlier && strcmp(now, change->earlier) == 0))
		return UNDO_TODO;
	(void)err_set(err, -EEXIST,
		      "somebody set it to %s since: it stays (before azlctl it was %s)", now,
		      change->before);
	return UNDO_LEFT;
}

int nic_undo(struct world *world, const struct change *change, struct err *err)
{
	(void)world;
	return write_numbers(change->name, change->before, err);
}
