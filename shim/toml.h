/* SPDX-License-Identifier: Apache-2.0 */
/* The part of TOML that runtime options are written in: `key = value` lines and tables. Pure. */
#pragma once

#include <stddef.h>

struct err;

enum { TOML_KEY_ROOM = 128 }; /* longest part of a key, NUL included */

enum toml_type {
	TOML_STRING,  /* its text, escapes undone; neither NUL nor broken UTF-8 in it */
	TOML_BOOL,    /* "true" or "false" */
	TOML_INTEGER, /* decimal, as written */
	TOML_OTHER,   /* array, inline table, float, date...: skipped, no text */
};

/*
 * Called for each value.
 *
 * table   last part of the table's name, "" outside of tables; borrowed
 * key     last part of the key; borrowed
 * text    NUL-terminated; borrowed
 *
 * Returns 0 to go on, or a negative errno value; it may leave the reason in the caller's err.
 */
typedef int toml_fn(void *owner, const char *table, const char *key, enum toml_type type,
		    const char *text);

/*
 * Read TOML 1.0 but for multi-line strings.
 *
 * text, len   borrowed
 *
 * Returns 0, what `fn` returned, or -EBADMSG, with line and key in the text; -ENOMEM.
 *
 * Source: toml.io/en/v1.0.0.
 */
int toml_scan(const char *text, size_t len, toml_fn *fn, void *owner, struct err *err);
