/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/args.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/base/err.h"

/* Arrays, not pointers: a table of pointers would be relocated in every shim. */
struct flag {
	char name[16];
	uint8_t at; /* in struct args */
	bool is_bool;
};

_Static_assert(sizeof(struct args) <= UINT8_MAX, "an offset fits");

static const struct flag flags[] = {
	{ "namespace", offsetof(struct args, ns), false },
	{ "address", offsetof(struct args, address), false },
	{ "publish-binary", offsetof(struct args, publish_binary), false },
	{ "id", offsetof(struct args, id), false },
	{ "bundle", offsetof(struct args, bundle), false },
	{ "socket", offsetof(struct args, socket), false },
	{ "debug-socket", offsetof(struct args, debug_socket), false },
	{ "debug", offsetof(struct args, debug), true },
	{ "v", offsetof(struct args, version), true },
	{ "version", offsetof(struct args, version), true },
	{ "info", offsetof(struct args, info), true },
	{ "h", offsetof(struct args, help), true },
	{ "help", offsetof(struct args, help), true },
};

static const struct flag *flag_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
			return &flags[i];
	}
	return NULL;
}

/* Source: Go strconv.ParseBool. Returns 0 or -EINVAL. */
static int bool_parse(const char *text, bool *value)
{
	static const char names[2][6][6] = {
		{ "0", "f", "F", "FALSE", "false", "False" },
		{ "1", "t", "T", "TRUE", "true", "True" },
	};

	for (size_t v = 0; v < 2; v++) {
		for (size_t i = 0; i < 6; i++) {
			if (strcmp(text, names[v][i]) == 0) {
				*value = v == 1;
				return 0;
			}
		}
	}
	return -EINVAL;
}

static enum args_action action_of(const char *text)
{
	if (strcmp(text, "start") == 0)
		return ARGS_START;
	return strcmp(text, "delete") == 0 ? ARGS_DELETE : ARGS_NONE;
}

/* What follows an unknown flag is its value, unless it looks like a flag or is an action. */
static bool is_value(const char *text)
{
	return text && text[0] != '-' && action_of(text) == ARGS_NONE;
}

/* Take the flag at argv[*i], with its value if that is the next argument. */
static int take_flag(char *const *argv, int *i, struct args *args, struct err *err)
{
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct flag *flag = flag_find(name, len);
	void *slot;

	if (len == 0 || name[0] == '-')
		return err_set(err, -EINVAL, "bad flag syntax: %s", argv[*i]);
	if (!flag) {
		args->unknown = args->unknown ? args->unknown : name;
		if (!value && is_value(argv[*i + 1]))
			(*i)++;
		return 0;
	}
	slot = (char *)args + flag->at;
	if (flag->is_bool) {
		if (bool_parse(value ? value : "true", slot) < 0)
			return err_set(err, -EINVAL, "-%s wants true or false, not \"%s\"",
				       flag->name, value);
		return 0;
	}
	if (!value)
		value = argv[++*i];
	if (!value)
		return err_set(err, -EINVAL, "flag needs an argument: -%s", flag->name);
	*(const char **)slot = value;
	return 0;
}

static int check(const struct args *args, struct err *err)
{
	if (args->version || args->info || args->help)
		return 0;
	if (args->ns[0] == '\0')
		return err_set(err, -EINVAL, "shim namespace cannot be empty");
	if (args->action == ARGS_NONE)
		return err_set(err, -EINVAL, "no action given: start or delete");
	if (args_check_id("namespace", args->ns, err) < 0)
		return err->code;
	return args_check_id("id", args->id, err);
}

int args_parse(int argc, char *const *argv, struct args *args, struct err *err)
{
	struct args found = { "", "", "", "", "", "", "", NULL, false, false, false, false, 0 };
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (take_flag(argv, &i, &found, err) < 0)
			return err->code;
	}
	if (i < argc) {
		found.action = action_of(argv[i]);
		if (found.action == ARGS_NONE)
			return err_set(err, -EINVAL, "unknown action \"%s\"", argv[i]);
	}
	if (check(&found, err) < 0)
		return err->code;
	*args = found;
	return 0;
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

int args_check_id(const char *what, const char *id, struct err *err)
{
	size_t len = strnlen(id, ARGS_ID_MAX_BYTES + 1);
	bool fine = true;

	if (len == 0)
		return err_set(err, -EINVAL, "%s must not be empty", what);
	if (len > ARGS_ID_MAX_BYTES)
		return err_set(err, -EINVAL, "%s is longer than %d characters", what,
			       ARGS_ID_MAX_BYTES);
	for (size_t i = 0; i < len; i++) {
		bool separator = id[i] == '.' || id[i] == '_' || id[i] == '-';

		/* A separator stands between two letters or digits. */
		if (separator)
			fine = fine && i > 0 && is_alphanumeric(id[i - 1]) && i + 1 < len;
		else
			fine = fine && is_alphanumeric(id[i]);
	}
	if (!fine)
		return err_set(err, -EINVAL,
			       "%s \"%s\" must be letters and digits with single '.', '_' or '-' "
			       "between them",
			       what, id);
	return 0;
}
