/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/out.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/json.h"

/* A folder gets its name when the journal is in it: one without a journal is not ours. */
#define FOLDER_ASIDE "var/lib/.azl.azl-new"
#define FILE_ASIDE   FOLDER_ASIDE "/applied.json"
#define FILE_STALE   JOURNAL_FOLDER "/.applied.json.azl-new" /* tree_write() was killed */

static const char *const kind_names[CHANGE_KINDS] = {
	[CHANGE_FOLDER] = "folder", [CHANGE_FILE] = "file",   [CHANGE_MODULE] = "module",
	[CHANGE_SYSCTL] = "sysctl", [CHANGE_GROUP] = "group", [CHANGE_VALUE] = "value",
	[CHANGE_MOVE] = "move",	    [CHANGE_SCORE] = "score", [CHANGE_NIC] = "nic",
	[CHANGE_ALONG] = "along",
};

const char *change_kind_name(enum change_kind kind)
{
	return kind_names[kind];
}

/* ---- the list ---- */

static void change_done(struct change *change)
{
	free(change->name);
	free(change->before);
	free(change->ours);
	free(change->earlier);
}

void journal_done(struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++)
		change_done(&journal->changes[i]);
	free(journal->changes);
	*journal = (struct journal){ 0 };
}

struct change *journal_find(const struct journal *journal, enum change_kind kind, const char *name)
{
	for (size_t i = 0; i < journal->count; i++)
		if (journal->changes[i].kind == kind && journal->changes[i].name &&
		    strcmp(journal->changes[i].name, name) == 0)
			return &journal->changes[i];
	return NULL;
}

void journal_drop(struct journal *journal, struct change *change)
{
	size_t at = (size_t)(change - journal->changes);

	change_done(change);
	journal->count--;
	memmove(change, change + 1, (journal->count - at) * sizeof(*change));
}

static struct change *journal_add(struct journal *journal)
{
	struct change *grown =
		reallocarray(journal->changes, journal->count + 1, sizeof(*journal->changes));

	if (!grown)
		return NULL;
	journal->changes = grown;
	grown[journal->count] = (struct change){ 0 };
	return &grown[journal->count++];
}

static int replace(char **text, const char *by)
{
	char *copy = by ? strdup(by) : NULL;

	if (by && !copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static bool same(const char *one, const char *other)
{
	return one && other && strcmp(one, other) == 0;
}

int journal_note(struct journal *journal, enum change_kind kind, const char *name, const char *now,
		 const char *ours)
{
	struct change *change = journal_find(journal, kind, name);

	if (!change) {
		change = journal_add(journal);
		if (!change)
			return -ENOMEM;
		change->kind = kind;
		if (replace(&change->name, name) < 0 || replace(&change->before, now) < 0 ||
		    replace(&change->ours, ours) < 0) {
			journal_drop(journal, change);
			return -ENOMEM;
		}
		return 0;
	}
	/* Whichever of our values is there now may be there still when we are killed. */
	if ((same(now, change->ours) || same(now, change->earlier)) &&
	    replace(&change->earlier, now) < 0)
		return -ENOMEM;
	return replace(&change->ours, ours);
}

/* ---- reading ---- */

enum { JOURNAL_VERSION = 1 };

struct reading {
	struct journal *journal;
	bool has_kind; /* the last change */
	bool is_ours;  /* of the version that is understood */
};

static int take_kind(struct reading *reading, struct change *change, const char *text, size_t len)
{
	for (int i = 0; i < CHANGE_KINDS; i++) {
		if (strlen(kind_names[i]) == len && memcmp(kind_names[i], text, len) == 0) {
			change->kind = (enum change_kind)i;
			reading->has_kind = true;
			return 0;
		}
	}
	return -EBADMSG;
}

static int take_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct reading *reading = owner;
	struct journal *journal = reading->journal;
	struct change *change;
	char **slot = NULL;

	if (json_path_is(path, "folder", NULL)) {
		journal->made_folder = type == JSON_BOOL && len == 4;
		return 0;
	}
	if (json_path_is(path, "version", NULL)) {
		reading->is_ours =
			type == JSON_NUMBER && len == 1 && *text == '0' + JOURNAL_VERSION;
		return reading->is_ours ? 0 : -EBADMSG;
	}
	if (json_path_is(path, "changes", "*", NULL)) {
		bool is_whole = journal->count == 0 || reading->has_kind;

		reading->has_kind = false;
		return is_whole && type == JSON_OBJECT && journal_add(journal) ? 0 : -EBADMSG;
	}
	if (journal->count == 0 || type != JSON_STRING)
		return 0;
	change = &journal->changes[journal->count - 1];
	if (json_path_is(path, "changes", "*", "kind", NULL))
		return take_kind(reading, change, text, len);
	if (json_path_is(path, "changes", "*", "name", NULL))
		slot = &change->name;
	else if (json_path_is(path, "changes", "*", "before", NULL))
		slot = &change->before;
	else if (json_path_is(path, "changes", "*", "ours", NULL))
		slot = &change->ours;
	else if (json_path_is(path, "changes", "*", "earlier", NULL))
		slot = &change->earlier;
	if (!slot)
		return 0;
	free(*slot);
	*slot = strndup(text, len);
	return *slot ? 0 : -ENOMEM;
}

int journal_clean(const struct azlctl *ctl, struct err *err)
{
	if (tree_remove(ctl->root, FILE_ASIDE, err) < 0 ||
	    tree_remove_folder(ctl->root, FOLDER_ASIDE, err) < 0)
		return err->code;
	return 0;
}

/* What cannot be apply's own is not undone: a journal is believed whole or not at all. */
static bool is_safe(const struct reading *reading)
{
	const struct journal *journal = reading->journal;

	if (!reading->is_ours || (journal->count > 0 && !reading->has_kind))
		return false;
	for (size_t i = 0; i < journal->count; i++) {
		const char *name = journal->changes[i].name;

		if (!name || !*name || *name == '/' || strstr(name, "../"))
			return false;
	}
	return true;
}

int journal_read(const struct azlctl *ctl, struct journal *journal, struct err *err)
{
	struct reading reading = { .journal = journal };
	struct buf text = { 0 };
	int rc = tree_read(ctl->root, JOURNAL_FILE, &text, err);

	if (rc > 0) {
		rc = json_scan((const char *)text.data, text.len, take_value, &reading, err);
		if (rc == 0 && !is_safe(&reading))
			rc = err_set(err, -EBADMSG, "it is not whole, or another azlctl's");
		if (rc == 0)
			rc = 1;
		else
			(void)err_wrap(err,
				       "/%s, what apply noted for revert (move it away, then "
				       "azlctl apply finds its own files again)",
				       JOURNAL_FILE);
	}
	buf_done(&text);
	return rc;
}

/* ---- writing ---- */

static char *journal_text(const struct journal *journal, size_t *len)
{
	struct out_json json;
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	out_json_begin(&json, out);
	out_json_object(&json, NULL);
	out_json_number(&json, "version", JOURNAL_VERSION);
	out_json_bool(&json, "folder", journal->made_folder);
	out_json_array(&json, "changes");
	for (size_t i = 0; i < journal->count; i++) {
		const struct change *change = &journal->changes[i];

		out_json_object(&json, NULL);
		out_json_string(&json, "kind", kind_names[change->kind]);
		out_json_string(&json, "name", change->name);
		out_json_string(&json, "before", change->before);
		out_json_string(&json, "ours", change->ours);
		out_json_string(&json, "earlier", change->earlier);
		out_json_end_object(&json);
	}
	out_json_end_array(&json);
	out_json_end_object(&json);
	out_json_finish(&json);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Nothing is applied any more. The folder goes aside first, so that it never stands there empty. */
static int remove_journal(const struct azlctl *ctl, bool with_folder, struct err *err)
{
	own_fd int folder = tree_open_folder(ctl->root, JOURNAL_FOLDER);
	size_t n;

	if (folder < 0 || !tree_has(ctl->root, JOURNAL_FILE))
		return journal_clean(ctl, err);
	if (tree_remove(ctl->root, FILE_STALE, err) < 0)
		return err->code;
	n = tree_count(folder);
	if (n == 0) /* the journal is in it */
		return err_set(err, -EIO, "/" JOURNAL_FOLDER " cannot be listed");
	if (!with_folder || n != 1)
		return tree_remove(ctl->root, JOURNAL_FILE, err);
	if (journal_clean(ctl, err) < 0 ||
	    tree_rename_folder(ctl->root, JOURNAL_FOLDER, FOLDER_ASIDE, err) < 0)
		return err->code;
	return journal_clean(ctl, err);
}

int journal_write(const struct azlctl *ctl, struct journal *journal, struct err *err)
{
	bool is_first = !tree_has_folder(ctl->root, JOURNAL_FOLDER);
	own_mem char *text = NULL;
	size_t len = 0;

	if (journal->count == 0)
		return remove_journal(ctl, journal->made_folder, err);
	journal->made_folder = journal->made_folder || is_first;
	text = journal_text(journal, &len);
	if (!text)
		return err_set(err, -ENOMEM, "no memory for the journal");
	if (!is_first)
		return tree_write(ctl->root, JOURNAL_FILE, text, len, 0600, err);
	if (journal_clean(ctl, err) < 0 || tree_make_folder(ctl->root, FOLDER_ASIDE, err) < 0 ||
	    tree_write(ctl->root, FILE_ASIDE, text, len, 0600, err) < 0)
		return err->code;
	return tree_rename_folder(ctl->root, FOLDER_ASIDE, JOURNAL_FOLDER, err);
}
