/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/procs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/file.h"
#include "cgroups/walk.h"
#include "config/base/err.h"

enum { PROCS_FIRST = 32 };

void cg_procs_done(struct cg_procs *procs)
{
	free(procs->pids);
	*procs = (struct cg_procs){ 0 };
}

static int procs_add(struct cg_procs *procs, pid_t pid)
{
	if (procs->count == procs->room) {
		size_t room = procs->room ? procs->room * 2 : PROCS_FIRST;
		pid_t *pids = reallocarray(procs->pids, room, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		procs->pids = pids;
		procs->room = room;
	}
	procs->pids[procs->count++] = pid;
	return 0;
}

/* Add the pids of one file. */
static int read_file(int dir, const char *name, struct cg_procs *procs)
{
	struct cg_file file;
	struct cg_text line = { 0 };
	uint64_t pid;
	int code = cg_file_open(&file, dir, name);

	if (code == 0)
		code = cg_file_next(&file, &line);
	while (code == 1) {
		code = 0;
		if (cg_keyed_value(line, &pid) == 0 && pid > 0 && pid <= INT_MAX)
			code = procs_add(procs, (pid_t)pid);
		if (code == 0)
			code = cg_file_next(&file, &line);
	}
	cg_file_close(&file);
	return code;
}

/* Add the pids of one cgroup. */
static int read_one(int dir, struct cg_procs *procs)
{
	int code = read_file(dir, "cgroup.procs", procs);

	return code == -EOPNOTSUPP ? read_file(dir, "cgroup.threads", procs) : code;
}

int cg_procs_read(int dir, struct cg_procs *procs, struct err *err)
{
	struct cg_walk walk;
	int code = cg_walk_start(&walk, dir);

	procs->count = 0;
	if (code == 0)
		code = read_one(dir, procs);
	while (code == 0) {
		code = cg_walk_next(&walk);
		if (code <= 0)
			break;
		code = cg_walk_enter(&walk) ? read_one(cg_walk_dir(&walk), procs) : 0;
		if (code == -ENOENT)
			code = 0;
	}
	cg_walk_end(&walk);
	if (code < 0)
		return err_set(err, code, "read processes of cgroup: %s", err_reason(-code));
	return 0;
}
