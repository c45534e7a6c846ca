/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/explain_spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/azlctl/out.h"
#include "config/azlctl/tree.h"
#include "config/base/err.h"
#include "config/base/num.h"
#include "config/container_defaults.h"
#include "config/host_value.h"
#include "config/json.h"
#include "shim/defaults.h"

enum { NOTE_ROOM = 4096 };

#define OVERRIDE "io.azl.defaults." /* and the name of a file: docs/CGROUPS.md */

static const char files[EXPLAIN_VALUES][24] = {
	"cpu.weight",	    "cpu.max",		"cpu.max.burst",   "cpu.idle",
	"cpuset.cpus",	    "cpuset.mems",	"memory.min",	   "memory.low",
	"memory.high",	    "memory.max",	"memory.swap.max", "memory.swap.high",
	"memory.oom.group", "memory.zswap.max", "pids.max",	   "io.weight",
	"io.max",	    "io.latency",	"hugetlb.2MB.max", "rdma.max",
	"misc.max",	    EXPLAIN_OOM_SCORE,
};

/* A key of linux.resources and the file it becomes. Source: runc libcontainer/cgroups/fs2. */
struct field {
	const char *section;
	const char *name;
	const char *file;
	bool is_number; /* the file holds that number; -1 is "max" */
};

static const struct field fields[] = {
	{ "memory", "limit", "memory.max", true },
	{ "memory", "reservation", "memory.low", true },
	{ "memory", "swap", "memory.swap.max", false },
	{ "pids", "limit", "pids.max", true },
	{ "cpu", "shares", "cpu.weight", false },
	{ "cpu", "quota", "cpu.max", false },
	{ "cpu", "period", "cpu.max", false },
	{ "cpu", "burst", "cpu.max.burst", true },
	{ "cpu", "idle", "cpu.idle", true },
	{ "cpu", "cpus", "cpuset.cpus", false },
	{ "cpu", "mems", "cpuset.mems", false },
	{ "blockIO", "weight", "io.weight", false },
};

int explain_file(const char *name, size_t len)
{
	for (int i = 0; i < EXPLAIN_VALUES; i++)
		if (strlen(files[i]) == len && memcmp(files[i], name, len) == 0)
			return i;
	return -1;
}

const char *explain_file_name(size_t index)
{
	return files[index];
}

static void keep(char *room, size_t size, const char *text, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(room, text, len);
	room[len] = '\0';
	out_plain(room);
}

static void keep_score(struct explain_spec *spec, const char *text, size_t len)
{
	struct explain_wish *wish =
		&spec->wishes[explain_file(EXPLAIN_OOM_SCORE, strlen(EXPLAIN_OOM_SCORE))];

	(void)snprintf(wish->key, sizeof(wish->key), "process.oomScoreAdj");
	keep(wish->text, sizeof(wish->text), text, len);
}

/* Such an annotation that makes no sense is none: the host's default holds. */
static void keep_override(struct explain_spec *spec, const char *name, const char *text, size_t len)
{
	enum container_default key = container_default_find(name);
	int file = explain_file(name, strlen(name));
	struct host_value value = { 0 };

	if (key < DEFAULT_MAX && file >= 0)
		spec->wishes[file].is_annotated =
			host_value_parse_text(container_default_type(key), text, len, &value) == 0;
}

static void keep_annotation(struct explain_spec *spec, const char *key, const char *text,
			    size_t len)
{
	if (strncmp(key, OVERRIDE, strlen(OVERRIDE)) == 0) {
		keep_override(spec, key + strlen(OVERRIDE), text, len);
	} else if (strcmp(key, "io.kubernetes.cri.container-type") == 0) {
		spec->is_kubernetes = true;
		spec->is_pause = len == strlen("sandbox") && memcmp(text, "sandbox", len) == 0;
	} else if (strcmp(key, "io.kubernetes.cri.sandbox-name") == 0) {
		keep(spec->pod, sizeof(spec->pod), text, len);
	} else if (strcmp(key, "io.kubernetes.cri.sandbox-namespace") == 0) {
		keep(spec->pod_ns, sizeof(spec->pod_ns), text, len);
	} else if (strcmp(key, "io.kubernetes.cri.container-name") == 0) {
		keep(spec->container, sizeof(spec->container), text, len);
	} else if (strcmp(key, "nerdctl/name") == 0) {
		keep(spec->nerdctl, sizeof(spec->nerdctl), text, len);
	}
}

/* Which field of linux.resources a path is; NULL: none. */
static const struct field *field_at(const struct json_path *path)
{
	const char *section = json_path_key(path, 2, NULL), *name = json_path_key(path, 3, NULL);

	if (json_path_depth(path) != 4 || !section || !name)
		return NULL;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(fields[i].section, section) == 0 && strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static void keep_field(struct explain_spec *spec, const struct field *field, enum json_type type,
		       const char *text, size_t len)
{
	struct explain_wish *wish = &spec->wishes[explain_file(field->file, strlen(field->file))];
	int64_t number = 0;

	if (type == JSON_NUMBER && num_i64_parse(text, len, &number) < 0)
		return;
	if (type == JSON_NUMBER && number == 0 && strcmp(field->name, "idle") != 0)
		return; /* as good as not there */
	if (type == JSON_STRING && len == 0)
		return;
	(void)snprintf(wish->key, sizeof(wish->key), "linux.resources.%s.%s", field->section,
		       field->name);
	if (field->is_number && number == -1)
		(void)snprintf(wish->text, sizeof(wish->text), "max");
	else if (field->is_number)
		(void)snprintf(wish->text, sizeof(wish->text), "%" PRId64, number);
	if (strncmp(field->file, "cpuset.", 7) == 0)
		keep(wish->text, sizeof(wish->text), text, len);
	if (strcmp(field->file, "memory.max") == 0)
		spec->limit = number;
	else if (strcmp(field->file, "memory.swap.max") == 0)
		spec->swap = number;
	else if (strcmp(field->name, "shares") == 0)
		spec->shares = number;
	else if (strcmp(field->name, "quota") == 0)
		spec->quota = number;
	else if (strcmp(field->name, "period") == 0)
		spec->period = number;
}

static void keep_key(struct explain_spec *spec, const char *file, const char *key)
{
	struct explain_wish *wish = &spec->wishes[explain_file(file, strlen(file))];

	(void)snprintf(wish->key, sizeof(wish->key), "linux.resources.%s", key);
}

/* What is said of devices and sizes of pages, each an object of its own. Source: OCI runtime-spec,
 * config-linux.md. */
static void keep_member(struct explain_spec *spec, const struct json_path *path,
			enum json_type type, const char *text, size_t len)
{
	static const char page[] = "2MB", file[] = "hugetlb.2MB.max";
	const char *section = json_path_key(path, 2, NULL), *name = json_path_key(path, 3, NULL);

	if (section && name && strcmp(section, "blockIO") == 0 &&
	    strncmp(name, "throttle", strlen("throttle")) == 0) {
		char key[80];

		(void)snprintf(key, sizeof(key), "blockIO.%.64s", name);
		keep_key(spec, "io.max", key);
	} else if (json_path_is(path, "linux", "resources", "hugepageLimits", "*", "pageSize",
				NULL)) {
		spec->is_page =
			type == JSON_STRING && len == strlen(page) && memcmp(text, page, len) == 0;
	} else if (spec->is_page && type == JSON_NUMBER &&
		   json_path_is(path, "linux", "resources", "hugepageLimits", "*", "limit", NULL)) {
		keep_key(spec, file, "hugepageLimits");
		keep(spec->wishes[explain_file(file, strlen(file))].text, EXPLAIN_VALUE_ROOM, text,
		     len);
	} else if (section && strcmp(section, "rdma") == 0) {
		keep_key(spec, "rdma.max", "rdma");
	}
}

static int spec_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct explain_spec *spec = owner;
	const char *top = json_path_key(path, 0, NULL), *key = json_path_key(path, 1, NULL);
	const char *section = json_path_key(path, 2, NULL);
	const struct field *field;
	int file;

	if (type == JSON_OBJECT || type == JSON_ARRAY || !top || !key)
		return 0;
	if (strcmp(top, "annotations") == 0 && type == JSON_STRING) {
		keep_annotation(spec, key, text, len);
		return 0;
	}
	if (strcmp(top, "process") == 0 && strcmp(key, "oomScoreAdj") == 0 && type == JSON_NUMBER)
		keep_score(spec, text, len);
	if (strcmp(top, "linux") != 0 || strcmp(key, "resources") != 0)
		return 0;
	field = field_at(path);
	if (field) {
		keep_field(spec, field, type, text, len);
		return 0;
	}
	if (json_path_depth(path) > 4)
		keep_member(spec, path, type, text, len);
	key = json_path_key(path, 3, NULL);
	if (json_path_depth(path) != 4 || !section || !key || strcmp(section, "unified") != 0)
		return 0;
	file = explain_file(key, strlen(key));
	if (file >= 0 && type == JSON_STRING) { /* it is written last, so it counts */
		struct explain_wish *wish = &spec->wishes[file];

		(void)snprintf(wish->key, sizeof(wish->key), "linux.resources.unified");
		keep(wish->text, sizeof(wish->text), text, len);
	}
	return 0;
}

/*
 * Shares 2 to 262144 become a weight 1 to 10000: by a line in older runc and crun, by a curve
 * through 1024 = 100 since runc 1.3.2 and crun 1.23. Source: opencontainers/cgroups utils.go,
 * ConvertCPUSharesToCgroupV2Value.
 */
static long long weight_by_curve(long long shares)
{
	double log = log2((double)shares);

	if (shares <= 2 || shares >= 262144)
		return shares <= 2 ? 1 : 10000;
	return (long long)ceil(pow(10, (log * log + 125 * log) / 612.0 - 7.0 / 34.0));
}

static void settle_weight(struct explain_spec *spec)
{
	struct explain_wish *weight = &spec->wishes[explain_file("cpu.weight", 10)];
	long long shares = spec->shares < 2 ? 2 : spec->shares > 262144 ? 262144 : spec->shares;

	if (!*weight->key || *weight->text)
		return;
	(void)snprintf(weight->text, sizeof(weight->text), "%lld",
		       1 + (shares - 2) * 9999 / 262142);
	(void)snprintf(weight->other, sizeof(weight->other), "%lld", weight_by_curve(shares));
}

/* What needs two numbers. */
static void settle(struct explain_spec *spec)
{
	struct explain_wish *swap = &spec->wishes[explain_file("memory.swap.max", 15)];
	struct explain_wish *cpu = &spec->wishes[explain_file("cpu.max", 7)];

	if (*swap->key && !*swap->text) {
		if (spec->swap < 0)
			(void)snprintf(swap->text, sizeof(swap->text), "max");
		else if (spec->swap >= spec->limit)
			(void)snprintf(swap->text, sizeof(swap->text), "%lld",
				       spec->swap - spec->limit);
	}
	settle_weight(spec);
	if (!*cpu->key || *cpu->text)
		return;
	if (spec->quota > 0)
		(void)snprintf(cpu->text, sizeof(cpu->text), "%lld %lld", spec->quota,
			       spec->period ? spec->period : 100000);
	else
		(void)snprintf(cpu->text, sizeof(cpu->text), "max %lld",
			       spec->period ? spec->period : 100000);
}

/* The shim's note: a line for each default that it added. */
static void read_note(int bundle, struct explain_spec *spec)
{
	char text[NOTE_ROOM];

	if (tree_read_text(bundle, DEFAULTS_NOTE, text, sizeof(text)) < 0)
		return;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, " \n");
		int file = explain_file(line, len);

		if (file < 0 || !*spec->wishes[file].key)
			continue;
		spec->wishes[file].is_default = true;
		(void)snprintf(spec->wishes[file].key, EXPLAIN_VALUE_ROOM, "%s%.*s",
			       spec->wishes[file].is_annotated ? "annotation " OVERRIDE
							       : "containers.",
			       (int)len, line);
	}
}

int explain_spec_read(int bundle, struct explain_spec *spec, struct err *err)
{
	int code;

	*spec = (struct explain_spec){ 0 };
	code = containers_spec(bundle, spec_value, spec, err);
	if (code < 0)
		return code;
	settle(spec);
	read_note(bundle, spec);
	return 0;
}
