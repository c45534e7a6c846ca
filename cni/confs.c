/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/confs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cni/error.h"
#include "cni/netconf.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/json.h"

enum { CONFS_PLUGINS_MAX = 64, CONFS_TEXT_ROOM = 256, CONFS_MAX_BYTES = 2 * NETCONF_MAX_BYTES };

#define CONFS_TYPE "azl-cni"

/* What a document says before anything is taken out of it. */
struct confs_seen {
	char name[CONFS_TEXT_ROOM];
	char version[CONFS_TEXT_ROOM];
	char versions[CONFS_TEXT_ROOM]; /* of several, one that we know */
	bool is_ours;			/* the document itself */
	bool plugins[CONFS_PLUGINS_MAX];
};

static void take_text(char *out, const char *text, size_t len)
{
	if (len >= CONFS_TEXT_ROOM || memchr(text, '\0', len))
		return;
	memcpy(out, text, len);
	out[len] = '\0';
}

/* The highest of a list that we know, and of what was seen before. */
static void take_version(char version[CONFS_TEXT_ROOM], const char *text, size_t len)
{
	enum cni_version one;
	enum cni_version former;

	if (cni_version_parse(text, len, &one) == 0 &&
	    (cni_version_parse(version, strlen(version), &former) < 0 || former < one))
		take_text(version, text, len);
}

static int see(void *owner, const struct json_path *path, enum json_type type, const char *text,
	       size_t len)
{
	struct confs_seen *seen = owner;
	bool is_ours = len == strlen(CONFS_TYPE) && memcmp(text, CONFS_TYPE, len) == 0;
	long at;

	if (type != JSON_STRING)
		return 0;
	if (json_path_is(path, "name", NULL))
		take_text(seen->name, text, len);
	else if (json_path_is(path, "cniVersion", NULL))
		take_text(seen->version, text, len);
	else if (json_path_is(path, "cniVersions", "*", NULL))
		take_version(seen->versions, text, len);
	else if (json_path_is(path, "type", NULL))
		seen->is_ours = is_ours;
	else if (json_path_is(path, "plugins", "*", "type", NULL)) {
		at = json_path_index(path, 1);
		if (at >= 0 && at < CONFS_PLUGINS_MAX)
			seen->plugins[at] = is_ours;
	}
	return 0;
}

/* Behind the quote that ends a string; the document is known to be whole. */
static size_t string_end(const char *json, size_t len, size_t i)
{
	for (i++; i < len && json[i] != '"'; i++)
		i += json[i] == '\\';
	return i < len ? i + 1 : len;
}

/* Behind an object or an array, from its bracket on. */
static size_t value_end(const char *json, size_t len, size_t i)
{
	size_t depth = 0;

	while (i < len) {
		if (json[i] == '"') {
			i = string_end(json, len, i);
			continue;
		}
		depth += json[i] == '{' || json[i] == '[';
		depth -= json[i] == '}' || json[i] == ']';
		i++;
		if (depth == 0)
			break;
	}
	return i < len ? i : len;
}

static size_t skip_space(const char *json, size_t len, size_t i)
{
	while (i < len && (strchr(" \t\r\n:", json[i]) != NULL))
		i++;
	return i;
}

/* The bracket of the list of plugins, or len: there is none, or no object at all. */
static size_t find_plugins(const char *json, size_t len)
{
	static const char key[] = "\"plugins\"";
	size_t i = skip_space(json, len, 0);

	if (i == len || json[i++] != '{')
		return len;
	while (i < len && json[i] != '}') {
		size_t end;

		if (json[i] == '{' || json[i] == '[') {
			i = value_end(json, len, i);
			continue;
		}
		if (json[i] != '"') {
			i++;
			continue;
		}
		end = string_end(json, len, i);
		if (end - i == sizeof(key) - 1 && memcmp(json + i, key, sizeof(key) - 1) == 0) {
			size_t value = skip_space(json, len, end);

			if (value > end && value < len && json[value] == '[')
				return value;
		}
		i = end;
	}
	return len;
}

/* An object with the keys of its list behind its own. */
static int complete(const char *json, size_t len, const struct confs_seen *seen, struct buf *out)
{
	int code = buf_add(out, json, len - 1, CONFS_MAX_BYTES);

	if (code == 0 && seen->version[0]) {
		code = buf_add_text(out, ",\"cniVersion\":", CONFS_MAX_BYTES);
		code = code ? code : json_put_string(out, seen->version, CONFS_MAX_BYTES);
	}
	code = code ? code : buf_add_text(out, ",\"name\":", CONFS_MAX_BYTES);
	code = code ? code : json_put_string(out, seen->name, CONFS_MAX_BYTES);
	return code ? code : buf_add_text(out, "}", CONFS_MAX_BYTES);
}

static void keep_first(int *code, struct err *err, int next, const struct err *said)
{
	if (next >= 0 || *code < 0)
		return;
	*code = next;
	*err = *said;
}

/* Each plugin of a list that is ours. */
static int each_plugin(const char *json, size_t len, const struct confs_seen *seen, confs_fn *fn,
		       void *owner, struct err *err)
{
	size_t i = find_plugins(json, len) + 1;
	struct buf conf = { 0 };
	struct err said = { 0 };
	int code = 0;

	for (size_t n = 0; i < len && json[i] != ']' && n < CONFS_PLUGINS_MAX;) {
		size_t end;

		if (json[i] != '{') {
			i++;
			continue;
		}
		end = value_end(json, len, i);
		conf.len = 0;
		if (seen->plugins[n] && complete(json + i, end - i, seen, &conf) < 0)
			keep_first(&code, err, err_set(&said, -ENOMEM, "no memory"), &said);
		else if (seen->plugins[n])
			keep_first(&code, err, fn(owner, (const char *)conf.data, conf.len, &said),
				   &said);
		i = end;
		n++;
	}
	buf_done(&conf);
	return code;
}

int confs_of(const char *json, size_t len, confs_fn *fn, void *owner, struct err *err)
{
	struct confs_seen seen = { 0 };
	int code = json_scan(json, len, see, &seen, err);

	if (code == -EBADMSG)
		err->code = code = -(CNI_ERR_BASE + CNI_DECODE);
	if (code < 0)
		return code;
	take_version(seen.version, seen.versions, strlen(seen.versions));
	if (seen.is_ours)
		return fn(owner, json, len, err);
	return each_plugin(json, len, &seen, fn, owner, err);
}

static int of_file(int dir, const char *name, confs_fn *fn, void *owner, struct err *err)
{
	struct buf text = { 0 };
	int code = fd_read_file(dir, name, NETCONF_MAX_BYTES, &text);

	if (code < 0)
		code = err_set(err, code, "read: %s", err_reason(-code));
	else
		code = confs_of((const char *)text.data, text.len, fn, owner, err);
	buf_done(&text);
	return code < 0 ? err_wrap(err, "%s", name) : 0;
}

static int is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && (strcmp(dot, ".conf") == 0 || strcmp(dot, ".conflist") == 0 ||
		       strcmp(dot, ".json") == 0);
}

int confs_each(const char *path, confs_fn *fn, void *owner, struct err *err)
{
	own_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list = NULL;
	int code = 0;
	int n;

	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0 && errno == ENOTDIR)
		return of_file(AT_FDCWD, path, fn, owner, err);
	n = dir < 0 ? -1 : scandirat(dir, ".", &list, is_conf, alphasort);
	if (n < 0)
		return err_errno(err, "list %s", path);
	for (int i = 0; i < n; i++) {
		struct err said = { 0 };

		keep_first(&code, err, of_file(dir, list[i]->d_name, fn, owner, &said), &said);
		free(list[i]);
	}
	free(list);
	return code;
}
