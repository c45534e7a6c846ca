/* SPDX-License-Identifier: Apache-2.0 */
/* Who said so: a value that is in force, held against what was wished. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/keyed.h"
#include "config/azlctl/explain.h"
#include "config/azlctl/explain_spec.h"
#include "config/azlctl/tree.h"
#include "config/base/num.h"

enum { SET_WORDS = 128 }; /* 8192 processors: CONFIG_NR_CPUS of distributions */

/* What the kernel puts into a new cgroup. Source: kernel cgroup-v2.rst. */
static const char *kernel_default(const char *file)
{
	static const char *const defaults[][2] = {
		{ "cpu.weight", "100" },     { "cpu.max", "max 100000" },
		{ "cpu.max.burst", "0" },    { "cpu.idle", "0" },
		{ "memory.min", "0" },	     { "memory.low", "0" },
		{ "memory.oom.group", "0" }, { "io.weight", "default 100" },
		{ "cpuset.cpus", "" },	     { EXPLAIN_OOM_SCORE, "0" },
		{ "cpuset.mems", "" },	     { "io.max", "" },
		{ "io.latency", "" },
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (strcmp(defaults[i][0], file) == 0)
			return defaults[i][1];
	return "max";
}

/* The default of files with a line for each device: "mana_0 hca_handle=max hca_object=max". */
static bool is_all_max(const char *text)
{
	size_t words = 0;

	for (const char *at = text; *at; at += *at == ' ' || *at == ';') {
		size_t len = strcspn(at, " ;");

		words++;
		if (words > 1 && (len < 3 || memcmp(at + len - 3, "max", 3) != 0))
			return false;
		at += len;
		if (*at == ';')
			words = 0;
	}
	return true;
}

static bool is_default(const char *file, const char *here)
{
	const uint64_t no_limit = UINT64_C(1) << 62;
	uint64_t limit;

	if (strcmp(file, "rdma.max") == 0 || strcmp(file, "misc.max") == 0)
		return is_all_max(here);
	/* some kernels write the largest number of hugetlb.2MB.max as a number */
	if (strncmp(file, "hugetlb.", strlen("hugetlb.")) == 0 &&
	    cg_keyed_value(cg_keyed_text(here), &limit) == 0 && limit > no_limit)
		return true;
	return strcmp(here, kernel_default(file)) == 0;
}

/* The processors or nodes of a list, "0-3,8", as bits; false for what is none. */
static bool read_set(const char *text, uint64_t bits[SET_WORDS])
{
	for (const char *at = text; *at; at += *at == ',') {
		uint64_t first, last;
		size_t len = strcspn(at, "-,");

		if (num_u64_parse(at, len, &first) < 0)
			return false;
		at += len;
		last = first;
		if (*at == '-') {
			len = strcspn(++at, ",");
			if (num_u64_parse(at, len, &last) < 0)
				return false;
			at += len;
		}
		for (; first <= last && first < (uint64_t)SET_WORDS * 64; first++)
			bits[first / 64] |= UINT64_C(1) << (first % 64);
	}
	return true;
}

bool explain_same_set(const char *left, const char *right)
{
	uint64_t a[SET_WORDS] = { 0 }, b[SET_WORDS] = { 0 };

	return read_set(left, a) && read_set(right, b) && memcmp(a, b, sizeof(a)) == 0;
}

/* Is it what the configuration becomes? Sizes are kept in pages, sets in the shortest way. */
static bool is_as_wished(const char *file, const char *here, const struct explain_wish *wish)
{
	uint64_t left, right;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!*wish->text || strcmp(here, wish->text) == 0 || strcmp(here, wish->other) == 0)
		return true;
	if (strncmp(file, "cpuset.", strlen("cpuset.")) == 0)
		return explain_same_set(here, wish->text);
	return cg_keyed_value(cg_keyed_text(here), &left) == 0 &&
	       cg_keyed_value(cg_keyed_text(wish->text), &right) == 0 &&
	       (left == right / page * page ||
		(left == UINT64_MAX && right >= (uint64_t)INT64_MAX / page * page));
}

/*
 * A scope without a limit of tasks gets systemd's DefaultTasksMax. One that is set later is a file
 * beside the scope. Source: systemd.unit(5), /run/systemd/transient; systemd-system.conf(5).
 */
static bool is_systemds(int root, const struct explain *explain, const char *file)
{
	const char *scope = strrchr(explain->cgroup, '/');
	char path[EXPLAIN_PATH_ROOM + 64];

	if (strcmp(file, "pids.max") != 0 || !scope || !strstr(scope, ".scope"))
		return false;
	(void)snprintf(path, sizeof(path), "run/systemd/transient%s.d/50-TasksMax.conf", scope);
	return !tree_leads(root, path);
}

void explain_judge(int root, const struct explain *explain, const struct explain_wish *wish,
		   struct explain_value *value)
{
	enum explain_who asked = explain->is_kubernetes ? EXPLAIN_KUBELET : EXPLAIN_USER;

	if (*wish->key && is_as_wished(value->file, value->here, wish)) {
		value->who = !wish->is_default	  ? asked
			     : wish->is_annotated ? EXPLAIN_USER
						  : EXPLAIN_AZL;
		(void)snprintf(value->why, sizeof(value->why), "%s", wish->key);
	} else if (*wish->key) {
		value->who = EXPLAIN_LATER;
		(void)snprintf(value->why, sizeof(value->why), "%.80s was %.60s", wish->key,
			       wish->text);
	} else if (is_default(value->file, value->here)) {
		value->who = EXPLAIN_KERNEL;
	} else if (strcmp(value->file, EXPLAIN_OOM_SCORE) == 0) {
		value->who = EXPLAIN_HOST;
		(void)snprintf(value->why, sizeof(value->why), "its shim's, from containerd's");
	} else if (is_systemds(root, explain, value->file)) {
		value->who = EXPLAIN_HOST;
		(void)snprintf(value->why, sizeof(value->why), "systemd's DefaultTasksMax");
	} else {
		value->who = EXPLAIN_LATER;
		(void)snprintf(value->why, sizeof(value->why), "its configuration says nothing");
	}
}
