/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "cgroups/file.h"
#include "config/base/err.h"

int cg_events_read(int dir, struct cg_events *events, struct err *err)
{
	struct cg_events found = { 0 };
	bool told = false;
	struct cg_file file;
	struct cg_text line = { 0 };
	struct cg_text key;
	uint64_t value;
	int code = cg_file_open(&file, dir, "cgroup.events");

	if (code == 0)
		code = cg_file_next(&file, &line);
	for (; code == 1; code = cg_file_next(&file, &line)) {
		if (cg_keyed_flat(line, &key, &value) < 0)
			continue;
		if (cg_keyed_equal(key, "populated")) {
			found.populated = value != 0;
			told = true;
		} else if (cg_keyed_equal(key, "frozen")) {
			found.frozen = value != 0;
		}
	}
	cg_file_close(&file);
	if (code < 0)
		return err_set(err, code, "read cgroup.events: %s", err_reason(-code));
	if (!told)
		return err_set(err, -EBADMSG, "cgroup.events does not say whether it is populated");
	*events = found;
	return 0;
}

int cg_events_oom_kill(int dir, uint64_t *count, struct err *err)
{
	int code = cg_file_find(dir, "memory.events", "oom_kill", count);

	if (code < 0)
		return err_set(err, code, "read memory.events: %s", err_reason(-code));
	if (code == 0)
		return err_set(err, -EBADMSG, "memory.events has no oom_kill");
	return 0;
}

static int watch_file(int inotify, int dir, const char *name, struct err *err)
{
	char path[64];
	int watch;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	watch = inotify_add_watch(inotify, path, IN_MODIFY);
	return watch < 0 ? err_errno(err, "watch %s", name) : watch;
}

int cg_events_watch(int inotify, int dir, struct cg_watch *watch, struct err *err)
{
	*watch = (struct cg_watch){ .memory = -1, .cgroup = -1 };
	watch->cgroup = watch_file(inotify, dir, "cgroup.events", err);
	if (watch->cgroup >= 0)
		watch->memory = watch_file(inotify, dir, "memory.events", err);
	if (watch->cgroup >= 0 && watch->memory >= 0)
		return 0;
	cg_events_unwatch(inotify, watch);
	return err->code;
}

void cg_events_unwatch(int inotify, struct cg_watch *watch)
{
	if (watch->memory >= 0)
		(void)inotify_rm_watch(inotify, watch->memory);
	if (watch->cgroup >= 0)
		(void)inotify_rm_watch(inotify, watch->cgroup);
	*watch = (struct cg_watch){ .memory = -1, .cgroup = -1 };
}
