/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as a stream of values with their paths; no tree. The only module that knows the parser. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

enum {
	JSON_DEPTH_MAX = 64,	   /* levels of objects and arrays; deeper is an error */
	JSON_KEY_MAX_BYTES = 4096, /* longer keys are an error */
};

enum json_type {
	JSON_NULL,
	JSON_BOOL,   /* text "true" or "false" */
	JSON_NUMBER, /* text as written */
	JSON_STRING, /* text with its escapes undone; may hold NUL bytes, has none at its end */
	JSON_OBJECT, /* opens; no text */
	JSON_ARRAY,  /* opens; no text */
};

/* Where a value is: the keys and indices from the top down to it. */
struct json_path;

/*
 * Compare a path with a pattern of keys, the last one NULL. "*" stands for any array index (never
 * for a key): json_path_is(path, "linux", "namespaces", "*", "type", NULL).
 */
bool json_path_is(const struct json_path *path, ...) __attribute__((sentinel));

/* Levels of the path; 0 is the document itself. */
int json_path_depth(const struct json_path *path);

/* Array index at a level (0 is the outermost), or -1: no array there. */
long json_path_index(const struct json_path *path, int level);

/* Key at a level, NUL-terminated and borrowed until the call-back returns; NULL: no object there.
 * `len` may be NULL. */
const char *json_path_key(const struct json_path *path, int level, size_t *len);

/* Bytes of the document up to and with the value that is being told; of an object or array, up to
 * and with its opening bracket. Only inside a json_fn. */
size_t json_path_end(const struct json_path *path);

/*
 * Called once for each value, in the order of the document.
 *
 * text, len   borrowed until it returns; never NUL-terminated
 *
 * Returns 0 to go on, a positive value to stop early with success, or a negative errno value to
 * stop with that error.
 */
typedef int json_fn(void *owner, const struct json_path *path, enum json_type type,
		    const char *text, size_t len);

/*
 * Read one JSON document (RFC 8259, valid UTF-8, nothing behind it but white space).
 *
 * bytes, len   borrowed
 * fn, owner    called with each value; what `fn` refuses is told with its path
 *
 * Returns 0 for the whole document, what `fn` returned if it stopped early, or
 *   -EBADMSG    not JSON, deeper than JSON_DEPTH_MAX, or a key too long; the text tells the offset
 *   -ENOMEM
 */
int json_scan(const char *bytes, size_t len, json_fn *fn, void *owner, struct err *err);

/*
 * As json_scan with a file, read in small pieces: the file is never in memory as a whole.
 *
 * dir     directory descriptor (AT_FDCWD allowed)
 * name    also names the file in errors
 * limit   largest file accepted, bytes
 *
 * Fails also with -EFBIG (larger than limit) and what open and read say (-ENOENT: no such file).
 */
int json_scan_file(int dir, const char *name, size_t limit, json_fn *fn, void *owner,
		   struct err *err);

/*
 * Write a document again with one boolean of its top-level object set; a former value of that key
 * is dropped, the rest keeps its order and its numbers as they were written.
 *
 * without   a top-level key that is left out; NULL: none
 * out       appended to; on failure what was appended is dropped
 *
 * Returns 0, -EBADMSG (not JSON, or not an object), -EMSGSIZE (over `limit` bytes), -ENOMEM.
 */
int json_set_bool(const char *bytes, size_t len, const char *key, bool value, const char *without,
		  struct buf *out, size_t limit, struct err *err);

/* Append a text, quoted and escaped (RFC 8259, section 7). As buf_add, but may leave a part behind
 * on failure. */
int json_put_string(struct buf *out, const char *text, size_t limit);

/* As json_put_string with a length; NUL bytes are escaped. */
int json_put_bytes(struct buf *out, const char *text, size_t len, size_t limit);
