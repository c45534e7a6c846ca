/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/out.h"
#include "config/azlctl/tree.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/base/num.h"

static const char *level_name(enum check_level level)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok",
		[CHECK_NOTE] = "note",
		[CHECK_WARN] = "warn",
		[CHECK_FAIL] = "FAIL",
	};

	return names[level];
}

static enum out_colour level_colour(enum check_level level)
{
	static const enum out_colour colours[] = {
		[CHECK_OK] = OUT_GREEN,
		[CHECK_NOTE] = OUT_DIM,
		[CHECK_WARN] = OUT_YELLOW,
		[CHECK_FAIL] = OUT_RED,
	};

	return colours[level];
}

void check_say(struct checks *checks, enum check_level level, const char *id, const char *fmt, ...)
{
	struct check_line *line;
	va_list args;

	if (checks->n == CHECK_LINES_MAX) {
		checks->n--;
		level = CHECK_FAIL;
		fmt = "more lines than fit";
	}
	line = &checks->lines[checks->n++];
	*line = (struct check_line){ .level = level, .id = id };
	va_start(args, fmt);
	(void)vsnprintf(line->text, sizeof(line->text), fmt, args);
	va_end(args);
	out_plain(line->text);
}

void check_fix(struct checks *checks, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(checks->lines[checks->n - 1].fix, CHECK_TEXT_ROOM, fmt, args);
	va_end(args);
	out_plain(checks->lines[checks->n - 1].fix);
}

long check_read(const struct checks *checks, const char *path, char *text, size_t room)
{
	return tree_read_text(checks->ctl->root, path, text, room);
}

int check_read_file(const struct checks *checks, const char *path, struct buf *text)
{
	return tree_read_file(checks->ctl->root, path, CHECK_FILE_MAX_BYTES, text);
}

uint64_t check_number(const struct checks *checks, const char *path, uint64_t missing)
{
	char text[64];
	uint64_t value;
	long len = check_read(checks, path, text, sizeof(text));

	if (len < 0 || num_u64_parse(text, strcspn(text, " \t\n"), &value) < 0)
		return missing;
	return value;
}

bool check_exists(const struct checks *checks, const char *path)
{
	return tree_leads(checks->ctl->root, path);
}

static size_t count_of(const struct checks *checks, enum check_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < checks->n; i++)
		n += checks->lines[i].level == level;
	return n;
}

static void print_text(const struct checks *checks)
{
	const struct azlctl *ctl = checks->ctl;
	size_t warned = count_of(checks, CHECK_WARN), failed = count_of(checks, CHECK_FAIL);

	for (size_t i = 0; i < checks->n; i++) {
		const struct check_line *line = &checks->lines[i];

		(void)fprintf(ctl->out, "%s%-4s%s  %-22s %s\n",
			      out_colour(ctl->colour, level_colour(line->level)),
			      level_name(line->level), out_colour(ctl->colour, OUT_PLAIN), line->id,
			      line->text);
		if (*line->fix)
			(void)fprintf(ctl->out, "      %-22s %s-> %s%s\n", "",
				      out_colour(ctl->colour, OUT_BOLD), line->fix,
				      out_colour(ctl->colour, OUT_PLAIN));
	}
	(void)fprintf(ctl->out, "%zu checked, %zu failed, %zu warned\n", checks->n, failed, warned);
}

static void print_json(const struct checks *checks)
{
	struct out_json json;

	out_json_begin(&json, checks->ctl->out);
	out_json_object(&json, NULL);
	out_json_array(&json, "checks");
	for (size_t i = 0; i < checks->n; i++) {
		const struct check_line *line = &checks->lines[i];

		out_json_object(&json, NULL);
		out_json_string(&json, "id", line->id);
		out_json_string(&json, "level",
				line->level == CHECK_FAIL ? "fail" : level_name(line->level));
		out_json_string(&json, "text", line->text);
		out_json_string(&json, "fix", *line->fix ? line->fix : NULL);
		out_json_end_object(&json);
	}
	out_json_end_array(&json);
	out_json_number(&json, "failed", count_of(checks, CHECK_FAIL));
	out_json_number(&json, "warned", count_of(checks, CHECK_WARN));
	out_json_end_object(&json);
	out_json_finish(&json);
}

/* A tree that does not run has no kernel, cgroups or links of its own to look at. */
static void look(struct checks *checks)
{
	bool runs = checks->ctl->is_live || check_exists(checks, "proc/sys/kernel");

	if (checks->ctl->is_live && geteuid() != 0) {
		check_say(checks, CHECK_NOTE, "host.root",
			  "not run as root: what root alone may read is taken for not there");
		check_fix(checks, "sudo azlctl check");
	}
	if (check_read_file(checks, CHECK_VERSIONS_PATH, &checks->table) < 0) {
		check_say(checks, CHECK_WARN, "runtime.table",
			  "/%s cannot be read: known-bad versions are not seen",
			  CHECK_VERSIONS_PATH);
		check_fix(checks, "reinstall the package of azlctl");
	}
	if (runs) {
		check_kernel(checks);
		check_cgroups(checks);
		check_slices(checks);
	} else {
		check_say(checks, CHECK_NOTE, "host.tree",
			  "this tree does not run: kernel, cgroups and links are not looked at");
		check_fix(checks, "run azlctl check on the booted host, too");
	}
	check_runtimes(checks);
	if (runs)
		check_network(checks);
	check_conflists(checks);
	check_host(checks);
	buf_done(&checks->table);
}

int cmd_check(const struct azlctl *ctl, int argc, char **argv)
{
	own_mem struct checks *checks = calloc(1, sizeof(*checks));

	if (argc > 0) {
		(void)azlctl_fail("check", "no argument is known, not \"%s\"", argv[0]);
		return AZLCTL_USAGE;
	}
	if (!checks)
		return azlctl_fail("check", "no memory");
	checks->ctl = ctl;
	look(checks);
	if (ctl->json)
		print_json(checks);
	else
		print_text(checks);
	if (count_of(checks, CHECK_FAIL) > 0)
		return AZLCTL_UNFIT;
	return count_of(checks, CHECK_WARN) > 0 ? AZLCTL_WARNED : AZLCTL_OK;
}
