/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What apply changed, and what was there before: /var/lib/azl/applied.json. It is on the disk
 * before the first change is made, so that a change which it does not know cannot be; a change
 * which it knows and which was never made is found as "nothing to undo".
 *
 * A file is in it by its name alone: apply makes files and never replaces one of somebody else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct azlctl;
struct err;

#define JOURNAL_FOLDER "var/lib/azl"
#define JOURNAL_FILE   JOURNAL_FOLDER "/applied.json"

enum change_kind {
	CHANGE_FOLDER, /* made */
	CHANGE_FILE,   /* made */
	CHANGE_MODULE, /* loaded */
	CHANGE_SYSCTL,
	CHANGE_GROUP, /* cgroup made */
	CHANGE_VALUE, /* of a cgroup */
	CHANGE_MOVE,  /* a process moved; name: its pid, before and ours: cgroups */
	CHANGE_SCORE, /* oom_score_adj; name: "PROGRAM/PID" */
	CHANGE_NIC,   /* name: "LINK/rings" or "LINK/channels" */
	CHANGE_ALONG, /* a sysctl that the kernel sets along with another one; earlier: what it is
			 when that goes back */
	CHANGE_KINDS,
};

struct change {
	enum change_kind kind;
	char *name;    /* owned; a path has no leading '/' */
	char *before;  /* owned; NULL: it was not there */
	char *ours;    /* owned; NULL where there is no value */
	char *earlier; /* owned; a value of ours that `ours` was to replace; NULL: none */
};

struct journal {
	struct change *changes; /* owned; in the order in which they were made */
	size_t count;
	bool made_folder; /* JOURNAL_FOLDER goes with the journal */
};

/*
 * Read the journal.
 *
 * Returns 1, 0 (there is none: nothing is applied), or -EBADMSG (broken; the text tells), ...
 */
int journal_read(const struct azlctl *ctl, struct journal *journal, struct err *err);

/* Write it; one without changes goes, with the folder if apply made it and nothing else is in it.
 */
int journal_write(const struct azlctl *ctl, struct journal *journal, struct err *err);

/* Remove what stays of a first or last write that was killed. */
int journal_clean(const struct azlctl *ctl, struct err *err);

/*
 * Add a change, or take note of another value for a known one, whose `before` stays.
 *
 * now   what the value is at this moment; NULL: not there
 *
 * Returns 0 or -ENOMEM.
 */
int journal_note(struct journal *journal, enum change_kind kind, const char *name, const char *now,
		 const char *ours);

struct change *journal_find(const struct journal *journal, enum change_kind kind, const char *name);

/* Forget a change. */
void journal_drop(struct journal *journal, struct change *change);

void journal_done(struct journal *journal);

/* "file", "sysctl", ... */
const char *change_kind_name(enum change_kind kind);
