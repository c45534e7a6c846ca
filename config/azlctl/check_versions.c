/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "config/azlctl/checks.h"
#include "config/base/err.h"
#include "config/json.h"

enum { FIELD_ROOM = 192 };

/* One entry of the table while it is read. */
struct known {
	char program[32];
	char from[32];
	char below[32];
	char level[8];
	char why[FIELD_ROOM];
	char fix[FIELD_ROOM];
};

struct known_reader {
	struct checks *checks;
	const char *program;
	const char *id;
	const struct check_version *version;
	struct known entry;
	long index; /* of the entry being read; -1: none yet */
	int added;
};

int check_version_find(const char *text, struct check_version *version)
{
	for (const char *at = text; *at; at++) {
		struct check_version found = { 0 };
		int parts = 0;

		if (*at < '0' || *at > '9')
			continue;
		while (parts < 3 && *at >= '0' && *at <= '9') {
			unsigned int number = 0;

			for (; *at >= '0' && *at <= '9'; at++)
				number = number < 100000 ? number * 10 + (unsigned int)(*at - '0')
							 : number;
			found.part[parts++] = number;
			if (*at == '.' && at[1] >= '0' && at[1] <= '9')
				at++;
			else
				break;
		}
		if (parts >= 2) {
			*version = found;
			return 0;
		}
		if (!*at)
			break;
	}
	return -EINVAL;
}

int check_version_compare(const struct check_version *left, const struct check_version *right)
{
	for (int i = 0; i < 3; i++)
		if (left->part[i] != right->part[i])
			return left->part[i] < right->part[i] ? -1 : 1;
	return 0;
}

static int known_limit(const char *text, struct check_version *version)
{
	if (*text)
		return check_version_find(text, version);
	*version = (struct check_version){ 0 };
	return 0;
}

/* The entry is whole: does it speak of this version? Returns 0 or negative. */
static int known_close(struct known_reader *reader)
{
	const struct known *entry = &reader->entry;
	struct check_version from, below;
	enum check_level level = CHECK_FAIL;

	if (reader->index < 0)
		return 0;
	if (!*entry->program || !*entry->below || !*entry->why || !*entry->fix ||
	    known_limit(entry->from, &from) < 0 || known_limit(entry->below, &below) < 0)
		return -EINVAL;
	if (strcmp(entry->level, "warn") == 0)
		level = CHECK_WARN;
	else if (strcmp(entry->level, "fail") != 0)
		return -EINVAL;
	if (strcmp(entry->program, reader->program) != 0 ||
	    check_version_compare(reader->version, &from) < 0 ||
	    check_version_compare(reader->version, &below) >= 0)
		return 0;
	check_say(reader->checks, level, reader->id, "%s", entry->why);
	check_fix(reader->checks, "%s", entry->fix);
	reader->added++;
	return 0;
}

static int known_value(void *owner, const struct json_path *path, enum json_type type,
		       const char *text, size_t len)
{
	struct known_reader *reader = owner;
	struct known *entry = &reader->entry;
	const struct {
		const char *name;
		char *at;
		size_t room;
	} fields[] = {
		{ "program", entry->program, sizeof(entry->program) },
		{ "from", entry->from, sizeof(entry->from) },
		{ "below", entry->below, sizeof(entry->below) },
		{ "level", entry->level, sizeof(entry->level) },
		{ "why", entry->why, sizeof(entry->why) },
		{ "fix", entry->fix, sizeof(entry->fix) },
	};
	int code;

	if (json_path_is(path, "versions", "*", NULL)) {
		code = known_close(reader);
		*entry = (struct known){ 0 };
		reader->index = json_path_index(path, 1);
		return code < 0 ? code : type == JSON_OBJECT ? 0 : -EINVAL;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!json_path_is(path, "versions", "*", fields[i].name, NULL))
			continue;
		if (type != JSON_STRING || len >= fields[i].room)
			return -EINVAL;
		memcpy(fields[i].at, text, len);
		fields[i].at[len] = '\0';
	}
	return 0;
}

int check_known_versions(struct checks *checks, const char *table, size_t len, const char *program,
			 const char *id, const struct check_version *version, struct err *err)
{
	struct known_reader reader = {
		.checks = checks,
		.program = program,
		.id = id,
		.version = version,
		.index = -1,
	};
	int code = json_scan(table, len, known_value, &reader, err);

	if (code == 0 && known_close(&reader) < 0)
		code = err_set(err, -EINVAL, "versions: entry %ld: is not whole", reader.index);
	return code < 0 ? code : reader.added;
}

void check_known(struct checks *checks, const char *program, const char *id,
		 const struct check_version *version)
{
	struct err err;

	if (checks->table.len == 0 ||
	    check_known_versions(checks, (const char *)checks->table.data, checks->table.len,
				 program, id, version, &err) >= 0)
		return;
	buf_done(&checks->table); /* once is enough */
	check_say(checks, CHECK_WARN, "runtime.table", "/%s: %.200s", CHECK_VERSIONS_PATH, err.msg);
	check_fix(checks, "reinstall the package of azlctl");
}
