/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps and changes against a host: look, act, undo. Each kind is one file; act.c is the table.
 * Looking changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct azlctl;
struct change;
struct err;
struct host_facts;
struct journal;
struct plan;
struct step;

struct world {
	const struct azlctl *ctl;
	const struct host_facts *facts;
	struct journal *journal;
	struct plan *plan; /* that the steps are of: it owns their texts */
	bool units_change; /* a unit file is to be written or removed: systemd must hear of it */
};

enum undo {
	UNDO_NOTHING, /* it is as it was before us */
	UNDO_TODO,
	UNDO_LEFT, /* somebody changed it since: it stays, err says so */
};

/* Find out a step's state, and what was there before. */
void act_look(struct world *world, struct step *step);

/* Take note of a step for revert, before it is taken. Returns 0 or -ENOMEM. */
int act_note(struct world *world, const struct step *step);

/* Take a step: done, failed or skipped. A kind's own take may have skipped it. */
void act_take(struct world *world, struct step *step);

/* What the step does, for a person: "write /etc/sysctl.d/90-azl.conf". */
void act_title(FILE *out, const struct step *step);

/* Is there something to undo of a change? err is filled for UNDO_LEFT. */
enum undo change_look(struct world *world, const struct change *change, struct err *err);

/* Undo it. Returns 0, 1 (nothing can be done about it and nothing is wrong; err says why), or
 * negative, with err filled. */
int change_undo(struct world *world, const struct change *change, struct err *err);

/* ---- one file for each kind ---- */

void file_look(struct world *world, struct step *step);
int file_note(struct world *world, const struct step *step);
int file_take(struct world *world, struct step *step, struct err *err);
enum undo file_undo_look(struct world *world, const struct change *change, struct err *err);
int file_undo(struct world *world, const struct change *change, struct err *err);
enum undo folder_undo_look(struct world *world, const struct change *change, struct err *err);
int folder_undo(struct world *world, const struct change *change, struct err *err);

enum { SYSCTL_ROOM = 1024 };

/* A value of the running kernel, NUL-terminated, with one blank between its numbers. Returns 0 or a
 * negative errno value. */
int sysctl_read(const char *name, char value[SYSCTL_ROOM]);
int sysctl_write(const char *name, const char *value, struct err *err);

void sysctl_look(struct world *world, struct step *step);
int sysctl_note(struct world *world, const struct step *step);
int sysctl_take(struct world *world, struct step *step, struct err *err);
enum undo sysctl_undo_look(struct world *world, const struct change *change, struct err *err);
int sysctl_undo(struct world *world, const struct change *change, struct err *err);

/* Does a change go along with the sysctl of this name? */
bool along_is_of(const char *name, const struct change *change);
/* Will a step of the plan in front of this one have the kernel set its sysctl, too? */
bool along_is_set(const struct plan *plan, const struct step *step);
/* Note what the kernel sets along with a sysctl that is to be set. Returns 0 or -ENOMEM. */
int along_note(struct world *world, const struct step *step);
/* Set a sysctl back, and what goes along with it. Returns 0 or negative, err filled. */
int along_set_back(struct world *world, const struct change *its, struct err *err);
enum undo along_undo_look(struct world *world, const struct change *change, struct err *err);
int along_undo(struct world *world, const struct change *change, struct err *err);

void module_look(struct world *world, struct step *step);
int module_note(struct world *world, const struct step *step);
int module_take(struct world *world, struct step *step, struct err *err);
enum undo module_undo_look(struct world *world, const struct change *change, struct err *err);
int module_undo(struct world *world, const struct change *change, struct err *err);

void group_look(struct world *world, struct step *step);
int group_note(struct world *world, const struct step *step);
int group_take(struct world *world, struct step *step, struct err *err);
enum undo group_undo_look(struct world *world, const struct change *change, struct err *err);
int group_undo(struct world *world, const struct change *change, struct err *err);

void value_look(struct world *world, struct step *step);
int value_note(struct world *world, const struct step *step);
int value_take(struct world *world, struct step *step, struct err *err);
enum undo value_undo_look(struct world *world, const struct change *change, struct err *err);
int value_undo(struct world *world, const struct change *change, struct err *err);

void move_look(struct world *world, struct step *step);
int move_note(struct world *world, const struct step *step);
int move_take(struct world *world, struct step *step, struct err *err);
/* The process that was moved is there, and in our group still. */
bool move_holds(const struct azlctl *ctl, const struct change *change);
enum undo move_undo_look(struct world *world, const struct change *change, struct err *err);
int move_undo(struct world *world, const struct change *change, struct err *err);

void score_look(struct world *world, struct step *step);
int score_note(struct world *world, const struct step *step);
int score_take(struct world *world, struct step *step, struct err *err);
enum undo score_undo_look(struct world *world, const struct change *change, struct err *err);
int score_undo(struct world *world, const struct change *change, struct err *err);

void nic_look(struct world *world, struct step *step);
int nic_note(struct world *world, const struct step *step);
int nic_take(struct world *world, struct step *step, struct err *err);
enum undo nic_undo_look(struct world *world, const struct change *change, struct err *err);
int nic_undo(struct world *world, const struct change *change, struct err *err);

/*
 * Does the kernel have another memory.min of a unit than systemd knows? Pure.
 *
 * known, real        as systemctl(1) and the kernel say it, up to the end or a newline
 * may_have_default   none that systemd knows is no difference
 */
bool reload_lags(const struct host_facts *facts, const char *known, const char *real,
		 bool may_have_default);
void reload_look(struct world *world, struct step *step);
int reload_take(struct world *world, struct step *step, struct err *err);
