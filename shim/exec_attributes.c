/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_attributes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/err.h"
#include "config/base/num.h"
#include "shim/capability.h"

enum {
	NAME_BYTES = 28,
	IO_LEVEL_MAX = 7,
};

struct named {
	char name[NAME_BYTES];
	uint32_t value;
};

static const struct named sets[] = {
	{ "bounding", PLAN_CAP_BOUNDING },	 { "effective", PLAN_CAP_EFFECTIVE },
	{ "inheritable", PLAN_CAP_INHERITABLE }, { "permitted", PLAN_CAP_PERMITTED },
	{ "ambient", PLAN_CAP_AMBIENT },
};

/* Source: linux/sched.h. SCHED_ISO was never made, SCHED_DEADLINE is left to the runtime. */
static const struct named policies[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },
	{ "SCHED_BATCH", 3 }, { "SCHED_IDLE", 5 },
};

static const struct named policy_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 }, { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },    { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },
};

/* Source: linux/ioprio.h. */
static const struct named io_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

static const struct named *find(const struct named *list, size_t count, const char *text,
				size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(list[i].name) == len && memcmp(list[i].name, text, len) == 0)
			return &list[i];
	}
	return NULL;
}

#define FIND(list, text, len) find(list, sizeof(list) / sizeof((list)[0]), text, len)

void exec_attributes_done(struct exec_attributes *attributes)
{
	free(attributes->initial_cpus);
	free(attributes->final_cpus);
	*attributes = (struct exec_attributes){ 0 };
}

static int odd(struct err *err, const char *what)
{
	return err_set(err, -EOPNOTSUPP, "%s is not as it is known here", what);
}

/* The object itself: `present` becomes true; null counts as absent. Returns 1. */
static int take_object(bool *present, enum json_type type, const char *what, struct err *err)
{
	if (type == JSON_NULL)
		return 1;
	if (type != JSON_OBJECT || *present)
		return odd(err, what);
	*present = true;
	return 1;
}

/* ---- capabilities ---- */

static int take_capability(struct exec_attributes *attributes, const struct json_path *path,
			   int base, enum json_type type, const char *text, size_t len,
			   struct err *err)
{
	int depth = json_path_depth(path) - base;
	const char *set_name = json_path_key(path, base + 1, NULL);
	const struct named *set = set_name ? FIND(sets, set_name, strlen(set_name)) : NULL;
	int number;

	if (depth == 1)
		return take_object(&attributes->has_caps, type, "capabilities", err);
	if (!set || depth > 3)
		return odd(err, "capabilities");
	if (depth == 2) {
		attributes->caps[set->value] = 0;
		return type == JSON_ARRAY || type == JSON_NULL ? 1 : odd(err, "capabilities");
	}
	if (type != JSON_STRING)
		return odd(err, "capabilities");
	number = capability_number(text, len);
	if (number >= 0)
		attributes->caps[set->value] |= UINT64_C(1) << number;
	return 1;
}

/* ---- scheduler ---- */

static int take_policy_flag(struct exec_scheduler *scheduler, int depth, enum json_type type,
			    const char *text, size_t len)
{
	const struct named *flag =
		depth == 3 && type == JSON_STRING ? FIND(policy_flags, text, len) : NULL;

	if (depth == 2) {
		scheduler->flags = 0;
		return type == JSON_ARRAY || type == JSON_NULL ? 1 : -EOPNOTSUPP;
	}
	if (!flag)
		return -EOPNOTSUPP;
	scheduler->flags |= flag->value;
	return 1;
}

static int take_int32(int32_t *value, const char *text, size_t len)
{
	int64_t number;

	if (num_i64_parse(text, len, &number) < 0 || number < INT32_MIN || number > INT32_MAX)
		return -EOPNOTSUPP;
	*value = (int32_t)number;
	return 1;
}

static int take_scheduler_key(struct exec_scheduler *scheduler, const char *key,
			      enum json_type type, const char *text, size_t len)
{
	const struct named *policy = type == JSON_STRING ? FIND(policies, text, len) : NULL;
	int32_t priority;
	int code;

	if (strcmp(key, "policy") == 0) {
		if (!policy)
			return -EOPNOTSUPP;
		scheduler->policy = policy->value;
		return 1;
	}
	if (type != JSON_NUMBER)
		return -EOPNOTSUPP;
	if (strcmp(key, "nice") == 0)
		return take_int32(&scheduler->nice, text, len);
	if (strcmp(key, "priority") == 0) {
		code = take_int32(&priority, text, len);
		if (code > 0)
			scheduler->priority = (uint32_t)priority;
		return code;
	}
	if (strcmp(key, "runtime") == 0)
		code = num_u64_parse(text, len, &scheduler->runtime);
	else if (strcmp(key, "deadline") == 0)
		code = num_u64_parse(text, len, &scheduler->deadline);
	else if (strcmp(key, "period") == 0)
		code = num_u64_parse(text, len, &scheduler->period);
	else
		code = -EINVAL;
	return code < 0 ? -EOPNOTSUPP : 1;
}

static int take_scheduler(struct exec_attributes *attributes, const struct json_path *path,
			  int base, enum json_type type, const char *text, size_t len,
			  struct err *err)
{
	struct exec_scheduler *scheduler = &attributes->scheduler;
	int depth = json_path_depth(path) - base;
	const char *key = json_path_key(path, base + 1, NULL);
	int code;

	if (depth == 1) {
		scheduler->policy = UINT32_MAX; /* until one is named */
		return take_object(&attributes->has_scheduler, type, "scheduler", err);
	}
	if (key && strcmp(key, "flags") == 0)
		code = take_policy_flag(scheduler, depth, type, text, len);
	else if (key && depth == 2)
		code = take_scheduler_key(scheduler, key, type, text, len);
	else
		code = -EOPNOTSUPP;
	return code < 0 ? odd(err, "scheduler") : code;
}

/* ---- I/O priority ---- */

static int take_io_priority(struct exec_attributes *attributes, const struct json_path *path,
			    int base, enum json_type type, const char *text, size_t len,
			    struct err *err)
{
	int depth = json_path_depth(path) - base;
	const char *key = json_path_key(path, base + 1, NULL);
	const struct named *class = type == JSON_STRING ? FIND(io_classes, text, len) : NULL;
	uint64_t level;

	if (depth == 1)
		return take_object(&attributes->has_io_priority, type, "ioPriority", err);
	if (!key || depth > 2)
		return odd(err, "ioPriority");
	if (strcmp(key, "class") == 0 && class) {
		attributes->io_class = class->value;
		return 1;
	}
	if (strcmp(key, "priority") == 0 && type == JSON_NUMBER &&
	    num_u64_parse(text, len, &level) == 0 && level <= IO_LEVEL_MAX) {
		attributes->io_level = (uint32_t)level;
		return 1;
	}
	return odd(err, "ioPriority");
}

/* ---- affinity ---- */

static int take_affinity(struct exec_attributes *attributes, const struct json_path *path, int base,
			 enum json_type type, const char *text, size_t len, struct err *err)
{
	int depth = json_path_depth(path) - base;
	const char *key = json_path_key(path, base + 1, NULL);
	char **cpus = NULL;
	char *copy = NULL;

	if (depth == 1)
		return take_object(&attributes->has_affinity, type, "execCPUAffinity", err);
	if (key && depth == 2 && strcmp(key, "initial") == 0)
		cpus = &attributes->initial_cpus;
	else if (key && depth == 2 && strcmp(key, "final") == 0)
		cpus = &attributes->final_cpus;
	if (!cpus || type != JSON_STRING || len > EXEC_CPUS_TEXT_MAX || memchr(text, '\0', len))
		return odd(err, "execCPUAffinity");
	if (len > 0) {
		copy = strndup(text, len);
		if (!copy)
			return err_set(err, -ENOMEM, "execCPUAffinity: no memory");
	}
	free(*cpus);
	*cpus = copy;
	return 1;
}

int exec_attributes_value(struct exec_attributes *attributes, const struct json_path *path,
			  int base, enum json_type type, const char *text, size_t len,
			  struct err *err)
{
	const char *key = json_path_key(path, base, NULL);

	if (!key)
		return 0;
	if (strcmp(key, "capabilities") == 0)
		return take_capability(attributes, path, base, type, text, len, err);
	if (strcmp(key, "scheduler") == 0)
		return take_scheduler(attributes, path, base, type, text, len, err);
	if (strcmp(key, "ioPriority") == 0)
		return take_io_priority(attributes, path, base, type, text, len, err);
	if (strcmp(key, "execCPUAffinity") == 0)
		return take_affinity(attributes, path, base, type, text, len, err);
	return 0;
}

/* ---- lists of processors ---- */

static int cpu_parse(const char *text, size_t len, unsigned int *cpu)
{
	uint64_t number;

	if (num_u64_parse(text, len, &number) < 0 || number >= EXEC_CPUS_MAX)
		return -EINVAL;
	*cpu = (unsigned int)number;
	return 0;
}

/* One element without the spaces around it: "7" or "0-3". */
static int cpu_range_parse(const char *text, size_t len, uint64_t cpus[EXEC_CPUS_WORDS])
{
	const char *dash = memchr(text, '-', len);
	size_t first_len = dash ? (size_t)(dash - text) : len;
	unsigned int first;
	unsigned int last;

	if (cpu_parse(text, first_len, &first) < 0)
		return -EINVAL;
	last = first;
	if (dash && cpu_parse(dash + 1, len - first_len - 1, &last) < 0)
		return -EINVAL;
	if (first > last)
		return -EINVAL;
	for (unsigned int cpu = first; cpu <= last; cpu++)
		cpus[cpu / 64] |= UINT64_C(1) << (cpu % 64);
	return 0;
}

int exec_cpus_parse(const char *text, uint64_t cpus[EXEC_CPUS_WORDS])
{
	static const char space[] = " \t\n\v\f\r";
	uint64_t found[EXEC_CPUS_WORDS] = { 0 };
	uint64_t any = 0;

	for (const char *at = text; at; at = *at ? at + 1 : NULL) {
		size_t len;
		const char *end = at + strcspn(at, ",");

		at += strspn(at, space);
		if (at > end)
			return -EINVAL;
		len = (size_t)(end - at);
		while (len > 0 && strchr(space, at[len - 1]))
			len--;
		if (len > 0 && cpu_range_parse(at, len, found) < 0)
			return -EINVAL;
		at = end;
	}
	for (size_t i = 0; i < EXEC_CPUS_WORDS; i++)
		any |= found[i];
	if (!any)
		return -EINVAL;
	memcpy(cpus, found, sizeof(found));
	return 0;
}
