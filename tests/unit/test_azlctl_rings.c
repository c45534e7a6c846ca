/* SPDX-License-Identifier: Apache-2.0 */
/* Steps on a NIC that has rings, which no driver of a test machine has: the kernel's side is here.
 * Linked with --wrap for ethtool_open, ethtool_get and ethtool_set. */
#include <errno.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/ethtool.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "tests/unit/test.h"

static struct {
	struct ethtool_counts rings;
	int get_fails; /* errno values; 0: they do not */
	int set_fails;
	int sets;
} device;

int __wrap_ethtool_open(struct ethtool *ethtool, struct err *err);
int __wrap_ethtool_get(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		       struct ethtool_counts *counts, struct err *err);
int __wrap_ethtool_set(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		       const struct ethtool_numbers *numbers, struct err *err);

int __wrap_ethtool_open(struct ethtool *ethtool, struct err *err)
{
	(void)err;
	*ethtool = (struct ethtool){ .family = 1 };
	return 0;
}

int __wrap_ethtool_get(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		       struct ethtool_counts *counts, struct err *err)
{
	(void)ethtool;
	CHECK(part == ETHTOOL_PART_RINGS && strcmp(link, "enP1s1") == 0);
	if (device.get_fails)
		return err_set(err, -device.get_fails, "rings of %s: no", link);
	*counts = device.rings;
	return 0;
}

int __wrap_ethtool_set(struct ethtool *ethtool, enum ethtool_part part, const char *link,
		       const struct ethtool_numbers *numbers, struct err *err)
{
	(void)ethtool;
	CHECK(part == ETHTOOL_PART_RINGS && strcmp(link, "enP1s1") == 0);
	device.sets++;
	if (device.set_fails)
		return err_set(err, -device.set_fails,
			       "rings of %s: no (rx:64 less than the min:128)", link);
	device.rings.now = *numbers;
	return 0;
}

static struct azlctl ctl = { .root = -1, .root_path = "", .is_live = true };
static struct host_facts facts;
static struct journal journal;
static struct plan plan;
static struct world world = { .ctl = &ctl, .facts = &facts, .journal = &journal, .plan = &plan };

/* As mana has them on some kernels. */
static void begin(void)
{
	device.rings = (struct ethtool_counts){ .now = { .rx = 512, .tx = 256 },
						.max = { .rx = 8192, .tx = 16384 } };
	device.get_fails = device.set_fails = device.sets = 0;
}

static void end(void)
{
	plan_done(&plan);
	journal_done(&journal);
}

static struct step *look(const char *wishes, bool is_given)
{
	struct step *step = plan_add(&plan, STEP_NIC, "enP1s1/rings", wishes, "");

	step->optional = !is_given;
	act_look(&world, step);
	return step;
}

static void take(struct step *step)
{
	CHECK(act_note(&world, step) == 0);
	act_take(&world, step);
}

TEST(both_rings_are_set_at_once_and_set_back)
{
	struct step *step;
	struct err err;

	begin();
	step = look("rx>=1024 tx=max", true);
	CHECK(step->state == STEP_TODO && device.sets == 0);
	CHECK_TEXT(step->before, "rx 512 tx 256");
	CHECK_TEXT(step->value, "rx 1024 tx 16384");
	take(step);
	CHECK(step->state == STEP_DONE && device.sets == 1);
	CHECK(device.rings.now.rx == 1024 && device.rings.now.tx == 16384);
	CHECK(look("rx>=1024 tx=max", true)->state == STEP_IN_FORCE);
	CHECK(change_look(&world, &journal.changes[0], &err) == UNDO_TODO);
	CHECK(change_undo(&world, &journal.changes[0], &err) == 0 && device.sets == 2);
	CHECK(device.rings.now.rx == 512 && device.rings.now.tx == 256);
	CHECK(change_look(&world, &journal.changes[0], &err) == UNDO_NOTHING);
	end();
}

TEST(a_default_lowers_nothing_and_says_nothing_where_it_cannot_be)
{
	struct step *step;

	begin();
	device.rings.now.rx = 4096;
	CHECK(look("rx>=1024", false)->state == STEP_IN_FORCE);
	device.get_fails = EOPNOTSUPP;
	CHECK(look("rx>=1024", false)->state == STEP_IN_FORCE);
	CHECK(look("rx=1024", true)->state == STEP_SKIPPED);
	/* one that tells and cannot change it */
	begin();
	device.set_fails = EOPNOTSUPP;
	step = look("rx>=1024", false);
	take(step);
	CHECK(step->state == STEP_IN_FORCE && device.sets == 1);
	step = look("rx=1024", true);
	take(step);
	CHECK(step->state == STEP_SKIPPED && strstr(step->reason, "the driver cannot change it"));
	end();
}

TEST(failures_have_the_kernels_words)
{
	struct step *step;

	begin();
	device.set_fails = EINVAL;
	step = look("rx=64", true);
	take(step);
	CHECK(step->state == STEP_FAILED && strstr(step->reason, "less than the min:128"));
	device.get_fails = EPERM;
	step = look("rx=64", true);
	CHECK(step->state == STEP_FAILED && strstr(step->reason, "rings of enP1s1"));
	end();
}

TEST(a_function_that_is_away_is_nothing_to_do)
{
	struct step *step;
	struct err err;

	begin();
	step = look("rx=1024", true);
	take(step);
	device.get_fails = ENODEV;
	CHECK(look("rx=1024", true)->state == STEP_IN_FORCE);
	CHECK(change_look(&world, &journal.changes[0], &err) == UNDO_NOTHING);
	/* back, with its driver's numbers */
	begin();
	step = look("rx=1024", true);
	CHECK(step->state == STEP_TODO);
	take(step);
	CHECK(journal.count == 1);
	CHECK_TEXT(journal.changes[0].before, "rx 512 tx 256");
	end();
}

TEST(what_somebody_set_since_is_theirs)
{
	struct err err;

	begin();
	take(look("rx=1024", true));
	/* killed before it was taken: the number from before that is ours, too */
	CHECK(act_note(&world, look("rx=2048", true)) == 0);
	CHECK(change_look(&world, &journal.changes[0], &err) == UNDO_TODO);
	device.rings.now.tx = 512;
	CHECK(change_look(&world, &journal.changes[0], &err) == UNDO_LEFT);
	CHECK_TEXT(err.msg,
		   "somebody set it to rx 1024 tx 512 since: it stays (before azlctl it was "
		   "rx 512 tx 256)");
	end();
}
