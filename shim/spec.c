/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/err.h"
#include "config/base/num.h"
#include "config/json.h"
#include "shim/switches.h"

static const char config_name[] = "config.json";

struct spec_scan {
	struct spec spec;
	/* The entry of linux.namespaces under way; its keys may come in any order. */
	bool is_pid;
	bool is_user;
	bool has_path;
};

void spec_done(struct spec *spec)
{
	free(spec->cgroups_path);
	*spec = (struct spec){ 0 };
}

static bool text_is(const char *text, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(text, want, len) == 0;
}

/* ---- values ---- */

static int take_bool(bool *value, enum json_type type, const char *text)
{
	if (type == JSON_NULL)
		return 0;
	if (type != JSON_BOOL)
		return -EINVAL;
	*value = text[0] == 't';
	return 0;
}

static int take_u32(uint32_t *value, enum json_type type, const char *text, size_t len)
{
	uint64_t number;

	if (type == JSON_NULL)
		return 0;
	if (type != JSON_NUMBER || num_u64_parse(text, len, &number) < 0 || number > UINT32_MAX)
		return -EINVAL;
	*value = (uint32_t)number;
	return 0;
}

/* Source: runc libcontainer/specconv, "Expected cgroupsPath to be of format slice:prefix:name". */
static bool is_systemd_path(const char *path)
{
	const char *first = strchr(path, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;

	return path[0] != '/' && second && !strchr(second + 1, ':');
}

static int take_cgroups_path(struct spec *spec, enum json_type type, const char *text, size_t len)
{
	char *copy;

	if (type == JSON_NULL)
		return 0;
	if (type != JSON_STRING || memchr(text, '\0', len))
		return -EINVAL;
	copy = len ? strndup(text, len) : NULL;
	if (len && !copy)
		return -ENOMEM;
	free(spec->cgroups_path);
	spec->cgroups_path = copy;
	spec->systemd_cgroup = copy && is_systemd_path(copy);
	return 0;
}

/* ---- linux.namespaces ---- */

/* The entry under way is complete. */
static void namespace_end(struct spec_scan *scan)
{
	if (scan->is_pid && !scan->has_path)
		scan->spec.pid_namespace_private = true;
	if (scan->is_user)
		scan->spec.user_namespace = true;
	scan->is_pid = false;
	scan->is_user = false;
	scan->has_path = false;
}

/* A list, or one that takes the place of an earlier one. */
static int namespaces_open(struct spec_scan *scan, enum json_type type)
{
	if (type != JSON_ARRAY && type != JSON_NULL)
		return -EINVAL;
	namespace_end(scan);
	scan->spec.pid_namespace_private = false;
	scan->spec.user_namespace = false;
	return 0;
}

static int namespace_key(struct spec_scan *scan, const struct json_path *path, enum json_type type,
			 const char *text, size_t len)
{
	if (type == JSON_NULL)
		return 0;
	if (type != JSON_STRING)
		return -EINVAL;
	if (json_path_is(path, "linux", "namespaces", "*", "path", NULL)) {
		scan->has_path = len > 0;
	} else {
		scan->is_pid = text_is(text, len, "pid");
		scan->is_user = text_is(text, len, "user");
	}
	return 0;
}

static int take_linux(struct spec_scan *scan, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct spec *spec = &scan->spec;

	if (json_path_is(path, "linux", "namespaces", NULL))
		return namespaces_open(scan, type);
	if (json_path_is(path, "linux", "namespaces", "*", NULL)) {
		namespace_end(scan);
		return type == JSON_OBJECT ? 0 : -EINVAL;
	}
	if (json_path_is(path, "linux", "namespaces", "*", "type", NULL) ||
	    json_path_is(path, "linux", "namespaces", "*", "path", NULL))
		return namespace_key(scan, path, type, text, len);
	if (json_path_is(path, "linux", "cgroupsPath", NULL))
		return take_cgroups_path(spec, type, text, len);
	if (json_path_is(path, "linux", "intelRdt", NULL))
		spec->has_intel_rdt = type != JSON_NULL;
	else if (json_path_is(path, "linux", "seccomp", NULL))
		spec->has_seccomp = type != JSON_NULL;
	return 0;
}

static int take_hooks(struct spec *spec, const struct json_path *path)
{
	if (json_path_is(path, "hooks", "poststart", "*", NULL))
		spec->has_poststart = true;
	else if (json_path_is(path, "hooks", "poststop", "*", NULL))
		spec->has_poststop = true;
	return 0;
}

static int take_process(struct spec *spec, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	if (json_path_is(path, "process", "selinuxLabel", NULL))
		spec->labelled = type == JSON_STRING && len > 0;
	if (json_path_is(path, "process", "terminal", NULL))
		return take_bool(&spec->terminal, type, text);
	if (json_path_is(path, "process", "user", "uid", NULL))
		return take_u32(&spec->uid, type, text, len);
	if (json_path_is(path, "process", "user", "gid", NULL))
		return take_u32(&spec->gid, type, text, len);
	return 0;
}

static int spec_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct spec_scan *scan = owner;
	const char *section = json_path_key(path, 0, NULL);

	if (!section)
		return type == JSON_OBJECT ? 0 : -EINVAL;
	if (strcmp(section, "process") == 0)
		return take_process(&scan->spec, path, type, text, len);
	if (strcmp(section, "linux") == 0)
		return take_linux(scan, path, type, text, len);
	if (strcmp(section, "hooks") == 0)
		return take_hooks(&scan->spec, path);
	if (json_path_is(path, "annotations", "io.azl.fastpaths", NULL))
		scan->spec.fast_misspelt =
			type != JSON_STRING || switches_parse(text, len, &scan->spec.fast_off) < 0;
	return 0;
}

int spec_read(int bundle_dir, struct spec *spec, struct err *err)
{
	struct spec_scan scan = { 0 };
	int code =
		json_scan_file(bundle_dir, config_name, SPEC_LIMIT_BYTES, spec_value, &scan, err);

	if (code < 0) {
		spec_done(&scan.spec);
		return code;
	}
	namespace_end(&scan);
	*spec = scan.spec;
	return 0;
}

/* ---- group ---- */

struct group_scan {
	char *name;
	size_t room;
	enum { GROUP_NONE, GROUP_SANDBOX, GROUP_NAMED } found;
};

static int group_value(void *owner, const struct json_path *path, enum json_type type,
		       const char *text, size_t len)
{
	struct group_scan *scan = owner;
	bool named = json_path_is(path, "annotations", "io.containerd.runc.v2.group", NULL);

	if (json_path_depth(path) == 0 && type != JSON_OBJECT)
		return -EINVAL;
	if (scan->found != GROUP_NONE && json_path_depth(path) == 1)
		return 1; /* annotations are over: the rest may be long */
	if (!named && !json_path_is(path, "annotations", "io.kubernetes.cri.sandbox-id", NULL))
		return 0;
	if (type != JSON_STRING || len >= scan->room || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(scan->name, text, len);
	scan->name[len] = '\0';
	scan->found = named ? GROUP_NAMED : GROUP_SANDBOX;
	return named;
}

int spec_read_group(int bundle_dir, char *group, size_t room, struct err *err)
{
	char name[SPEC_GROUP_ROOM];
	struct group_scan scan = { .name = name, .room = sizeof(name) };
	int code =
		json_scan_file(bundle_dir, config_name, SPEC_LIMIT_BYTES, group_value, &scan, err);

	if (code == -ENOENT)
		return 0;
	if (code < 0 || scan.found == GROUP_NONE)
		return code < 0 ? code : 0;
	if (strlen(name) >= room)
		return err_set(err, -EINVAL, "%s: name of the group is too long", config_name);
	memcpy(group, name, strlen(name) + 1);
	return 1;
}
