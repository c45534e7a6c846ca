/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/adopt.h"

#include <signal.h>

#include "config/base/err.h"
#include "shim/container.h"
#include "shim/exit.h"

int adopt_process(struct operation *operation, struct err *err)
{
	struct process *process = operation->process;

	if (stdio_started_take(&process->stdio, &operation->master_fd, err) < 0) {
		if (process->kind == TASK_ADDED) /* a container is swept away by its own failure */
			(void)kill(operation->pid, SIGKILL);
		return err->code;
	}
	exit_watch(process, operation->pid);
	return 0;
}
