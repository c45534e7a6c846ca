/* SPDX-License-Identifier: Apache-2.0 */
#include "config/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/err.h"
#include "config/json.h"

enum { TEXT_SHOWN_MAX = 40, HOST_FIT_BYTES = 16 << 20 };

struct scan {
	struct host_config *config;
	struct err *err;
};

/* ---- the table ---- */

/* NULL: there is no such key. */
static const struct host_key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < host_keys_count; i++)
		if (strcmp(host_keys[i].section, section) == 0 &&
		    strcmp(host_keys[i].name, name) == 0)
			return &host_keys[i];
	return NULL;
}

static bool is_section(const char *section)
{
	for (size_t i = 0; i < host_keys_count; i++)
		if (strcmp(host_keys[i].section, section) == 0)
			return true;
	return false;
}

/* A default is JSON: its first byte tells which. */
static enum json_type type_of(const char *text)
{
	switch (text[0]) {
	case 'n':
		return JSON_NULL;
	case 't':
	case 'f':
		return JSON_BOOL;
	case '"':
		return JSON_STRING;
	default:
		return JSON_NUMBER;
	}
}

static int set_defaults(struct host_config *config, struct err *err)
{
	config->values = calloc(host_keys_count, sizeof(config->values[0]));
	if (!config->values)
		return err_set(err, -ENOMEM, "no memory for the host's configuration");
	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_key *key = &host_keys[i];
		enum json_type type = type_of(key->fallback);
		size_t quotes = type == JSON_STRING;

		if (key->type == HOST_NAMES || key->type == HOST_SYSCTL)
			continue;
		if (host_value_parse(key->type, type, key->fallback + quotes,
				     strlen(key->fallback) - 2 * quotes, &config->values[i]) < 0)
			abort(); /* a default that its own type refuses */
	}
	return 0;
}

/* ---- what the file says ---- */

static int wrong_value(struct scan *scan, enum host_type type, enum json_type json,
		       const char *text, size_t len)
{
	const char *what = json == JSON_OBJECT ? "an object" : json == JSON_ARRAY ? "a list" : "";
	const char *quote = json == JSON_STRING ? "\"" : "";

	if (len > TEXT_SHOWN_MAX)
		len = TEXT_SHOWN_MAX;
	return err_set(scan->err, -EINVAL, "%s%s%.*s%s is not allowed: it must be %s", what, quote,
		       (int)len, text, quote, host_type_range(type));
}

static int take_value(struct scan *scan, const struct host_key *key, enum json_type json,
		      const char *text, size_t len)
{
	struct host_value *value = &scan->config->values[key - host_keys];

	if (value->is_given)
		return err_set(scan->err, -EINVAL, "is there twice");
	if (host_value_parse(key->type, json, text, len, value) < 0)
		return wrong_value(scan, key->type, json, text, len);
	value->is_given = true;
	return 0;
}

/* "net.ipv4.ip_forward", or with slashes: never out of /proc/sys. */
static bool is_sysctl_name(const char *name, size_t len)
{
	if (len == 0 || len >= HOST_TEXT_ROOM || strlen(name) != len || !strpbrk(name, "./") ||
	    strchr("-./", name[0]) || strchr("./", name[len - 1]))
		return false;
	if (strstr(name, "..") || strstr(name, "//") || strstr(name, "./") || strstr(name, "/."))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:"
			    "@") == len;
}

void host_sysctl_dots(char *name)
{
	bool has_slashes = name[strcspn(name, "./")] == '/';

	for (; has_slashes && *name; name++)
		*name = (char)(*name == '/' ? '.' : *name == '.' ? '/' : *name);
}

static bool is_sysctl_value(enum json_type json, const char *text, size_t len)
{
	if (json == JSON_NUMBER)
		return len < HOST_TEXT_ROOM && memchr(text, '.', len) == NULL &&
		       memchr(text, 'e', len) == NULL && memchr(text, 'E', len) == NULL;
	if (json != JSON_STRING || len == 0 || len >= HOST_TEXT_ROOM)
		return json == JSON_NULL;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\t')
			return false;
	return true;
}

static int take_sysctl(struct scan *scan, const struct json_path *path, enum json_type json,
		       const char *text, size_t len)
{
	struct host_config *config = scan->config;
	struct host_sysctl *sysctl = &config->sysctls[config->n_sysctls];
	size_t name_len = 0;
	const char *key = json_path_key(path, 1, &name_len);
	char name[HOST_TEXT_ROOM];

	if (!is_sysctl_name(key, name_len))
		return err_set(scan->err, -EINVAL,
			       "is no name of a sysctl, such as \"vm.max_map_count\"");
	if (!is_sysctl_value(json, text, len))
		return wrong_value(scan, HOST_SYSCTL, json, text, len);
	memcpy(name, key, name_len + 1);
	host_sysctl_dots(name);
	for (size_t i = 0; i < config->n_sysctls; i++)
		if (strcmp(config->sysctls[i].name, name) == 0)
			return err_set(scan->err, -EINVAL, "is there twice");
	if (config->n_sysctls == HOST_SYSCTLS_MAX)
		return err_set(scan->err, -EINVAL, "is one too many: %d are allowed",
			       HOST_SYSCTLS_MAX);
	sysctl->name = strdup(name);
	sysctl->value = json == JSON_NULL ? NULL : strndup(text, len);
	if (sysctl->name)
		config->n_sysctls++;
	if (!sysctl->name || (json != JSON_NULL && !sysctl->value)) {
		if (!sysctl->name)
			free(sysctl->value);
		return err_set(scan->err, -ENOMEM, "no memory for a sysctl");
	}
	return 0;
}

/* The same names as shim/switches.h has, which reads them; a test compares. */
static bool is_fast_path(const char *name)
{
	static const char *const names[] = { "start", "exec", "kill", "pause", "delete", "create" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int take_fast_path(struct scan *scan, const char *name, enum json_type json,
			  const char *text, size_t len)
{
	if (!is_fast_path(name))
		return err_set(scan->err, -EINVAL, "there is no such fast path: " HOST_FAST_PATHS);
	if (json != JSON_BOOL)
		return wrong_value(scan, HOST_BOOL, json, text, len);
	return 0;
}

/* A section as a whole. */
static int take_section(struct scan *scan, const char *section, enum json_type json,
			const char *text, size_t len)
{
	const struct host_key *single = find_key(section, "");
	bool is_names = single && single->type == HOST_NAMES;

	if (!is_section(section))
		return err_set(scan->err, -EINVAL,
			       "there is no such section; names of your own begin with \"x-\"");
	if (is_names && scan->config->values[single - host_keys].is_given)
		return err_set(scan->err, -EINVAL, "is there twice");
	if (is_names)
		scan->config->values[single - host_keys].is_given = true;
	if (json == JSON_OBJECT || (is_names && json == JSON_BOOL))
		return 0;
	if (is_names)
		return wrong_value(scan, HOST_NAMES, json, text, len);
	return err_set(scan->err, -EINVAL, "must be an object of names and values");
}

static int on_value(void *owner, const struct json_path *path, enum json_type json,
		    const char *text, size_t len)
{
	struct scan *scan = owner;
	size_t section_len = 0;
	size_t name_len = 0;
	const char *section = json_path_key(path, 0, &section_len);
	const char *name = json_path_key(path, 1, &name_len);
	const struct host_key *key;

	if (!section)
		return json == JSON_OBJECT
			       ? 0
			       : err_set(scan->err, -EINVAL, "must be an object of sections");
	if (strncmp(section, "x-", 2) == 0)
		return 0;
	if (json_path_depth(path) == 1)
		return take_section(scan, strlen(section) == section_len ? section : "", json, text,
				    len);
	if (!name || strlen(name) != name_len)
		return err_set(scan->err, -EINVAL, "there is no such key");
	key = find_key(section, "");
	if (key && key->type == HOST_SYSCTL)
		return take_sysctl(scan, path, json, text, len);
	if (key)
		return take_fast_path(scan, name, json, text, len);
	key = find_key(section, name);
	if (!key)
		return err_set(scan->err, -EINVAL, "there is no such key");
	return take_value(scan, key, json, text, len);
}

/* ---- calls ---- */

void host_config_done(struct host_config *config)
{
	for (size_t i = 0; i < config->n_sysctls; i++) {
		free(config->sysctls[i].name);
		free(config->sysctls[i].value);
	}
	free(config->values);
	*config = (struct host_config){ 0 };
}

int host_config_parse(const char *text, size_t len, struct host_config *config, struct err *err)
{
	struct scan scan = { .config = config, .err = err };
	int code = set_defaults(config, err);

	return code < 0 ? code : json_scan(text, len, on_value, &scan, err);
}

const struct host_value *host_config_get(const struct host_config *config, const char *section,
					 const char *name)
{
	const struct host_key *key = find_key(section, name);

	if (!key || !config->values)
		abort();
	return &config->values[key - host_keys];
}

void host_config_fit(struct host_config *config, uint64_t memory)
{
	const struct host_value *kept = host_config_get(config, "system", "memory.min");
	struct host_value *most = &config->values[find_key("workload", "memory.max") - host_keys];
	uint64_t rest = memory / 2;

	if (memory == 0 || most->is_given || !kept->is_set)
		return;
	if (host_value_number(kept, memory) < memory - rest)
		rest = memory - host_value_number(kept, memory);
	rest -= rest % HOST_FIT_BYTES;
	if (rest < host_value_number(most, memory))
		*most = (struct host_value){ .is_set = true, .number = rest };
}
