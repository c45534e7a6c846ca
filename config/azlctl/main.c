/* SPDX-License-Identifier: Apache-2.0 */
/* azlctl: arguments to a command, and nothing decided here. */
#include "config/azlctl/azlctl.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/help.h"
#include "config/azlctl/out.h"
#include "config/base/clean.h"
#include "config/base/err.h"

enum { REST_MAX = 16 };

struct command {
	const char *name;
	int (*run)(const struct azlctl *ctl, int argc, char **argv);
	bool knows_dry_run;
	const char *arguments;
	const char *about;
};

static int cmd_version(const struct azlctl *ctl, int argc, char **argv);

static const struct command commands[] = {
	{ "check", cmd_check, false, "[--json]",
	  "is this host fit for azl, and what to do where not" },
	{ "apply", cmd_apply, true, "[nic] [--dry-run] [--json]",
	  "bring the host to what /etc/azl/host.json says" },
	{ "revert", cmd_revert, true, "[--dry-run] [--json]", "undo what apply did" },
	{ "density", cmd_density, false, "[--json | --svg FILE] [--max-pods N]",
	  "what each pod costs beside its containers" },
	{ "explain", cmd_explain, false, "[--json] CONTAINER",
	  "each cgroup value of a container, and who set it" },
	{ "version", cmd_version, false, "[--json]", "which azlctl this is" },
	{ "help", NULL, false, "[COMMAND | host.json]", "what it does, with examples; every key" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int cmd_version(const struct azlctl *ctl, int argc, char **argv)
{
	struct out_json json;

	(void)argv;
	if (argc > 0) {
		(void)azlctl_fail("version", "takes no argument");
		return AZLCTL_USAGE;
	}
	if (!ctl->json) {
		(void)fprintf(ctl->out, "azlctl %s (%s)\n", AZL_VERSION, AZL_REVISION);
		return AZLCTL_OK;
	}
	out_json_begin(&json, ctl->out);
	out_json_object(&json, NULL);
	out_json_string(&json, "version", AZL_VERSION);
	out_json_string(&json, "revision", AZL_REVISION);
	out_json_end_object(&json);
	out_json_finish(&json);
	return AZLCTL_OK;
}

static void usage(FILE *out)
{
	(void)fputs("azlctl: the host under azl's containers\n\nusage: azlctl [--root DIR] COMMAND "
		    "[ARGUMENT...]\n\n",
		    out);
	for (int i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-8s %-37s %s\n", commands[i].name, commands[i].arguments,
			      commands[i].about);
	(void)fputs(
		"\n  --json      for machines     --dry-run   say what would be done\n"
		"  --root DIR  look at, or change, a tree that is not running\n\n"
		"First `azlctl check`, then `azlctl apply --dry-run`. `azlctl help COMMAND` has\n"
		"examples and exit statuses, `azlctl help host.json` every key of that file.\n",
		out);
}

static const struct command *command_named(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Options that may stand anywhere are taken out; the rest is the command's. Returns 0, or a status
 * for a wrong one, which is told. */
static int take_options(struct azlctl *ctl, int argc, char **argv, char *rest[REST_MAX], int *n)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			ctl->json = true;
		} else if (strcmp(argv[i], "--dry-run") == 0) {
			ctl->dry_run = true;
		} else if (strcmp(argv[i], "--root") == 0) {
			if (i + 1 == argc || !*argv[i + 1]) {
				(void)fputs("azlctl: --root wants a folder\n", stderr);
				return AZLCTL_USAGE;
			}
			ctl->root_path = argv[++i];
		} else if (*n < REST_MAX - 1) {
			rest[(*n)++] = argv[i];
		} else {
			(void)fputs("azlctl: too many arguments\n", stderr);
			return AZLCTL_USAGE;
		}
	}
	return AZLCTL_OK;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `help`, `help COMMAND`, `COMMAND ... --help`. Returns a status, or -1: help is not asked for. */
static int help(char *rest[REST_MAX], int n)
{
	const char *about = NULL, *text;

	if (strcmp(rest[0], "help") == 0 || is_help(rest[0]))
		about = n > 1 ? rest[1] : "help";
	for (int i = 1; i < n && !about; i++)
		if (is_help(rest[i]))
			about = rest[0];
	if (!about)
		return -1;
	text = help_text(about);
	if (text) {
		(void)fputs(text, stdout);
	} else if (strcmp(about, "help") == 0) {
		usage(stdout);
	} else if (strcmp(about, "host.json") == 0) {
		help_keys(stdout);
	} else {
		(void)fprintf(stderr, "azlctl: no help about \"%s\"; azlctl help lists commands\n",
			      about);
		return AZLCTL_USAGE;
	}
	return AZLCTL_OK;
}

/* A serial console of no name, or one that says it cannot (terminfo(5), "dumb"), gets none. */
static bool knows_colours(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0 && !getenv("NO_COLOR");
}

/* What the user's locale says, if the host has it. */
static bool shows_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is_utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;

	if (locale)
		freelocale(locale);
	return is_utf8;
}

static int run(struct azlctl *ctl, char *rest[REST_MAX], int n)
{
	const struct command *command =
		command_named(strcmp(rest[0], "--version") == 0 ? "version" : rest[0]);
	own_fd int root = -1;

	if (!command || !command->run) {
		(void)fprintf(stderr, "azlctl: no command \"%s\"; azlctl help lists them\n",
			      rest[0]);
		return AZLCTL_USAGE;
	}
	if (ctl->dry_run && !command->knows_dry_run) {
		(void)azlctl_fail(command->name,
				  "--dry-run is for apply and revert: %s changes "
				  "nothing",
				  command->name);
		return AZLCTL_USAGE;
	}
	ctl->is_live = *ctl->root_path == '\0' || strcmp(ctl->root_path, "/") == 0;
	if (ctl->is_live)
		ctl->root_path = "";
	root = open(ctl->is_live ? "/" : ctl->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		(void)fprintf(stderr, "azlctl: --root %s: %s\n", ctl->root_path, err_reason(errno));
		return AZLCTL_USAGE;
	}
	ctl->root = root;
	ctl->colour = !ctl->json && isatty(STDOUT_FILENO) && knows_colours();
	ctl->marks = !ctl->json && isatty(STDOUT_FILENO) && shows_utf8();
	return command->run(ctl, n - 1, rest + 1);
}

int main(int argc, char **argv)
{
	struct azlctl ctl = { .root = -1, .root_path = "", .out = stdout };
	char *rest[REST_MAX] = { NULL };
	int n = 0, code;

	if (take_options(&ctl, argc, argv, rest, &n) != AZLCTL_OK)
		return AZLCTL_USAGE;
	if (n == 0) {
		usage(stderr);
		return AZLCTL_USAGE;
	}
	code = help(rest, n);
	if (code < 0)
		code = run(&ctl, rest, n);
	return azlctl_answered(stdout, rest[0]) ? code : AZLCTL_FAILED;
}
