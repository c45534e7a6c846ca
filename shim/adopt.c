/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/adopt.h"

#include <stdio.h>
#include <sys/types.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/container.h"
#include "shim/exit.h"

enum { ADOPT_NAME_MAX = 128 };

int adopt_process(struct operation *operation, const char *name, const char *what, struct err *err)
{
	struct process *process = operation->process;
	char file[ADOPT_NAME_MAX];
	own_fd int master = -1;
	pid_t pid;

	if (operation->console.listen_fd >= 0) {
		master = console_take_master(&operation->console, err);
		if (master < 0)
			return err->code;
		console_done(&operation->console);
	}
	if (stdio_started_take(&process->stdio, &master, err) < 0)
		return err->code;
	(void)snprintf(file, sizeof(file), "%s.pid", name);
	if (runc_read_pid(process->container->bundle_fd, file, &pid, err) < 0)
		return err_wrap(err, "failed to retrieve OCI runtime %s pid", what);
	exit_watch(process, pid);
	return 0;
}
