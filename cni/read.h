/* SPDX-License-Identifier: Apache-2.0 */
/* Values of JSON documents into fields: what configuration and results have in common. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/result.h"
#include "config/json.h"

struct err;

/* One value as json_fn gets it; all borrowed. */
struct read_value {
	const struct json_path *path;
	enum json_type type;
	const char *text;
	size_t len;
	struct err *err;
};

/*
 * All readers return 0, CNI_CONFIG_INVALID with value and reason (the parser adds the path), or
 * -ENOMEM; null leaves a field as it is.
 */

/* Fill err with CNI_CONFIG_INVALID: `"value": why`. Returns its code. */
int read_refuse(const struct read_value *value, const char *why);

/* Is the key at that level `name`? */
bool read_key_is(const struct read_value *value, int level, const char *name);

/* As read_key_is without regard to case. */
bool read_key_is_folded(const struct read_value *value, int level, const char *name);

/* A string without NUL bytes: into a caller's array, or owned (a former one is freed). */
int read_chars(const struct read_value *value, char *out, size_t room);
int read_text(const struct read_value *value, char **out);

/* Append a string to an owned array that ends with NULL. */
int read_list(const struct read_value *value, char ***list);

int read_bool(const struct read_value *value, bool *out);
int read_number(const struct read_value *value, int64_t least, int64_t most, int64_t *out);

/* "" is none. */
int read_address(const struct read_value *value, struct address *out);

/* An address that must be written with its prefix. */
int read_prefix(const struct read_value *value, struct address *out);

/* Something inside "dns", whose key is at level - 1. */
int read_dns(const struct read_value *value, int level, struct cni_dns *dns);

/* Something inside "routes", an array whose index is at `level`. */
int read_route(const struct read_value *value, int level, struct cni_route *routes, size_t room,
	       size_t *n);

/* Something inside a result, whose keys are at `level`; read_result_end when it is whole. */
int read_result(const struct read_value *value, int level, struct cni_result *result);
int read_result_end(const struct cni_result *result, struct err *err);

/* Do all routes have a destination? */
int read_routes_end(const struct cni_route *routes, size_t n, struct err *err);

/* Free an array of strings; it is NULL afterwards. */
void read_list_done(char ***list);
