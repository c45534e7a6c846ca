/* SPDX-License-Identifier: Apache-2.0 */
/* One value of /etc/azl/host.json: a type, its texts, its number. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/json.h"

enum {
	HOST_TASKS_MAX = 4194304, /* no kernel has more: PID_MAX_LIMIT, include/linux/threads.h */
	HOST_WEIGHT_MAX = 10000,  /* cgroup-v2.rst, "Weights" */
	HOST_SCORE_MAX = 1000,	  /* proc_pid_oom_score_adj(5) */
	HOST_RING_MIN = 64,
	HOST_RING_MAX = 32768,
	HOST_CHANNELS_MAX = 1024,
	HOST_LIMIT_MIN = 1 << 20,
	HOST_CONFLISTS = 3,
	HOST_WHOLE = 1000, /* thousandths: "100%", and the ratio 1 */
};

/* What a value in the file may be; null beside it, except where the section is no list of values.
 */
enum host_type {
	HOST_BOOL,
	HOST_COUNT,  /* tasks: 1 to HOST_TASKS_MAX, or "max" */
	HOST_TASKS,  /* as HOST_COUNT, or "N%" of the tasks that the kernel allows */
	HOST_BYTES,  /* a number, "64Ki", "512Mi", "1Gi", "N%" of the host's memory, or "max" */
	HOST_LIMIT,  /* as HOST_BYTES, from HOST_LIMIT_MIN on: with less nothing runs, and a bare 95
			was meant as "95%" */
	HOST_WEIGHT, /* 1 to HOST_WEIGHT_MAX */
	HOST_RATIO,  /* above 0, at most 1; kept in thousandths */
	HOST_SCORE,  /* -1000 to 1000; number is to be cast to int64_t */
	/* entries of a ring: HOST_RING_MIN to HOST_RING_MAX, or "max". Powers of two alone: drivers
	 * round others up (mlx5_core, mana), and would never have what was asked for */
	HOST_RING,
	HOST_CHANNELS, /* 1 to HOST_CHANNELS_MAX, or "max" */
	HOST_CONFLIST, /* a text of host_conflists; number is its place there */
	HOST_NAMES,    /* an object of booleans, or one boolean for all: not kept here */
	HOST_SYSCTL,   /* an object of NAME: text, number or null; kept as struct host_sysctl */
};

struct host_value {
	bool is_set;	 /* false: null */
	bool is_given;	 /* by the file; otherwise the default */
	bool is_percent; /* HOST_BYTES, HOST_LIMIT, HOST_TASKS: number is thousandths of all there
			    is */
	uint64_t number; /* UINT64_MAX: "max"; HOST_BOOL: 0 or 1 */
};

/* The lists of CNI plugins that azl ships, as "azl-NAME.conflist". */
extern const char host_conflists[HOST_CONFLISTS][8];

/*
 * Take a value as it stands in the file.
 *
 * type         one of HOST_BOOL to HOST_CONFLIST
 * json, text   as json_fn() gets them
 * value        written only on success, is_given left alone
 *
 * Returns 0, or -EINVAL: host_type_range() says what is allowed.
 */
int host_value_parse(enum host_type type, enum json_type json, const char *text, size_t len,
		     struct host_value *value);

/* As host_value_parse with a plain text, as in an annotation: 100, 512Mi, 0.9, true, max. */
int host_value_parse_text(enum host_type type, const char *text, size_t len,
			  struct host_value *value);

/* What is allowed, for a person: "1 to 10000, or null". Static. */
const char *host_type_range(enum host_type type);

/* Resolve a value: percent of `total` (bytes of memory, tasks of the kernel). UINT64_MAX stays. */
uint64_t host_value_number(const struct host_value *value, uint64_t total);
