/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/out.h"
#include "config/azlctl/plan.h"
#include "config/base/clean.h"

static const struct {
	const char *name; /* in JSON */
	const char *mark; /* on a terminal of UTF-8 */
	const char *word; /* elsewhere */
	enum out_colour colour;
} states[] = {
	[STEP_UNKNOWN] = { "unknown", "?", "?", OUT_PLAIN },
	[STEP_IN_FORCE] = { "in-force", "=", "in force", OUT_DIM },
	[STEP_TODO] = { "todo", "+", "to do", OUT_BOLD },
	[STEP_DONE] = { "done", "✓", "done", OUT_GREEN },
	[STEP_FAILED] = { "failed", "✗", "FAILED", OUT_RED },
	[STEP_SKIPPED] = { "skipped", "!", "left", OUT_YELLOW },
};

static const char *const kinds[] = {
	[STEP_FILE] = "file",	[STEP_MODULE] = "module", [STEP_SYSCTL] = "sysctl",
	[STEP_GROUP] = "group", [STEP_VALUE] = "value",	  [STEP_MOVE] = "move",
	[STEP_SCORE] = "score", [STEP_NIC] = "nic",	  [STEP_RELOAD] = "reload",
	[STEP_UNDO] = "undo",	[STEP_ADVICE] = "advice",
};

struct report report_count(const struct plan *plan)
{
	struct report report = { 0 };

	for (size_t i = 0; i < plan->count; i++) {
		if (plan->steps[i].kind == STEP_ADVICE)
			continue;
		report.in_force += plan->steps[i].state == STEP_IN_FORCE &&
				   plan->steps[i].kind != STEP_UNDO &&
				   plan->steps[i].kind != STEP_RELOAD;
		report.todo += plan->steps[i].state == STEP_TODO;
		report.done += plan->steps[i].state == STEP_DONE;
		report.failed += plan->steps[i].state == STEP_FAILED;
		report.skipped += plan->steps[i].state == STEP_SKIPPED;
	}
	return report;
}

static void put_mark(const struct azlctl *ctl, const char *mark, const char *word,
		     enum out_colour colour)
{
	if (ctl->marks)
		(void)fprintf(ctl->out, " %s%s%s ", out_colour(ctl->colour, colour), mark,
			      out_colour(ctl->colour, OUT_PLAIN));
	else
		(void)fprintf(ctl->out, "%-7s ", word);
}

void report_step(const struct azlctl *ctl, const struct step *step)
{
	if (step->kind == STEP_ADVICE || step->state == STEP_IN_FORCE)
		return;
	put_mark(ctl, states[step->state].mark, states[step->state].word,
		 states[step->state].colour);
	act_title(ctl->out, step);
	if (step->why && *step->why)
		(void)fprintf(ctl->out, "%s: %s%s", out_colour(ctl->colour, OUT_DIM), step->why,
			      out_colour(ctl->colour, OUT_PLAIN));
	(void)fputc('\n', ctl->out);
	if (step->reason)
		(void)fprintf(ctl->out, "        %s\n", step->reason);
	(void)fflush(ctl->out);
}

static void put_block(FILE *out, const char *block)
{
	while (*block) {
		size_t len = strcspn(block, "\n");

		(void)fprintf(out, "          %.*s\n", (int)len, block);
		block += len + (block[len] == '\n');
	}
}

static void put_count(FILE *out, const char **comma, size_t n, const char *what)
{
	if (n == 0)
		return;
	(void)fprintf(out, "%s%zu %s", *comma, n, what);
	*comma = ", ";
}

void report_end(const struct azlctl *ctl, const struct plan *plan, const char *none)
{
	struct report report = report_count(plan);
	const char *comma = "";

	for (size_t i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];

		if (step->kind != STEP_ADVICE)
			continue;
		put_mark(ctl, "i", "note", OUT_YELLOW);
		(void)fprintf(ctl->out, "%s\n", step->why);
		if (step->block)
			put_block(ctl->out, step->block);
	}
	if (report.todo + report.done + report.failed + report.skipped == 0) {
		(void)fprintf(ctl->out, "%s\n", none);
		return;
	}
	put_count(ctl->out, &comma, report.todo, "to do");
	put_count(ctl->out, &comma, report.done, "done");
	put_count(ctl->out, &comma, report.in_force, "in force already");
	put_count(ctl->out, &comma, report.skipped, "left as they are");
	put_count(ctl->out, &comma, report.failed, "failed");
	(void)fputc('\n', ctl->out);
}

static void json_step(struct out_json *json, const struct step *step)
{
	own_mem char *title = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&title, &len);

	out_json_object(json, NULL);
	out_json_string(json, "kind", kinds[step->kind]);
	if (step->kind != STEP_ADVICE) {
		out_json_string(json, "name", step->name);
		out_json_string(json, "state", states[step->state].name);
		if (out)
			act_title(out, step);
	}
	if (out && fclose(out) == 0 && step->kind != STEP_ADVICE)
		out_json_string(json, "title", title);
	if (step->value)
		out_json_string(json, "value", step->value);
	if (step->before)
		out_json_string(json, "before", step->before);
	if (step->why && *step->why)
		out_json_string(json, "why", step->why);
	if (step->reason)
		out_json_string(json, "reason", step->reason);
	if (step->block)
		out_json_string(json, "lines", step->block);
	out_json_end_object(json);
}

void report_json(const struct azlctl *ctl, const struct plan *plan, const char *command)
{
	struct report report = report_count(plan);
	struct out_json json;

	out_json_begin(&json, ctl->out);
	out_json_object(&json, NULL);
	out_json_string(&json, "command", command);
	out_json_bool(&json, "dryRun", ctl->dry_run);
	out_json_number(&json, "todo", report.todo);
	out_json_number(&json, "done", report.done);
	out_json_number(&json, "inForce", report.in_force);
	out_json_number(&json, "skipped", report.skipped);
	out_json_number(&json, "failed", report.failed);
	out_json_array(&json, "steps");
	for (size_t i = 0; i < plan->count; i++)
		json_step(&json, &plan->steps[i]);
	out_json_end_array(&json);
	out_json_end_object(&json);
	out_json_finish(&json);
}
