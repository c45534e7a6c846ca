/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for a person, one line for each step, or as JSON. */
#pragma once

#include <stddef.h>

struct azlctl;
struct plan;
struct step;

struct report {
	size_t in_force;
	size_t todo;
	size_t done;
	size_t failed;
	size_t skipped;
};

/* Count the states; advice is none. */
struct report report_count(const struct plan *plan);

/* One line: what is to be done, was done, failed or is left; nothing for what is in force. */
void report_step(const struct azlctl *ctl, const struct step *step);

/* The lines of advice, then what it comes to; `none` is said when there was nothing to do. */
void report_end(const struct azlctl *ctl, const struct plan *plan, const char *none);

/* All of it, one document. */
void report_json(const struct azlctl *ctl, const struct plan *plan, const char *command);
