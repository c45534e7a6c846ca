/* SPDX-License-Identifier: Apache-2.0 */
/* Put members into objects of a JSON document; every other byte of it stays as it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/json.h"

struct buf;
struct err;

enum {
	JSON_INSERTS_MAX = 4,
	JSON_INSERT_ROOM = 640, /* bytes of members, for one object */
};

/* An object of the document, as a scan finds it. All zero: not found. */
struct json_object {
	size_t at; /* behind its '{' */
	bool found;
	bool has_members; /* the caller's to set */
	bool odd;	  /* it is there twice, or is no object: nothing can be put into it */
};

/* Tell of a value that is to be an object, inside a json_fn. */
void json_object_see(struct json_object *object, const struct json_path *path, enum json_type type);

/* What is to be put where, in the order of the document. All zero: nothing. */
struct json_edit {
	size_t count;
	struct json_insert {
		size_t at;
		size_t len;
		char text[JSON_INSERT_ROOM];
	} inserts[JSON_INSERTS_MAX];
};

/*
 * Add members to an object that was found; not twice to the same one.
 *
 * members   "\"a\":1,\"b\":{}", copied
 *
 * Returns 0, -EINVAL (the object is odd or was not found), or -EMSGSIZE (no room).
 */
int json_edit_add(struct json_edit *edit, const struct json_object *object, const char *members);

/*
 * Write the document anew.
 *
 * bytes, len   borrowed; the same that the scan saw
 * out          appended to; unchanged on failure
 *
 * Returns 0, -ENOMEM, or -EMSGSIZE (over `limit` bytes).
 */
int json_edit_bytes(const struct json_edit *edit, const char *bytes, size_t len, struct buf *out,
		    size_t limit);

/*
 * Write a file anew, atomically, without having it in memory. Its mode stays.
 *
 * dir, name   as openat(2); the same that the scan saw
 *
 * Returns 0, or negative, err filled, with the file as it was: -ENOSPC, -EBADMSG (it is shorter
 * than it was), ...
 */
int json_edit_file(const struct json_edit *edit, int dir, const char *name, struct err *err);
