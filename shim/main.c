/* SPDX-License-Identifier: Apache-2.0 */
/* containerd-shim-azl-v2: the command line, and nothing decided here. */
#include <stdio.h>
#include <string.h>

#include "config/base/err.h"
#include "shim/args.h"
#include "shim/commands.h"
#include "shim/runtime_learn.h"

static int print_version(const char *program)
{
	(void)printf("%s:\n  Version:  %s\n  Revision: %s\n\n", program, AZL_VERSION, AZL_REVISION);
	return 0;
}

int main(int argc, char **argv)
{
	struct args args;
	struct err err;

	if (argc > 0 && strcmp(argv[0], RUNTIME_LEARN_NAME) == 0)
		return runtime_learn_run(argc, argv);
	if (args_parse(argc, argv, &args, &err) < 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[0], err.msg);
		return 1;
	}
	if (args.version)
		return print_version(argv[0]);
	if (args.info)
		return command_info();
	switch (args.action) {
	case ARGS_START:
		return command_start(&args);
	case ARGS_DELETE:
		return command_delete(&args);
	case ARGS_NONE:
		break;
	}
	(void)fprintf(stderr,
		      "%s: no action given: start or delete (containerd calls this program)\n",
		      argv[0]);
	return 1;
}
