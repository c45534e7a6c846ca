/* SPDX-License-Identifier: Apache-2.0 */
/* Files of our own, and the folders they need. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/ours.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"

enum { FILE_MODE = 0644, CONFLIST_MODE = 0600 };

/* Lists of CNI plugins are root's alone, as those of Azure are (CIS Kubernetes Benchmark
 * 1.1.9). */
static mode_t mode_of(const char *path)
{
	return strncmp(path, "etc/cni/", 8) == 0 ? CONFLIST_MODE : FILE_MODE;
}

static bool is_unit(const char *path)
{
	return strncmp(path, "etc/systemd/system/", 19) == 0;
}

static void skip(struct world *world, struct step *step, const char *why)
{
	step->state = STEP_SKIPPED;
	plan_text(world->plan, &step->reason, "%s", why);
}

static void look_at_text(struct world *world, struct step *step, const struct buf *text)
{
	own_mem char *marked = ours_mark(step->value);

	switch (ours_judge((const char *)text->data, text->len)) {
	case OURS_FOREIGN:
		skip(world, step,
		     "the file is there and not azlctl's: it stays (move it away, then azlctl "
		     "apply)");
		return;
	case OURS_CHANGED:
		skip(world, step,
		     "somebody changed it since azlctl wrote it: it stays (put the change into "
		     "/etc/azl/host.json and remove the file, then azlctl apply)");
		return;
	case OURS_INTACT:
		break;
	}
	if (!marked)
		world->plan->no_memory = true;
	else if (strlen(marked) == text->len && memcmp(marked, text->data, text->len) == 0)
		step->state = STEP_IN_FORCE;
}

void file_look(struct world *world, struct step *step)
{
	struct buf text = { 0 };
	struct err err;
	int rc = tree_read(world->ctl->root, step->name, &text, &err);

	step->state = STEP_TODO;
	if (rc == -ENOTSUP) {
		skip(world, step, "there is something else than a file of azlctl's: it stays");
	} else if (rc < 0) {
		step->state = STEP_FAILED;
		plan_text(world->plan, &step->reason, "%s", err.msg);
	} else if (rc > 0) {
		look_at_text(world, step, &text);
	}
	buf_done(&text);
	if (step->state == STEP_TODO && is_unit(step->name))
		world->units_change = true;
}

/* Each folder on the way that is not there, from the top. */
static int each_missing_folder(struct world *world, const char *path,
			       int fn(struct world *, const char *, struct err *), struct err *err)
{
	char folder[TREE_PATH_ROOM];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);
		int rc;

		if (len >= sizeof(folder))
			return err_set(err, -ENAMETOOLONG, "/%s: the name is too long", path);
		memcpy(folder, path, len);
		folder[len] = '\0';
		rc = tree_find_folder(world->ctl->root, folder, err);
		if (rc == 0)
			rc = fn(world, folder, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int note_folder(struct world *world, const char *folder, struct err *err)
{
	if (journal_note(world->journal, CHANGE_FOLDER, folder, NULL, NULL) < 0)
		return err_set(err, -ENOMEM, "no memory");
	return 0;
}

static int make_folder(struct world *world, const char *folder, struct err *err)
{
	return tree_make_folder(world->ctl->root, folder, err);
}

int file_note(struct world *world, const struct step *step)
{
	struct err err;
	int rc = each_missing_folder(world, step->name, note_folder, &err);

	return rc < 0 ? rc : journal_note(world->journal, CHANGE_FILE, step->name, NULL, NULL);
}

int file_take(struct world *world, struct step *step, struct err *err)
{
	own_mem char *marked = ours_mark(step->value);

	if (!marked)
		return err_set(err, -ENOMEM, "no memory");
	if (each_missing_folder(world, step->name, make_folder, err) < 0)
		return err->code;
	return tree_write(world->ctl->root, step->name, marked, strlen(marked), mode_of(step->name),
			  err);
}

enum undo file_undo_look(struct world *world, const struct change *change, struct err *err)
{
	struct buf text = { 0 };
	enum undo undo = UNDO_TODO;
	int rc = tree_read(world->ctl->root, change->name, &text, err);

	if (rc == 0) {
		undo = tree_has_aside(world->ctl->root, change->name) ? UNDO_TODO : UNDO_NOTHING;
	} else if (rc < 0 && rc != -ENOTSUP) {
		undo = UNDO_LEFT; /* whose it is cannot be told: err says why */
	} else if (rc < 0 || ours_judge((const char *)text.data, text.len) != OURS_INTACT) {
		(void)err_set(err, -EEXIST,
			      "somebody changed it since azlctl wrote it: it stays (remove it by "
			      "hand if it is not wanted)");
		undo = UNDO_LEFT;
	}
	buf_done(&text);
	if (undo == UNDO_TODO && is_unit(change->name))
		world->units_change = true;
	return undo;
}

int file_undo(struct world *world, const struct change *change, struct err *err)
{
	return tree_remove(world->ctl->root, change->name, err);
}

enum undo folder_undo_look(struct world *world, const struct change *change, struct err *err)
{
	int rc = tree_find_folder(world->ctl->root, change->name, err);

	return rc < 0 ? UNDO_LEFT : rc > 0 ? UNDO_TODO : UNDO_NOTHING;
}

int folder_undo(struct world *world, const struct change *change, struct err *err)
{
	int rc = tree_remove_folder(world->ctl->root, change->name, err);

	if (rc == 1)
		(void)err_set(err, 0, "it holds what is not azlctl's: it stays");
	return rc;
}
