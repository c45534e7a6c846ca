/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_process.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "config/base/err.h"
#include "config/base/num.h"
#include "config/json.h"
#include "shim/exec_plan.h"

enum { KEY_BYTES = 20 };

enum key {
	KEY_TERMINAL,
	KEY_CONSOLE_SIZE,
	KEY_USER,
	KEY_ARGS,
	KEY_COMMAND_LINE,
	KEY_ENV,
	KEY_CWD,
	KEY_RLIMITS,
	KEY_NO_NEW_PRIVILEGES,
	KEY_APPARMOR_PROFILE,
	KEY_OOM_SCORE_ADJ,
	KEY_SELINUX_LABEL,
	KEY_CAPABILITIES,
	KEY_SCHEDULER,
	KEY_IO_PRIORITY,
	KEY_EXEC_CPU_AFFINITY,
	KEY_MAX
};

static const char keys[KEY_MAX][KEY_BYTES] = {
	[KEY_TERMINAL] = "terminal",
	[KEY_CONSOLE_SIZE] = "consoleSize",
	[KEY_USER] = "user",
	[KEY_ARGS] = "args",
	[KEY_COMMAND_LINE] = "commandLine",
	[KEY_ENV] = "env",
	[KEY_CWD] = "cwd",
	[KEY_RLIMITS] = "rlimits",
	[KEY_NO_NEW_PRIVILEGES] = "noNewPrivileges",
	[KEY_APPARMOR_PROFILE] = "apparmorProfile",
	[KEY_OOM_SCORE_ADJ] = "oomScoreAdj",
	[KEY_SELINUX_LABEL] = "selinuxLabel",
	[KEY_CAPABILITIES] = "capabilities",
	[KEY_SCHEDULER] = "scheduler",
	[KEY_IO_PRIORITY] = "ioPriority",
	[KEY_EXEC_CPU_AFFINITY] = "execCPUAffinity",
};

/* Source: OCI runtime-spec config.md, "rlimits"; runc rlimit_linux.go. */
static const struct {
	char name[KEY_BYTES];
	uint32_t resource;
} limits[] = {
	{ "RLIMIT_CPU", RLIMIT_CPU },		{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_DATA", RLIMIT_DATA },		{ "RLIMIT_STACK", RLIMIT_STACK },
	{ "RLIMIT_CORE", RLIMIT_CORE },		{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
};

struct value {
	const struct json_path *path;
	enum json_type type;
	const char *text;
	size_t len;
	int depth;
};

struct process_scan {
	struct exec_process process;
	struct err *err;
	uint32_t seen; /* bit of each key */
	/* The entry of rlimits under way; its keys may come in any order. */
	struct plan_limit limit;
	struct buf limit_type;
	bool in_limit;
};

void exec_process_done(struct exec_process *process)
{
	buf_done(&process->args);
	buf_done(&process->env);
	buf_done(&process->cwd);
	buf_done(&process->groups);
	buf_done(&process->limits);
	buf_done(&process->wrong_limit);
	buf_done(&process->apparmor);
	exec_attributes_done(&process->attributes);
	*process = (struct exec_process){ 0 };
}

/* ---- values: what is not as expected is the runtime's ---- */

static int odd(struct process_scan *scan, const char *what)
{
	return err_set(scan->err, -EOPNOTSUPP, "%s", what);
}

static int take_bool(struct process_scan *scan, const struct value *value, bool *into)
{
	if (value->type == JSON_NULL && value->depth == 1)
		return 0;
	if (value->type != JSON_BOOL || value->depth != 1)
		return odd(scan, "not true or false");
	*into = value->text[0] == 't';
	return 0;
}

static int take_number(struct process_scan *scan, const struct value *value, uint64_t max,
		       uint64_t *into)
{
	uint64_t number;

	if (value->type == JSON_NULL)
		return 0;
	if (value->type != JSON_NUMBER || num_u64_parse(value->text, value->len, &number) < 0 ||
	    number > max)
		return odd(scan, "not a number in its range");
	*into = number;
	return 0;
}

static int take_u32(struct process_scan *scan, const struct value *value, uint32_t *into)
{
	uint64_t number = *into;
	int code = take_number(scan, value, UINT32_MAX, &number);

	*into = (uint32_t)number;
	return code;
}

/* Append one string with its NUL. */
static int take_string(struct process_scan *scan, const struct value *value, struct buf *into)
{
	int code;

	if (value->type != JSON_STRING)
		return odd(scan, "not a string");
	if (memchr(value->text, '\0', value->len))
		return odd(scan, "a NUL byte");
	code = buf_add(into, value->text, value->len, EXEC_PLAN_MAX_BYTES);
	if (code == 0)
		code = buf_add(into, "", 1, EXEC_PLAN_MAX_BYTES);
	return code < 0 ? err_set(scan->err, code, "%s", err_reason(-code)) : 0;
}

/* An array of strings and its elements. */
static int take_strings(struct process_scan *scan, const struct value *value, struct buf *into,
			uint32_t *count)
{
	if (value->depth == 1)
		return value->type == JSON_ARRAY || value->type == JSON_NULL
			       ? 0
			       : odd(scan, "not a list");
	if (*count == EXEC_PLAN_STRINGS_MAX)
		return odd(scan, "too many");
	(*count)++;
	return take_string(scan, value, into);
}

/* ---- keys ---- */

static int take_user(struct process_scan *scan, const struct value *value)
{
	struct exec_process *process = &scan->process;
	const char *key = json_path_key(value->path, 1, NULL);
	uint32_t number = 0;
	int code;

	if (value->depth == 1)
		return value->type == JSON_OBJECT || value->type == JSON_NULL
			       ? 0
			       : odd(scan, "not an object");
	if (strcmp(key, "additionalGids") == 0 && value->depth == 2) {
		process->groups.len = 0;
		return value->type == JSON_ARRAY || value->type == JSON_NULL
			       ? 0
			       : odd(scan, "not a list");
	}
	if (strcmp(key, "additionalGids") == 0 && value->type != JSON_NULL) {
		code = take_u32(scan, value, &number);
		if (code == 0 && buf_add(&process->groups, &number, sizeof(number),
					 EXEC_PLAN_GROUPS_MAX * sizeof(number)) < 0)
			return odd(scan, "too many");
		return code;
	}
	if (strcmp(key, "uid") == 0)
		return take_u32(scan, value, &process->uid);
	if (strcmp(key, "gid") == 0)
		return take_u32(scan, value, &process->gid);
	if (strcmp(key, "umask") == 0) /* that of the container counts */
		return take_u32(scan, value, &number);
	if (strcmp(key, "username") == 0 &&
	    (value->type == JSON_STRING || value->type == JSON_NULL))
		return 0;
	return odd(scan, "an unknown key");
}

static int take_console_size(struct process_scan *scan, const struct value *value)
{
	const char *key = json_path_key(value->path, 1, NULL);
	uint64_t number = 0;
	int code;

	if (value->depth == 1)
		return value->type == JSON_OBJECT || value->type == JSON_NULL
			       ? 0
			       : odd(scan, "not an object");
	code = take_number(scan, value, UINT64_MAX, &number);
	if (code < 0)
		return code;
	if (strcmp(key, "height") == 0)
		scan->process.rows = (uint16_t)number; /* cut off, as runc does */
	else if (strcmp(key, "width") == 0)
		scan->process.columns = (uint16_t)number;
	else
		return odd(scan, "an unknown key");
	return 0;
}

/* The entry of rlimits under way is complete. */
static int limit_end(struct process_scan *scan)
{
	struct exec_process *process = &scan->process;
	const char *name = scan->limit_type.len ? (const char *)scan->limit_type.data : "";
	size_t at = 0;

	if (!scan->in_limit)
		return 0;
	scan->in_limit = false;
	while (at < sizeof(limits) / sizeof(limits[0]) && strcmp(limits[at].name, name) != 0)
		at++;
	if (at == sizeof(limits) / sizeof(limits[0])) {
		if (process->wrong_limit.len == 0 &&
		    buf_add(&process->wrong_limit, name, strlen(name) + 1, SIZE_MAX) < 0)
			return err_set(scan->err, -ENOMEM, "no memory");
	} else {
		scan->limit.resource = limits[at].resource;
		if (buf_add(&process->limits, &scan->limit, sizeof(scan->limit),
			    EXEC_PLAN_LIMITS_MAX * sizeof(scan->limit)) < 0)
			return odd(scan, "too many");
	}
	scan->limit_type.len = 0;
	scan->limit = (struct plan_limit){ 0 };
	return 0;
}

static int take_limit(struct process_scan *scan, const struct value *value)
{
	const char *key = json_path_key(value->path, 2, NULL);

	if (value->depth == 1)
		return value->type == JSON_ARRAY || value->type == JSON_NULL
			       ? 0
			       : odd(scan, "not a list");
	if (value->depth == 2) {
		int code = limit_end(scan);

		scan->in_limit = true;
		if (code == 0 && value->type != JSON_OBJECT)
			return odd(scan, "not an object");
		return code;
	}
	if (value->depth > 3)
		return odd(scan, "not a limit");
	if (strcmp(key, "soft") == 0)
		return take_number(scan, value, UINT64_MAX, &scan->limit.soft);
	if (strcmp(key, "hard") == 0)
		return take_number(scan, value, UINT64_MAX, &scan->limit.hard);
	if (strcmp(key, "type") != 0)
		return odd(scan, "an unknown key");
	scan->limit_type.len = 0;
	return take_string(scan, value, &scan->limit_type);
}

/* A text that must be empty here, since it is the runtime's work. */
static int take_label(struct process_scan *scan, const struct value *value, const char *what)
{
	if (value->type == JSON_NULL || (value->type == JSON_STRING && value->len == 0))
		return 0;
	return odd(scan, what);
}

static int take_profile(struct process_scan *scan, const struct value *value)
{
	if (value->type == JSON_NULL || (value->type == JSON_STRING && value->len == 0))
		return 0;
	return take_string(scan, value, &scan->process.apparmor);
}

static int take_oom_score_adj(struct process_scan *scan, const struct value *value)
{
	int64_t number;

	if (value->type == JSON_NULL ||
	    (value->type == JSON_NUMBER && num_i64_parse(value->text, value->len, &number) == 0))
		return 0; /* that of the container counts */
	return odd(scan, "not a number");
}

static int take_cwd(struct process_scan *scan, const struct value *value)
{
	return value->type == JSON_NULL ? 0 : take_string(scan, value, &scan->process.cwd);
}

static int take_key(struct process_scan *scan, enum key key, const struct value *value)
{
	struct exec_process *process = &scan->process;

	switch (key) {
	case KEY_TERMINAL:
		return take_bool(scan, value, &process->terminal);
	case KEY_CONSOLE_SIZE:
		return take_console_size(scan, value);
	case KEY_USER:
		return take_user(scan, value);
	case KEY_ARGS:
		return take_strings(scan, value, &process->args, &process->argc);
	case KEY_ENV:
		if (value->depth == 1)
			process->has_env = value->type == JSON_ARRAY;
		return take_strings(scan, value, &process->env, &process->envc);
	case KEY_CWD:
		return take_cwd(scan, value);
	case KEY_RLIMITS:
		return take_limit(scan, value);
	case KEY_NO_NEW_PRIVILEGES:
		return take_bool(scan, value, &process->no_new_privs);
	case KEY_APPARMOR_PROFILE:
		return take_profile(scan, value);
	case KEY_SELINUX_LABEL:
		return take_label(scan, value, "a label of SELinux is the runtime's work");
	case KEY_OOM_SCORE_ADJ:
		return take_oom_score_adj(scan, value);
	case KEY_COMMAND_LINE:
		return value->depth == 1 && value->type == JSON_STRING ? 0
								       : odd(scan, "not a string");
	case KEY_CAPABILITIES:
	case KEY_SCHEDULER:
	case KEY_IO_PRIORITY:
	case KEY_EXEC_CPU_AFFINITY:
	case KEY_MAX:
		break;
	}
	return exec_attributes_value(&process->attributes, value->path, 0, value->type, value->text,
				     value->len, scan->err);
}

static enum key key_find(const char *name)
{
	unsigned int key = 0;

	while (key < KEY_MAX && strcmp(keys[key], name) != 0)
		key++;
	return (enum key)key;
}

static int process_value(void *owner, const struct json_path *path, enum json_type type,
			 const char *text, size_t len)
{
	struct process_scan *scan = owner;
	struct value value = { path, type, text, len, json_path_depth(path) };
	const char *name = json_path_key(path, 0, NULL);
	enum key key;
	int code;

	if (!name)
		return type == JSON_OBJECT ? 0 : odd(scan, "not an object");
	key = key_find(name);
	if (key == KEY_MAX)
		return odd(scan, "an unknown key");
	if (value.depth == 1) {
		if (scan->seen & 1U << key)
			return odd(scan, "twice");
		scan->seen |= 1U << key;
	}
	code = take_key(scan, key, &value);
	return code < 0 ? code : 0;
}

int exec_process_read(const char *json, size_t len, struct exec_process *process, struct err *err)
{
	struct process_scan scan = { .err = err };
	int code = json_scan(json, len, process_value, &scan, err);

	if (code == 0)
		code = limit_end(&scan);
	buf_done(&scan.limit_type);
	if (code < 0) {
		exec_process_done(&scan.process);
		return code;
	}
	*process = scan.process;
	return 0;
}
