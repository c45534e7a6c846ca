/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/process_spec.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/num.h"
#include "config/json.h"

enum { KEYS_MAX = 3, KEY_BYTES = 20 };

/* What Go's encoding/json accepts for a key; "*" is any index, and in capabilities any set. */
static const struct rule {
	char keys[KEYS_MAX][KEY_BYTES];
	enum json_type type;
} rules[] = {
	{ { "terminal" }, JSON_BOOL },
	{ { "consoleSize" }, JSON_OBJECT },
	{ { "consoleSize", "height" }, JSON_NUMBER },
	{ { "consoleSize", "width" }, JSON_NUMBER },
	{ { "user" }, JSON_OBJECT },
	{ { "user", "uid" }, JSON_NUMBER },
	{ { "user", "gid" }, JSON_NUMBER },
	{ { "user", "umask" }, JSON_NUMBER },
	{ { "user", "additionalGids" }, JSON_ARRAY },
	{ { "user", "additionalGids", "*" }, JSON_NUMBER },
	{ { "user", "username" }, JSON_STRING },
	{ { "args" }, JSON_ARRAY },
	{ { "args", "*" }, JSON_STRING },
	{ { "commandLine" }, JSON_STRING },
	{ { "env" }, JSON_ARRAY },
	{ { "env", "*" }, JSON_STRING },
	{ { "cwd" }, JSON_STRING },
	{ { "capabilities" }, JSON_OBJECT },
	{ { "capabilities", "bounding" }, JSON_ARRAY },
	{ { "capabilities", "effective" }, JSON_ARRAY },
	{ { "capabilities", "inheritable" }, JSON_ARRAY },
	{ { "capabilities", "permitted" }, JSON_ARRAY },
	{ { "capabilities", "ambient" }, JSON_ARRAY },
	{ { "rlimits" }, JSON_ARRAY },
	{ { "rlimits", "*" }, JSON_OBJECT },
	{ { "rlimits", "*", "type" }, JSON_STRING },
	{ { "rlimits", "*", "hard" }, JSON_NUMBER },
	{ { "rlimits", "*", "soft" }, JSON_NUMBER },
	{ { "noNewPrivileges" }, JSON_BOOL },
	{ { "apparmorProfile" }, JSON_STRING },
	{ { "oomScoreAdj" }, JSON_NUMBER },
	{ { "selinuxLabel" }, JSON_STRING },
};

static bool matches(const struct json_path *path, const struct rule *rule)
{
	for (int i = 0; i < KEYS_MAX; i++) {
		const char *key = rule->keys[i];
		const char *have = json_path_key(path, i, NULL);

		if (*key == '\0')
			return json_path_depth(path) == i;
		if (*key == '*' ? json_path_index(path, i) < 0 : !have || strcmp(have, key) != 0)
			return false;
	}
	return json_path_depth(path) == KEYS_MAX;
}

/* A number that Go takes for an int or an unsigned: no fraction, no exponent; ids are never
 * negative. */
static bool is_whole(const struct json_path *path, const char *text, size_t len)
{
	bool is_score = json_path_is(path, "oomScoreAdj", NULL);
	int64_t whole;
	uint64_t unsigned_whole;

	return is_score ? num_i64_parse(text, len, &whole) == 0
			: num_u64_parse(text, len, &unsigned_whole) == 0;
}

struct check {
	bool is_null;
	bool has_env; /* with something in it */
};

static int on_value(void *owner, const struct json_path *path, enum json_type type,
		    const char *text, size_t len)
{
	struct check *check = owner;

	if (json_path_depth(path) == 0) {
		check->is_null = type == JSON_NULL;
		return type == JSON_OBJECT || type == JSON_NULL ? 0 : -EINVAL;
	}
	if (json_path_is(path, "env", "*", NULL))
		check->has_env = true;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!matches(path, &rules[i]))
			continue;
		if (type == JSON_NULL)
			return 0;
		if (type != rules[i].type || (type == JSON_NUMBER && !is_whole(path, text, len)))
			return -EINVAL;
		return 0;
	}
	return 0;
}

int process_spec_write(const char *json, size_t len, bool terminal, struct buf *out,
		       struct err *err)
{
	static const char empty[] = "{}";
	struct check check = { 0 };
	int code = json_scan(json, len, on_value, &check, err);

	if (code < 0)
		return code;
	if (check.is_null) {
		json = empty;
		len = sizeof(empty) - 1;
	}
	/* What containerd's shim hands on has no empty env, and runc 1.3 tells the two apart. */
	return json_set_bool(json, len, "terminal", terminal, check.has_env ? NULL : "env", out,
			     PROCESS_SPEC_MAX_BYTES, err);
}
