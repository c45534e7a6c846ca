/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a spec says of the values that have defaults, and what is put into it. Pure.
 *
 * The same for linux.resources of a config.json and for the resources of an Update, which has no
 * process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/container_defaults.h"
#include "config/json_edit.h"

enum { DEFAULTS_NAME_SHOWN = 64 };

struct defaults_spec {
	int depth;     /* of the resources: 2 in a config.json, 0 in an Update */
	uint16_t said; /* bits by enum container_default: somebody has decided already */
	bool odd;      /* keys that differ from ours by case alone, or are there twice: hands off */
	bool has_limit;
	bool unified_limit;   /* it is the one of "unified" */
	int64_t memory_limit; /* negative: none wanted; meaningful with has_limit */
	struct json_object process;
	struct json_object linux_section;
	struct json_object resources;
	struct json_object unified;
	struct json_object pids;

	/* annotations */
	bool is_sandbox;     /* the pause container of a pod */
	bool is_pods;	     /* another container of a pod */
	bool is_none;	     /* io.azl.defaults = none */
	bool is_misspelt;    /* io.azl.defaults is neither none nor all */
	uint16_t overridden; /* bits: io.azl.defaults.KEY makes sense; of[] has the value */
	uint16_t misspelt;   /* bits: it makes none */
	struct container_defaults override;
	char unknown[DEFAULTS_NAME_SHOWN]; /* the KEY of one that nobody knows, cut */
};

/* Take in a value of the document, inside a json_fn; `owner` is a struct defaults_spec. */
json_fn defaults_spec_value;

/*
 * Make the edit that puts defaults in.
 *
 * spec     of the whole document
 * wanted   what is to be put in, if nobody said it
 * total    bytes of the host's memory, for percentages
 * edit     written; no inserts when there is nothing to put in, and after a failure
 *
 * Returns 0, or -EINVAL: the document is odd.
 */
int defaults_spec_edit(const struct defaults_spec *spec, const struct container_defaults *wanted,
		       uint64_t total, struct json_edit *edit);
