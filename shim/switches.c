/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/switches.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "config/base/err.h"
#include "config/json.h"

enum {
	SWITCHES_FILE_MAX_BYTES = 1 << 20,
	SWITCHES_ALL = (1 << FAST_ACT_MAX) - 1,
};

const char *switches_name(enum fast_act act)
{
	static const char names[FAST_ACT_MAX][8] = {
		[FAST_START] = "start", [FAST_EXEC] = "exec",	  [FAST_KILL] = "kill",
		[FAST_PAUSE] = "pause", [FAST_DELETE] = "delete", [FAST_CREATE] = "create",
	};

	return names[act];
}

static bool text_is(const char *text, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(text, want, len) == 0;
}

/* The bit of a name; 0: there is no such name. */
static uint8_t bit_of(const char *name, size_t len)
{
	for (int act = 0; act < FAST_ACT_MAX; act++)
		if (text_is(name, len, switches_name((enum fast_act)act)))
			return (uint8_t)(1U << act);
	return 0;
}

int switches_parse(const char *text, size_t len, uint8_t *off)
{
	const char *end = text + len;
	uint8_t on = 0;

	if (text_is(text, len, "all") || text_is(text, len, "none")) {
		*off = text[0] == 'a' ? 0 : SWITCHES_ALL;
		return 0;
	}
	for (const char *at = text; at <= end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;
		const char *last = stop;
		uint8_t bit;

		while (at < last && *at == ' ')
			at++;
		while (last > at && last[-1] == ' ')
			last--;
		bit = bit_of(at, (size_t)(last - at));
		if (!bit)
			return -EINVAL;
		on |= bit;
		at = stop + 1;
	}
	*off = (uint8_t)(SWITCHES_ALL & ~on);
	return 0;
}

static int on_value(void *owner, const struct json_path *path, enum json_type type,
		    const char *text, size_t len)
{
	uint8_t *off = owner;
	size_t name_len = 0;
	const char *section = json_path_key(path, 0, NULL);
	const char *name;
	uint8_t bit;

	(void)len;
	if (!section)
		return type == JSON_OBJECT ? 0 : -EINVAL;
	if (strcmp(section, "fastPaths") != 0)
		return 0;
	if (json_path_depth(path) == 1) {
		if (type == JSON_BOOL)
			*off = text[0] == 't' ? 0 : SWITCHES_ALL;
		return type == JSON_BOOL || type == JSON_OBJECT ? 0 : -EINVAL;
	}
	name = json_path_key(path, 1, &name_len);
	bit = name ? bit_of(name, name_len) : 0;
	if (!bit || type != JSON_BOOL)
		return -EINVAL;
	*off = (uint8_t)(text[0] == 't' ? *off & ~bit : *off | bit);
	return 0;
}

int switches_read(const char *path, uint8_t *off, struct err *err)
{
	uint8_t found = 0;
	int code = json_scan_file(AT_FDCWD, path, SWITCHES_FILE_MAX_BYTES, on_value, &found, err);

	if (code == -ENOENT)
		found = 0;
	else if (code < 0)
		return code;
	*off = found;
	return 0;
}
