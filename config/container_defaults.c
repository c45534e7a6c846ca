/* SPDX-License-Identifier: Apache-2.0 */
#include "config/container_defaults.h"

#include <errno.h>
#include <string.h>

#include "config/base/err.h"
#include "config/json.h"

enum {
	DEFAULTS_FILE_MAX_BYTES = 1 << 20,
	DEFAULTS_NAME_ROOM = 20,
	DEFAULTS_TASKS = 150, /* thousandths */
};

/* No pointers: they would cost a resident process a page. A test compares with config/host_keys.c.
 */
static const struct {
	char name[DEFAULTS_NAME_ROOM];
	enum host_type type;
	bool is_set;
	uint32_t number;
} keys[DEFAULT_MAX] = {
	[DEFAULT_PIDS_MAX] = { "pids.max", HOST_COUNT, true, 4096 },
	[DEFAULT_MEMORY_SWAP_MAX] = { "memory.swap.max", HOST_BYTES, true, 0 },
	[DEFAULT_MEMORY_OOM_GROUP] = { "memory.oom.group", HOST_BOOL, true, 1 },
	[DEFAULT_MEMORY_HIGH] = { "memory.high", HOST_RATIO, false, 0 },
	[DEFAULT_MEMORY_ZSWAP_MAX] = { "memory.zswap.max", HOST_BYTES, false, 0 },
	[DEFAULT_IO_WEIGHT] = { "io.weight", HOST_WEIGHT, false, 0 },
	[DEFAULT_CPU_WEIGHT] = { "cpu.weight", HOST_WEIGHT, true, 10 },
	[DEFAULT_OOM_SCORE_ADJ] = { "oom_score_adj", HOST_SCORE, true, 0 },
};

const char *container_default_name(enum container_default key)
{
	return keys[key].name;
}

enum host_type container_default_type(enum container_default key)
{
	return keys[key].type;
}

enum container_default container_default_find(const char *name)
{
	enum container_default key = 0;

	while (key < DEFAULT_MAX && strcmp(keys[key].name, name) != 0)
		key++;
	return key;
}

static int on_value(void *owner, const struct json_path *path, enum json_type type,
		    const char *text, size_t len)
{
	struct container_defaults *defaults = owner;
	const char *section = json_path_key(path, 0, NULL);
	size_t name_len = 0;
	const char *name = json_path_key(path, 1, &name_len);
	enum container_default key;

	if (!section)
		return type == JSON_OBJECT ? 0 : -EINVAL;
	if (strcmp(section, "containers") != 0)
		return 0;
	if (json_path_depth(path) == 1)
		return type == JSON_OBJECT ? 0 : -EINVAL;
	key = name && strlen(name) == name_len ? container_default_find(name) : DEFAULT_MAX;
	if (key == DEFAULT_MAX)
		return -EINVAL;
	defaults->of[key].is_given = true;
	return host_value_parse(keys[key].type, type, text, len, &defaults->of[key]);
}

void container_defaults_fit(struct container_defaults *defaults, uint64_t tasks)
{
	const struct host_value part = { .is_percent = true, .number = DEFAULTS_TASKS };
	struct host_value *most = &defaults->of[DEFAULT_PIDS_MAX];
	uint64_t number = host_value_number(&part, tasks);

	if (!most->is_given && number > 0 && number < most->number)
		most->number = number;
}

int container_defaults_read(int dir, const char *path, struct container_defaults *defaults,
			    struct err *err)
{
	struct container_defaults found = { 0 };
	int code;

	for (int key = 0; key < DEFAULT_MAX; key++) {
		found.of[key].is_set = keys[key].is_set;
		found.of[key].number = keys[key].number;
	}
	code = json_scan_file(dir, path, DEFAULTS_FILE_MAX_BYTES, on_value, &found, err);
	if (code == -ENOENT)
		return 1;
	if (code == 0)
		*defaults = found;
	return code;
}
