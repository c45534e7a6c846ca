/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel sets along with forwarding: switched on or off for a protocol, it is so for every
 * link and for those to come, whatever they had, and of IPv4 redirects are refused or accepted.
 * What of that does not come back by itself when the switch goes back is noted, too.
 *
 * Source: kernel net/ipv4/devinet.c, inet_forward_change; net/ipv6/addrconf.c,
 * addrconf_forward_change.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/clean.h"
#include "config/base/err.h"

enum { NAME_ROOM = 128, NUMBER_ROOM = 16 };

static const struct along {
	const char *name;      /* the switch */
	const char *folder;    /* one entry for each link */
	const char *prefix;    /* of the names of what goes along */
	const char *redirects; /* set to its opposite; NULL: none */
} switches[] = {
	{ "net.ipv4.ip_forward", "/proc/sys/net/ipv4/conf", "net.ipv4.conf.",
	  "net.ipv4.conf.all.accept_redirects" },
	{ "net.ipv4.conf.all.forwarding", "/proc/sys/net/ipv4/conf", "net.ipv4.conf.",
	  "net.ipv4.conf.all.accept_redirects" },
	{ "net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf", "net.ipv6.conf.", NULL },
};

static const struct along *along_find(const char *name)
{
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (strcmp(switches[i].name, name) == 0)
			return &switches[i];
	return NULL;
}

static bool goes_along(const struct along *along, const struct change *change)
{
	return change->kind == CHANGE_ALONG && change->name &&
	       strncmp(change->name, along->prefix, strlen(along->prefix)) == 0;
}

bool along_is_of(const char *name, const struct change *change)
{
	const struct along *along = along_find(name);

	return along && goes_along(along, change);
}

bool along_is_set(const struct plan *plan, const struct step *step)
{
	for (size_t i = 0; i < plan->count && &plan->steps[i] != step; i++) {
		const struct along *along =
			plan->steps[i].kind == STEP_SYSCTL && plan->steps[i].state == STEP_TODO
				? along_find(plan->steps[i].name)
				: NULL;

		if (along && !along_find(step->name) &&
		    strncmp(step->name, along->prefix, strlen(along->prefix)) == 0)
			return true;
	}
	return false;
}

static bool same(const char *text, const char *now)
{
	return text && strcmp(text, now) == 0;
}

static const char *opposite(const char *value)
{
	return strcmp(value, "0") == 0 ? "1" : "0";
}

/* ---- taking note ---- */

/* on    what the kernel sets with our value of the switch
 * back  and with the one that was there before */
static int note_one(struct world *world, const char *name, const char *on, const char *back)
{
	char now[SYSCTL_ROOM];
	struct change *change;

	if (journal_find(world->journal, CHANGE_ALONG, name) || sysctl_read(name, now) < 0)
		return 0;
	if (journal_note(world->journal, CHANGE_ALONG, name, now, on) < 0)
		return -ENOMEM;
	change = journal_find(world->journal, CHANGE_ALONG, name);
	change->earlier = strdup(back);
	return change->earlier ? 0 : -ENOMEM;
}

/* Links that differ from the switch, which are few or none. */
static int note_link(struct world *world, const struct along *along, const struct step *step,
		     const char *link)
{
	char name[NAME_ROOM], now[SYSCTL_ROOM], *dot;
	int n = snprintf(name, sizeof(name), "%s%s.forwarding", along->prefix, link);

	if (n < 0 || (size_t)n >= sizeof(name) || *link == '.' || strcmp(link, "all") == 0)
		return 0;
	/* "eth0.100" */
	for (dot = name + strlen(along->prefix); dot < name + strlen(along->prefix) + strlen(link);
	     dot++)
		if (*dot == '.')
			*dot = '/';
	if (sysctl_read(name, now) < 0 || same(step->before, now))
		return 0;
	return note_one(world, name, step->value, step->before);
}

int along_note(struct world *world, const struct step *step)
{
	const struct along *along = along_find(step->name);
	DIR *folder = along && step->before ? opendir(along->folder) : NULL;
	const struct dirent *entry;
	int rc = 0;

	if (!folder)
		return 0;
	if (along->redirects)
		rc = note_one(world, along->redirects, opposite(step->value),
			      opposite(step->before));
	while (rc == 0 && (entry = readdir(folder)))
		rc = note_link(world, along, step, entry->d_name);
	(void)closedir(folder);
	return rc;
}

/* ---- undoing ---- */

/* The switch is as it was before apply: by us, who were killed then, or by somebody. */
static bool is_switched_back(const struct world *world, const struct change *change)
{
	char now[SYSCTL_ROOM];

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		const struct change *its =
			journal_find(world->journal, CHANGE_SYSCTL, switches[i].name);

		if (its && goes_along(&switches[i], change) && sysctl_read(its->name, now) == 0 &&
		    !same(its->before, now))
			return false;
	}
	return true;
}

enum undo along_undo_look(struct world *world, const struct change *change, struct err *err)
{
	char now[SYSCTL_ROOM];
	int rc = world->ctl->is_live && change->before ? sysctl_read(change->name, now) : -ENOENT;

	if (rc == -ENOENT || (rc == 0 && same(change->before, now)))
		return UNDO_NOTHING;
	/* host.json sets it, too: that change has what was there before as well */
	if (journal_find(world->journal, CHANGE_SYSCTL, change->name))
		return UNDO_NOTHING;
	if (rc < 0) {
		(void)err_set(err, rc, "sysctl %s: %s: it stays", change->name, err_reason(-rc));
		return UNDO_LEFT;
	}
	if (same(is_switched_back(world, change) ? change->earlier : change->ours, now))
		return UNDO_TODO;
	(void)err_set(err, -EEXIST,
		      "somebody set it to %s since: it stays (before azlctl it was %s)", now,
		      change->before);
	return UNDO_LEFT;
}

int along_undo(struct world *world, const struct change *change, struct err *err)
{
	(void)world;
	return sysctl_write(change->name, change->before, err);
}

/* What goes along with a switch that is set back keeps what somebody gave it since. */
int along_set_back(struct world *world, const struct change *its, struct err *err)
{
	const struct along *along = along_find(its->name);
	struct journal *journal = world->journal;
	own_mem char(*values)[NUMBER_ROOM] = calloc(journal->count + 1, sizeof(*values));
	char now[SYSCTL_ROOM];
	int rc;

	if (!values)
		return err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; along && i < journal->count; i++) {
		const struct change *change = &journal->changes[i];

		if (goes_along(along, change) && change->before &&
		    sysctl_read(change->name, now) == 0)
			(void)snprintf(values[i], sizeof(values[i]), "%.15s",
				       same(change->ours, now) ? change->before : now);
	}
	rc = sysctl_write(its->name, its->before, err);
	for (size_t i = 0; rc == 0 && along && i < journal->count; i++) {
		if (*values[i])
			rc = sysctl_write(journal->changes[i].name, values[i], err);
		if (rc == -ENOENT) /* the link has gone meanwhile */
			rc = 0;
	}
	return rc;
}
