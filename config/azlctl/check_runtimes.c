/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/child.h"
#include "config/base/err.h"

enum {
	ANSWER_ROOM = 512,
	PATH_ROOM = 128,
	ANSWER_LIMIT_MS = 3000, /* a program that says nothing by then is told of */
};

/* A program that says its version; all of them are asked at the same time. */
struct program {
	const char *id;
	const char *name;
	const char *option;
	const char *places[4]; /* below the root; the first that is there */
	enum check_level missing;
	bool runs;
	const char *fix; /* when it is missing */
	const char *path;
	char full[PATH_ROOM]; /* "/usr/bin/runc" */
	struct child child;
	char answer[ANSWER_ROOM]; /* the version may be behind its first line, as the shim's is */
};

static void ask(const struct azlctl *ctl, struct program *program)
{
	const char *const argv[] = { program->full, program->option, NULL };
	struct err unheard;

	(void)snprintf(program->full, sizeof(program->full), "/%s", program->path);
	program->runs = ctl->is_live && child_start(&program->child, argv, false, &unheard) == 0;
}

static void listen_to(struct program *program)
{
	struct err unheard;

	if (!program->runs)
		return;
	(void)child_finish(&program->child, ANSWER_LIMIT_MS, program->answer,
			   sizeof(program->answer), &unheard);
}

static void judge(struct checks *checks, const struct program *program)
{
	struct check_version version;

	if (!program->path) {
		check_say(checks, program->missing, program->id, "%s is not installed",
			  program->name);
		check_fix(checks, "%s", program->fix);
		return;
	}
	if (!checks->ctl->is_live) {
		check_say(checks, CHECK_OK, program->id, "/%s is there", program->path);
		return;
	}
	if (check_version_find(program->answer, &version) < 0) {
		check_say(checks, CHECK_WARN, program->id, "/%s does not say its version: \"%.*s\"",
			  program->path, (int)strcspn(program->answer, "\n"), program->answer);
		check_fix(checks, "/%s %s", program->path, program->option);
		return;
	}
	check_say(checks, CHECK_OK, program->id, "%u.%u.%u (/%s)", version.part[0], version.part[1],
		  version.part[2], program->path);
	check_known(checks, program->name, program->id, &version);
	if (strcmp(program->name, "containerd") == 0)
		checks->containerd = version;
}

void check_runtimes(struct checks *checks)
{
	struct program programs[] = {
		{ .id = "runtime.containerd",
		  .name = "containerd",
		  .option = "--version",
		  .places = { "usr/bin/containerd", "usr/local/bin/containerd" },
		  .missing = CHECK_FAIL,
		  .fix = "install containerd 1.7 or 2.x" },
		{ .id = "runtime.runc",
		  .name = "runc",
		  .option = "--version",
		  .places = { "usr/bin/runc", "usr/sbin/runc", "usr/local/sbin/runc",
			      "usr/local/bin/runc" },
		  .missing = CHECK_FAIL,
		  .fix = "install runc: it creates the containers" },
		{ .id = "runtime.crun",
		  .name = "crun",
		  .option = "--version",
		  .places = { "usr/bin/crun", "usr/local/bin/crun" },
		  .missing = CHECK_OK },
		{ .id = "runtime.shim",
		  .name = "containerd-shim-azl-v2",
		  .option = "-v",
		  .places = { "usr/bin/containerd-shim-azl-v2",
			      "usr/local/bin/containerd-shim-azl-v2",
			      "opt/azl/bin/containerd-shim-azl-v2" },
		  .missing = CHECK_FAIL,
		  .fix = "install the package azl-shim" },
	};
	enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };

	for (size_t i = 0; i < PROGRAMS; i++) {
		struct program *program = &programs[i];

		for (size_t place = 0; place < 4 && program->places[place] && !program->path;
		     place++)
			if (check_exists(checks, program->places[place]))
				program->path = program->places[place];
		if (program->path)
			ask(checks->ctl, program);
	}
	for (size_t i = 0; i < PROGRAMS; i++) {
		listen_to(&programs[i]);
		if (programs[i].path || programs[i].missing != CHECK_OK)
			judge(checks, &programs[i]);
	}
	check_handler(checks);
}
