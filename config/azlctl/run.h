/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a plan: look, note, act. What is to change is in the journal, on the disk, before the first
 * change is made; so a run may be killed anywhere, and be repeated or reverted.
 */
#pragma once

struct azlctl;
struct host_facts;
struct journal;
struct plan;

/*
 * Look at every step, take those that are to do (not with --dry-run), and tell.
 *
 * command   "apply" or "revert", for texts
 * journal   read by the caller; written as it changes
 * none      what is said when there is nothing to do
 *
 * Returns an exit status.
 */
int run_plan(const struct azlctl *ctl, const char *command, const struct host_facts *facts,
	     struct journal *journal, struct plan *plan, const char *none);
