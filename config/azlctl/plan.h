/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a host is (facts.h) and what its owner wants (host.h) to a list of steps. Pure: nothing
 * is read or changed here; apply.c looks at each step and takes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct azlctl;
struct host_config;
struct host_facts;
struct journal;

enum step_kind {
	STEP_FILE,   /* name: path without leading '/'; value: what stands behind our first line */
	STEP_MODULE, /* name: of a kernel module that is to be loaded */
	STEP_SYSCTL, /* name and value of the running kernel's */
	STEP_GROUP,  /* name: of a cgroup, where no systemd makes them */
	STEP_VALUE,  /* name: "GROUP/FILE" of a cgroup; value: what is written there */
	STEP_MOVE,   /* name: of a program; value: the cgroup that its processes go to */
	STEP_SCORE,  /* name: "PROGRAM/PID"; value: its oom_score_adj, where no systemd sets it */
	STEP_NIC,    /* name: "LINK/rings" or "LINK/channels"; value: wishes until it is looked at
			("rx>=1024 tx=512"), then what is to be set ("rx 1024 tx 512") */
	STEP_RELOAD, /* systemd reads its units again; the last of the acts */
	STEP_UNDO,   /* name: of an earlier change that host.json asks for no more */
	STEP_ADVICE, /* nothing that azlctl does: something for the owner, in `why` */
};

enum step_state {
	STEP_UNKNOWN,  /* nobody has looked yet */
	STEP_IN_FORCE, /* nothing to do */
	STEP_TODO,
	STEP_DONE,
	STEP_FAILED, /* `reason` says why */
	STEP_SKIPPED /* it is somebody else's: `reason` says whose */
};

struct step {
	enum step_kind kind;
	enum step_state state;
	bool at_least; /* STEP_SYSCTL: a higher number is as good */
	bool optional; /* STEP_SYSCTL: a kernel may lack it; STEP_NIC: a driver */
	char *name;    /* owned; "" for STEP_RELOAD and STEP_ADVICE */
	char *value;   /* owned; NULL where there is none */
	char *why;     /* owned: one line for a person */
	char *before;  /* owned: what was found, where that is a text; NULL: nothing */
	char *reason;  /* owned */
	char *block;   /* owned: lines for the owner to copy; NULL mostly */
	int change;    /* STEP_UNDO: enum change_kind; the change has the step's name */
};

struct plan {
	struct step *steps; /* owned */
	size_t count;
	size_t room;
	bool no_memory; /* something is missing in it */
};

void plan_done(struct plan *plan);

/* Append a step; texts are copied, `value` may be NULL. Returns it, or a step that nobody sees when
 * there is no memory: plan->no_memory tells in the end. */
struct step *plan_add(struct plan *plan, enum step_kind kind, const char *name, const char *value,
		      const char *why);

/* Replace one of a step's texts by a formatted one. */
void plan_text(struct plan *plan, char **text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Make the plan: files, then the running kernel's values, then systemd's reload, then advice.
 *
 * Returns 0 or -ENOMEM; plan_done() in either case.
 */
int plan_make(struct plan *plan, const struct host_facts *facts, const struct host_config *config);

/* The parts of it, in this order; each in a file of its own. */
void plan_sysctls(struct plan *plan, const struct host_facts *facts,
		  const struct host_config *config);
void plan_modules(struct plan *plan, const struct host_facts *facts,
		  const struct host_config *config);
void plan_units(struct plan *plan, const struct host_facts *facts,
		const struct host_config *config);
void plan_groups(struct plan *plan, const struct host_facts *facts,
		 const struct host_config *config);
void plan_nics(struct plan *plan, const struct host_facts *facts, const struct host_config *config);
/* The steps of plan_nics() that a NIC which came needs. */
void plan_running_nics(struct plan *plan, const struct host_facts *facts,
		       const struct host_config *config);
void plan_conflist(struct plan *plan, const struct host_facts *facts,
		   const struct host_config *config);
void plan_scores(struct plan *plan, const struct host_facts *facts,
		 const struct host_config *config);
void plan_containerd(struct plan *plan, const struct host_facts *facts,
		     const struct host_config *config);

/* Behind a plan: what the journal knows and the plan does not have, and processes that are gone,
 * the last change first; `only_nics`: of NICs alone. */
void plan_undoes(struct plan *plan, const struct azlctl *ctl, const struct host_facts *facts,
		 const struct journal *journal, bool only_nics);

/* host.json's "apply": { NAME: BOOLEAN }; true where it says nothing. */
bool plan_wants(const struct host_config *config, const char *name);
