/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/defaults_spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/base/num.h"

enum { MEMBER_ROOM = 64, KEY_ROOM = 16 };

static const char annotation[] = "io.azl.defaults";

/* What counts as said, beside an entry of "unified" with the default's own name. */
static const struct {
	char section[KEY_ROOM];
	char name[KEY_ROOM];
	enum container_default key;
} decisions[] = {
	{ "pids", "limit", DEFAULT_PIDS_MAX },
	{ "memory", "swap", DEFAULT_MEMORY_SWAP_MAX },
	{ "blockIO", "weight", DEFAULT_IO_WEIGHT },
	{ "unified", "io.bfq.weight", DEFAULT_IO_WEIGHT },
	{ "cpu", "shares", DEFAULT_CPU_WEIGHT },
	{ "cpu", "idle", DEFAULT_CPU_WEIGHT },
	{ "unified", "cpu.weight.nice", DEFAULT_CPU_WEIGHT },
	{ "unified", "cpu.idle", DEFAULT_CPU_WEIGHT },
};

/*
 * runc and containerd's own programs are written in Go, whose decoder takes "Limit" for "limit":
 * where that is used nothing is done.
 */
static bool key_is(struct defaults_spec *spec, const char *key, const char *want)
{
	if (strcasecmp(key, want) != 0)
		return false;
	if (strcmp(key, want) != 0)
		spec->odd = true;
	return true;
}

static void say(struct defaults_spec *spec, enum container_default key)
{
	spec->said |= (uint16_t)(1U << key);
}

/* ---- resources ---- */

static void take_limit(struct defaults_spec *spec, const char *text, size_t len)
{
	spec->has_limit =
		num_i64_parse(text, len, &spec->memory_limit) == 0 && spec->memory_limit != 0;
}

static void take_unified(struct defaults_spec *spec, const char *name, enum json_type type,
			 const char *text, size_t len)
{
	enum container_default key = container_default_find(name);

	if (key < DEFAULT_MAX)
		say(spec, key);
	if (strcmp(name, "memory.max") != 0 || type != JSON_STRING)
		return;
	/* It is written last: it counts, wherever it stands. */
	spec->unified_limit = true;
	take_limit(spec, text, len);
}

static void take_member(struct defaults_spec *spec, const char *section, const char *name,
			enum json_type type, const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (key_is(spec, section, decisions[i].section) &&
		    key_is(spec, name, decisions[i].name))
			say(spec, decisions[i].key);
	if (strcmp(section, "unified") == 0) {
		spec->unified.has_members = true;
		take_unified(spec, name, type, text, len);
	} else if (strcmp(section, "pids") == 0) {
		spec->pids.has_members = true;
	} else if (strcmp(section, "memory") == 0 && key_is(spec, name, "limit") &&
		   type == JSON_NUMBER && !spec->unified_limit) {
		take_limit(spec, text, len);
	}
}

static void take_resources(struct defaults_spec *spec, const struct json_path *path,
			   enum json_type type, const char *text, size_t len)
{
	int depth = json_path_depth(path) - spec->depth;
	const char *section = json_path_key(path, spec->depth, NULL);
	const char *name = json_path_key(path, spec->depth + 1, NULL);

	if (depth == 0)
		json_object_see(&spec->resources, path, type);
	if (depth < 1 || !section)
		return;
	spec->resources.has_members = true;
	if (depth == 2 && name)
		take_member(spec, section, name, type, text, len);
	if (depth != 1)
		return;
	if (key_is(spec, section, "unified"))
		json_object_see(&spec->unified, path, type);
	else if (key_is(spec, section, "pids"))
		json_object_see(&spec->pids, path, type);
}

static void take_process(struct defaults_spec *spec, const char *name)
{
	spec->process.has_members = true;
	if (key_is(spec, name, "oomScoreAdj"))
		say(spec, DEFAULT_OOM_SCORE_ADJ);
}

/* ---- annotations ---- */

static bool text_is(const char *text, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(text, want, len) == 0;
}

static void take_override(struct defaults_spec *spec, const char *name, enum json_type type,
			  const char *text, size_t len)
{
	enum container_default key = container_default_find(name);
	uint16_t bit = (uint16_t)(1U << key);
	struct host_value *value = &spec->override.of[key];

	if (key == DEFAULT_MAX) {
		(void)snprintf(spec->unknown, sizeof(spec->unknown), "%s", *name ? name : "?");
		return;
	}
	spec->overridden &= (uint16_t)~bit;
	*value = (struct host_value){ 0 };
	if (type == JSON_STRING &&
	    (text_is(text, len, "off") ||
	     host_value_parse_text(container_default_type(key), text, len, value) == 0))
		spec->overridden |= bit;
	else
		spec->misspelt |= bit;
}

static void take_annotation(struct defaults_spec *spec, const char *name, enum json_type type,
			    const char *text, size_t len)
{
	size_t prefix = sizeof(annotation) - 1;

	if (strcmp(name, "io.kubernetes.cri.container-type") == 0) {
		spec->is_sandbox = type == JSON_STRING && text_is(text, len, "sandbox");
		spec->is_pods = type == JSON_STRING && text_is(text, len, "container");
	}
	if (strncmp(name, annotation, prefix) != 0)
		return;
	if (name[prefix] == '.') {
		take_override(spec, name + prefix + 1, type, text, len);
	} else if (name[prefix] == '\0') {
		spec->is_none = type == JSON_STRING && text_is(text, len, "none");
		spec->is_misspelt =
			!spec->is_none && (type != JSON_STRING || !text_is(text, len, "all"));
	}
}

int defaults_spec_value(void *owner, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	struct defaults_spec *spec = owner;
	int depth = json_path_depth(path);
	const char *top = json_path_key(path, 0, NULL);
	const char *second = json_path_key(path, 1, NULL);

	if (spec->depth == 0 || (depth >= 2 && top && second && key_is(spec, top, "linux") &&
				 key_is(spec, second, "resources")))
		take_resources(spec, path, type, text, len);
	if (spec->depth == 0 || !top)
		return 0;
	if (depth == 1 && key_is(spec, top, "process"))
		json_object_see(&spec->process, path, type);
	else if (depth == 2 && second && strcmp(top, "process") == 0)
		take_process(spec, second);
	else if (depth == 1 && key_is(spec, top, "linux"))
		json_object_see(&spec->linux_section, path, type);
	else if (depth == 2 && second && strcmp(top, "linux") == 0)
		spec->linux_section.has_members = true;
	else if (depth == 2 && second && strcmp(top, "annotations") == 0)
		take_annotation(spec, second, type, text, len);
	return 0;
}

/* ---- the edit ---- */

/* The file's text for a value; false: there is nothing to write. */
static bool value_text(const struct defaults_spec *spec, enum container_default key,
		       const struct host_value *value, uint64_t total, char text[MEMBER_ROOM])
{
	uint64_t number = host_value_number(value, total);

	if (key == DEFAULT_MEMORY_HIGH) {
		struct host_value ratio = { .is_percent = true, .number = value->number };

		/* What is not limited yet needs no lifting. */
		if (!spec->has_limit || (spec->memory_limit < 0 && spec->depth > 0))
			return false;
		number = spec->memory_limit < 0
				 ? UINT64_MAX
				 : host_value_number(&ratio, (uint64_t)spec->memory_limit);
	}
	if (number == UINT64_MAX)
		(void)snprintf(text, MEMBER_ROOM, "max");
	else
		(void)snprintf(text, MEMBER_ROOM, "%" PRIu64, number);
	return true;
}

/* "limit":N */
static void pids_member(const struct host_value *value, char member[MEMBER_ROOM])
{
	if (value->number == UINT64_MAX)
		(void)snprintf(member, MEMBER_ROOM, "\"limit\":-1");
	else
		(void)snprintf(member, MEMBER_ROOM, "\"limit\":%" PRIu64, value->number);
}

/* A process that the spec does not have needs none. */
static int put_score(const struct defaults_spec *spec, const struct container_defaults *wanted,
		     struct json_edit *edit)
{
	const struct host_value *value = &wanted->of[DEFAULT_OOM_SCORE_ADJ];
	char member[MEMBER_ROOM];

	if (!value->is_set || spec->said & 1U << DEFAULT_OOM_SCORE_ADJ || !spec->process.found)
		return 0;
	(void)snprintf(member, sizeof(member), "\"oomScoreAdj\":%" PRId64, (int64_t)value->number);
	return json_edit_add(edit, &spec->process, member);
}

static void unified_members(const struct defaults_spec *spec,
			    const struct container_defaults *wanted, uint64_t total,
			    char members[JSON_INSERT_ROOM])
{
	size_t used = 0;

	members[0] = '\0';
	for (int i = DEFAULT_PIDS_MAX + 1; i < DEFAULT_OOM_SCORE_ADJ; i++) {
		const struct host_value *value = &wanted->of[i];
		char text[MEMBER_ROOM];

		if (value->is_set && !(spec->said & 1U << i) &&
		    value_text(spec, (enum container_default)i, value, total, text))
			used += (size_t)snprintf(members + used, JSON_INSERT_ROOM - used,
						 "%s\"%s\":\"%s\"", used ? "," : "",
						 container_default_name((enum container_default)i),
						 text);
	}
}

/* Members go into their object; where that is missing, with it into the one around. */
static int put(struct json_edit *edit, const struct json_object *object, const char *name,
	       const char *members, char around[JSON_INSERT_ROOM])
{
	size_t used = strlen(around);

	if (!*members)
		return 0;
	if (object->found)
		return json_edit_add(edit, object, members);
	(void)snprintf(around + used, JSON_INSERT_ROOM - used, "%s\"%s\":{%s}", used ? "," : "",
		       name, members);
	return 0;
}

int defaults_spec_edit(const struct defaults_spec *spec, const struct container_defaults *wanted,
		       uint64_t total, struct json_edit *edit)
{
	char pids[MEMBER_ROOM] = "";
	char unified[JSON_INSERT_ROOM];
	char resources[JSON_INSERT_ROOM] = "";
	char section[JSON_INSERT_ROOM] = "";

	edit->count = 0;
	if (spec->odd || spec->resources.odd || spec->unified.odd || spec->pids.odd ||
	    spec->linux_section.odd)
		return -EINVAL;
	if (wanted->of[DEFAULT_PIDS_MAX].is_set && !(spec->said & 1U << DEFAULT_PIDS_MAX))
		pids_member(&wanted->of[DEFAULT_PIDS_MAX], pids);
	unified_members(spec, wanted, total, unified);
	/* Without section linux there is nobody whom a limit could reach. */
	if (put(edit, &spec->pids, "pids", pids, resources) < 0 ||
	    put(edit, &spec->unified, "unified", unified, resources) < 0 ||
	    put(edit, &spec->resources, "resources", resources, section) < 0 ||
	    (*section && json_edit_add(edit, &spec->linux_section, section) < 0) ||
	    put_score(spec, wanted, edit) < 0) {
		edit->count = 0;
		return -EINVAL;
	}
	return 0;
}
