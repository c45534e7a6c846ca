/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runc_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"

static bool is_runc_file(const char *name)
{
	return strcmp(name, "state.json") == 0 || strcmp(name, "exec.fifo") == 0 ||
	       strncmp(name, "state-", 6) == 0;
}

/* Look, or remove. */
static int each_file(int dir, bool remove, struct err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	int code = 0;

	if (!list) {
		(void)err_errno(err, "read runc's state folder");
		(void)fd_close(copy);
		return err->code;
	}
	while (code == 0 && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!is_runc_file(entry->d_name))
			code = err_set(err, -ENOTEMPTY, "runc's state folder holds %.64s",
				       entry->d_name);
		else if (remove && unlinkat(dir, entry->d_name, 0) < 0 && errno != ENOENT)
			code = err_errno(err, "remove %.64s", entry->d_name);
	}
	(void)closedir(list);
	return code;
}

int runc_state_check(int dir, struct err *err)
{
	return each_file(dir, false, err);
}

int runc_state_remove(int root, const char *id, int dir, struct err *err)
{
	if (each_file(dir, true, err) < 0)
		return err->code;
	if (unlinkat(root, id, AT_REMOVEDIR) < 0)
		return err_errno(err, "remove runc's state folder");
	return 0;
}
