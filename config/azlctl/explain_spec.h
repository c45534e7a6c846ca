/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's configuration and its bundle say of cgroup files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/azlctl/containers.h"
#include "config/azlctl/explain.h"

struct err;

/* Of one file of the cgroup: what was wished, by which key. */
struct explain_wish {
	char key[EXPLAIN_VALUE_ROOM];  /* "linux.resources.pids.limit"; "" for nothing */
	char text[EXPLAIN_VALUE_ROOM]; /* the file's content that follows; "" when that cannot be
					  told */
	char other[24];		       /* as good as text: runtimes differ; "" mostly */
	bool is_default;	       /* added by the shim: a default of host.json, ... */
	bool is_annotated;	       /* ... or what an annotation wants in its place */
};

struct explain_spec {
	bool is_kubernetes;
	bool is_pause;
	char pod[EXPLAIN_NAME_ROOM];
	char pod_ns[CONTAINERS_ID_ROOM];
	char container[CONTAINERS_ID_ROOM];
	char nerdctl[CONTAINERS_ID_ROOM];
	struct explain_wish wishes[EXPLAIN_VALUES];
	long long limit; /* of memory, -1: "max", 0: none; for memory.swap */
	long long swap;
	long long quota, period, shares;
	bool is_page; /* while it is read: the last size of pages is that of hugetlb.2MB.max */
};

/* The only one that is no file of the cgroup, but of /proc/PID. */
#define EXPLAIN_OOM_SCORE "oom_score_adj"

/* The index of a file among the values; -1: it is not looked at. */
int explain_file(const char *name, size_t len);

/* The name at an index. */
const char *explain_file_name(size_t index);

/*
 * Read config.json and the note of the shim.
 *
 * Returns 0 or negative, err filled: no configuration, or one that cannot be read.
 */
int explain_spec_read(int bundle, struct explain_spec *spec, struct err *err);

/*
 * Find out who set a value: `who` and `why`. Nothing but "run/systemd" is read.
 *
 * value   its file, and what is in force in `here`
 */
void explain_judge(int root, const struct explain *explain, const struct explain_wish *wish,
		   struct explain_value *value);

/* Two lists of processors or nodes, "0-3,8": the same ones? Pure. */
bool explain_same_set(const char *left, const char *right);
