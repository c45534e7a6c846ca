/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules: modprobe(8) loads them with what they need. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/child.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { MODPROBE_MS = 30000, NAME_ROOM = 64, BUILTIN_MAX_BYTES = 1 << 20 };

/* "kernel/fs/overlayfs/overlay.ko" is a line of modules.builtin. */
static bool is_built_in(const char *name)
{
	struct utsname kernel;
	struct buf text = { 0 };
	char path[256], line[NAME_ROOM + 8];
	bool found = false;

	if (uname(&kernel) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.builtin", kernel.release);
	(void)snprintf(line, sizeof(line), "/%.60s.ko\n", name);
	if (fd_read_file(AT_FDCWD, path, BUILTIN_MAX_BYTES, &text) == 0)
		found = strstr((const char *)text.data, line) != NULL;
	buf_done(&text);
	return found;
}

static bool is_loaded(const char *name)
{
	char path[NAME_ROOM + 16];

	(void)snprintf(path, sizeof(path), "/sys/module/%.63s", name);
	return access(path, F_OK) == 0;
}

void module_look(struct world *world, struct step *step)
{
	(void)world;
	step->state = is_loaded(step->name) || is_built_in(step->name) ? STEP_IN_FORCE : STEP_TODO;
}

int module_note(struct world *world, const struct step *step)
{
	return journal_note(world->journal, CHANGE_MODULE, step->name, NULL, NULL);
}

int module_take(struct world *world, struct step *step, struct err *err)
{
	const char *const argv[] = { "modprobe", "--", step->name, NULL };
	char said[256];
	int rc = child_run(argv, MODPROBE_MS, said, sizeof(said), err);

	(void)world;
	if (rc < 0)
		return rc;
	said[strcspn(said, "\n")] = '\0';
	return rc == 0 ? 0 : err_set(err, -ENOENT, "%s", *said ? said : "modprobe failed");
}

enum undo module_undo_look(struct world *world, const struct change *change, struct err *err)
{
	(void)err;
	return world->ctl->is_live && is_loaded(change->name) ? UNDO_TODO : UNDO_NOTHING;
}

int module_undo(struct world *world, const struct change *change, struct err *err)
{
	(void)world;
	if (syscall(SYS_delete_module, change->name, O_NONBLOCK) == 0 || errno == ENOENT)
		return 0;
	(void)err_set(err, 0, "it is in use or may not be unloaded: it stays until the next boot");
	return 1;
}
