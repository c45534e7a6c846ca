/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/explain.h"

#include <stdlib.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/out.h"
#include "config/base/clean.h"
#include "config/base/err.h"

const char *explain_who_name(enum explain_who who)
{
	static const char *const names[] = {
		[EXPLAIN_KERNEL] = "kernel",   [EXPLAIN_USER] = "user",
		[EXPLAIN_KUBELET] = "kubelet", [EXPLAIN_AZL] = "azl default",
		[EXPLAIN_HOST] = "host",       [EXPLAIN_LATER] = "an update",
	};

	return names[who];
}

static void print_value(const struct azlctl *ctl, const struct explain_value *value)
{
	const char *dim =
		out_colour(ctl->colour, value->who == EXPLAIN_KERNEL ? OUT_DIM : OUT_PLAIN);
	const char *plain = out_colour(ctl->colour, OUT_PLAIN);

	(void)fprintf(ctl->out, "%s%-18s %-22s %-12s %s%s\n", dim, value->file,
		      *value->here ? value->here : "-", explain_who_name(value->who), value->why,
		      plain);
	if (value->is_narrowed)
		(void)fprintf(ctl->out, "%s%-18s %-22s %-12s %s allows no more%s\n",
			      out_colour(ctl->colour, OUT_YELLOW), "  in force", value->effective,
			      explain_who_name(value->above_who),
			      *value->above ? value->above : "a cgroup above", plain);
	else if (strcmp(value->effective, value->here) != 0)
		(void)fprintf(ctl->out, "%s%-18s %s%s\n", dim, "  in force", value->effective,
			      plain);
}

static void print_text(const struct azlctl *ctl, const struct explain *explain)
{
	size_t shown = 0;

	(void)fprintf(ctl->out, "container  %s%s%s  (%s%s%s)\ncgroup     %s\n\n",
		      out_colour(ctl->colour, OUT_BOLD), explain->id,
		      out_colour(ctl->colour, OUT_PLAIN), explain->ns, *explain->name ? ", " : "",
		      explain->name, explain->cgroup);
	for (size_t i = 0; i < EXPLAIN_VALUES; i++) {
		if (!explain->values[i].is_there)
			continue;
		if (shown++ == 0)
			(void)fprintf(ctl->out, "%s%-18s %-22s %-12s %s%s\n",
				      out_colour(ctl->colour, OUT_BOLD), "FILE", "VALUE", "SET BY",
				      "BY WHAT", out_colour(ctl->colour, OUT_PLAIN));
		print_value(ctl, &explain->values[i]);
	}
	if (shown == 0)
		(void)fputs("No controller is on in this cgroup: nothing limits the container. "
			    "`azlctl check` says why.\n",
			    ctl->out);
}

static void print_json(const struct azlctl *ctl, const struct explain *explain)
{
	struct out_json json;

	out_json_begin(&json, ctl->out);
	out_json_object(&json, NULL);
	out_json_string(&json, "namespace", explain->ns);
	out_json_string(&json, "id", explain->id);
	out_json_string(&json, "name", *explain->name ? explain->name : NULL);
	out_json_string(&json, "cgroup", explain->cgroup);
	out_json_array(&json, "values");
	for (size_t i = 0; i < EXPLAIN_VALUES; i++) {
		const struct explain_value *value = &explain->values[i];

		if (!value->is_there)
			continue;
		out_json_object(&json, NULL);
		out_json_string(&json, "file", value->file);
		out_json_string(&json, "value", value->here);
		out_json_string(&json, "set_by", explain_who_name(value->who));
		out_json_string(&json, "by_what", *value->why ? value->why : NULL);
		out_json_string(&json, "effective", value->effective);
		out_json_string(&json, "narrowed_by",
				value->is_narrowed && *value->above ? value->above : NULL);
		out_json_string(&json, "narrowed_set_by",
				value->is_narrowed ? explain_who_name(value->above_who) : NULL);
		out_json_end_object(&json);
	}
	out_json_end_array(&json);
	out_json_end_object(&json);
	out_json_finish(&json);
}

int cmd_explain(const struct azlctl *ctl, int argc, char **argv)
{
	own_mem struct explain *explain = calloc(1, sizeof(*explain));
	struct err err;

	if (argc != 1 || argv[0][0] == '-' || argv[0][0] == '\0') {
		(void)azlctl_fail("explain", "usage: azlctl explain [--json] CONTAINER");
		return AZLCTL_USAGE;
	}
	if (!explain)
		return azlctl_fail("explain", "no memory");
	if (explain_read(ctl->root, argv[0], explain, &err) < 0)
		return azlctl_fail("explain", "%s", err.msg);
	if (ctl->json)
		print_json(ctl, explain);
	else
		print_text(ctl, explain);
	return AZLCTL_OK;
}
