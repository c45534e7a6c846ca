/* SPDX-License-Identifier: Apache-2.0 */
/*
 * azlctl: one command, one file. A command prints to `out` alone what it was asked for, to standard
 * error what went wrong, and returns the program's exit status.
 *
 *   check [--json]                       is this host fit, and what to do where not
 *   apply [nic] [--dry-run] [--json]     bring the host, or its NICs alone, to what host.json says
 *   revert [--dry-run] [--json]          undo what apply did
 *   density [--json | --svg FILE]        what each pod costs beside its containers
 *   explain [--json] CONTAINER           each effective cgroup value, and who set it
 *   version [--json]
 *   help [COMMAND]
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Exit statuses; man azlctl(8) lists them. */
enum azlctl_exit {
	AZLCTL_OK = 0,
	AZLCTL_FAILED = 1, /* the command could not do its work; standard error says why */
	AZLCTL_USAGE = 2,  /* bad arguments, or a host.json that cannot be read */
	AZLCTL_WARNED =
		3, /* check: warnings only; apply and revert --dry-run: there is something to do */
	AZLCTL_UNFIT = 4,   /* check: at least one failing line */
	AZLCTL_PARTIAL = 5, /* apply, revert: some steps failed; running it again goes on */
	AZLCTL_LEFT = 6, /* apply, revert: none failed, some were left: they are somebody else's */
};

struct azlctl {
	int root; /* directory descriptor: "/" or what --root says; all files of the host are opened
		     below it (names without leading '/'), so that a test's tree stands for a host
		   */
	const char *root_path; /* for texts: "" or the folder */
	bool is_live;	       /* root is "/": the running kernel may be asked and changed */
	bool json;	       /* --json */
	bool colour;	       /* standard output is a terminal that knows colours, and may */
	bool marks;	       /* standard output is a terminal of UTF-8: signs instead of words */
	bool dry_run;	       /* --dry-run */
	FILE *out;	       /* borrowed */
};

/* argc, argv: what stands behind the command's name and the options above. */
int cmd_check(const struct azlctl *ctl, int argc, char **argv);
int cmd_apply(const struct azlctl *ctl, int argc, char **argv);
int cmd_revert(const struct azlctl *ctl, int argc, char **argv);
int cmd_density(const struct azlctl *ctl, int argc, char **argv);
int cmd_explain(const struct azlctl *ctl, int argc, char **argv);

/* Report a failure on standard error, "azlctl COMMAND: TEXT". Returns AZLCTL_FAILED. */
int azlctl_fail(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write what is still buffered of the answer. Returns false, and has told it once on standard
 * error, when any of it was lost. */
bool azlctl_answered(FILE *out, const char *command);
