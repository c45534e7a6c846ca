/* SPDX-License-Identifier: Apache-2.0 */
/* The few shapes of URI in which clients name a container's streams. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { URI_ARGS_MAX = 64 };

/* The length of the scheme ("file" in file:///x), 0 when there is none. Source: RFC 3986, 3.1. */
size_t uri_scheme_len(const char *text);

/* True when the text has this scheme. */
bool uri_has_scheme(const char *text, const char *scheme);

/*
 * The path of a URI, percent-decoded; a text without scheme is a path as it is.
 *
 * Returns the path (owned by the caller), or NULL: no memory, or an escape that is none.
 */
char *uri_path(const char *text);

/*
 * The query as arguments: for each key the key and its first value, an empty one when it has none.
 *
 * args   room for URI_ARGS_MAX pointers; owned by the caller entry by entry, ends with NULL
 *
 * Returns how many, or -E2BIG, -EINVAL (an escape that is none, or no memory); then nothing is left
 * to free.
 *
 * Source: containerd runtime/v2/logging, pkg/process/io_util.go, NewBinaryCmd.
 */
int uri_query_args(const char *text, char **args);
