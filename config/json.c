/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/list.h"

enum {
	JSON_READ_STEP = 4096,
	JSON_PARSER_BASE_BYTES = 64 << 10, /* memory for the parser, and */
	JSON_PARSER_FACTOR = 4,		   /* so many times the document: it doubles two buffers */
	JSON_PATH_TEXT_MAX = 256,
};

struct json_level {
	size_t key_at; /* in keys; objects only */
	size_t key_len;
	long index; /* -1 in objects, and in arrays before their first value */
	bool array;
};

struct json_path {
	struct json_level levels[JSON_DEPTH_MAX];
	int depth;
	struct buf keys; /* keys of the open levels, each with a NUL behind it */
};

struct json_chunk {
	struct list node;
	size_t bytes;
	max_align_t data[];
};

struct scan {
	struct json_path path;
	json_fn *fn;
	int (*close_fn)(void *owner, const struct json_path *path, bool array); /* or NULL */
	void *owner;
	struct err *err;
	int stop; /* what fn returned, or our own error; not 0: no more callbacks */

	/* yajl does not look at what its allocator returns. Ours keeps all that it gave in a list
	 * and leaves the parser in one jump when there is no more; the list is freed in the end. */
	struct list chunks;
	size_t bytes_left;
	jmp_buf no_memory;

	yajl_handle parser; /* in chunks */
	size_t fed;
	size_t whole_at; /* where the document ended; 0: not yet */
};

/* ---- paths ---- */

int json_path_depth(const struct json_path *path)
{
	return path->depth;
}

long json_path_index(const struct json_path *path, int level)
{
	if (level < 0 || level >= path->depth || !path->levels[level].array)
		return -1;
	return path->levels[level].index;
}

const char *json_path_key(const struct json_path *path, int level, size_t *len)
{
	const struct json_level *at;

	if (level < 0 || level >= path->depth || path->levels[level].array)
		return NULL;
	at = &path->levels[level];
	if (len)
		*len = at->key_len;
	return (const char *)path->keys.data + at->key_at;
}

size_t json_path_end(const struct json_path *path)
{
	const void *at = (const char *)path - offsetof(struct scan, path);
	const struct scan *scan = at;

	return scan->fed + yajl_get_bytes_consumed(scan->parser);
}

static bool level_is(const struct json_path *path, int level, const char *pattern)
{
	const char *key;
	size_t len;

	if (path->levels[level].array)
		return strcmp(pattern, "*") == 0;
	key = json_path_key(path, level, &len);
	return strlen(pattern) == len && memcmp(key, pattern, len) == 0 &&
	       strcmp(pattern, "*") != 0;
}

bool json_path_is(const struct json_path *path, ...)
{
	const char *pattern;
	int level = 0;
	bool same = true;
	va_list args;

	va_start(args, path);
	while (same && (pattern = va_arg(args, const char *))) {
		same = level < path->depth && level_is(path, level, pattern);
		level++;
	}
	va_end(args);
	return same && level == path->depth;
}

/* "linux.namespaces[3].type", cut when it is long. */
static void path_text(const struct json_path *path, char text[JSON_PATH_TEXT_MAX])
{
	int used = snprintf(text, JSON_PATH_TEXT_MAX, path->depth ? "" : "document");

	for (int i = 0; i < path->depth && used < JSON_PATH_TEXT_MAX - 1; i++) {
		char *at = text + used;
		size_t room = (size_t)(JSON_PATH_TEXT_MAX - used);

		if (path->levels[i].array)
			used += snprintf(at, room, "[%ld]", path->levels[i].index);
		else
			used += snprintf(at, room, "%s%s", i ? "." : "",
					 json_path_key(path, i, NULL));
	}
}

/* ---- memory of the parser ---- */

static void *chunk_realloc(void *owner, void *data, size_t bytes)
{
	struct scan *scan = owner;
	struct json_chunk *chunk = data ? owner_of(data, struct json_chunk, data) : NULL;
	size_t before = chunk ? chunk->bytes : 0;
	struct json_chunk *grown = NULL;

	if (bytes <= before)
		return data;
	if (bytes - before <= scan->bytes_left && bytes < SIZE_MAX / 2) {
		if (chunk)
			list_remove(&chunk->node);
		grown = realloc(chunk, sizeof(*chunk) + bytes);
		if (!grown && chunk)
			list_add_before(&scan->chunks, &chunk->node);
	}
	if (!grown)
		longjmp(scan->no_memory, 1);
	scan->bytes_left -= bytes - before;
	grown->bytes = bytes;
	list_add_before(&scan->chunks, &grown->node);
	return grown->data;
}

static void *chunk_alloc(void *owner, size_t bytes)
{
	return chunk_realloc(owner, NULL, bytes ? bytes : 1);
}

static void chunk_free(void *owner, void *data)
{
	struct scan *scan = owner;
	struct json_chunk *chunk;

	if (!data)
		return;
	chunk = owner_of(data, struct json_chunk, data);
	scan->bytes_left += chunk->bytes;
	list_remove(&chunk->node);
	free(chunk);
}

/* ---- callbacks: 1 goes on, 0 stops ---- */

static int scan_fail(struct scan *scan, const char *what)
{
	char at[JSON_PATH_TEXT_MAX];

	path_text(&scan->path, at);
	scan->stop = err_set(scan->err, -EBADMSG, "%s: %s", at, what);
	return 0;
}

/* Take over what fn returned; whatever it refuses is told with its path. */
static int scan_answer(struct scan *scan, int code)
{
	char at[JSON_PATH_TEXT_MAX];

	scan->stop = code;
	if (code >= 0)
		return code == 0;
	path_text(&scan->path, at);
	if (scan->err->code == code)
		(void)err_wrap(scan->err, "%s", at);
	else
		(void)err_set(scan->err, code, "%s: %s", at, err_reason(-code));
	return 0;
}

/* Behind this value, if it is the document's own, there is nothing but white space. */
static void scan_whole(struct scan *scan)
{
	if (scan->path.depth == 0)
		scan->whole_at = json_path_end(&scan->path);
}

static int scan_value(struct scan *scan, enum json_type type, const char *text, size_t len)
{
	struct json_path *path = &scan->path;

	if (type != JSON_OBJECT && type != JSON_ARRAY)
		scan_whole(scan);
	if (path->depth > 0 && path->levels[path->depth - 1].array)
		path->levels[path->depth - 1].index++;
	return scan_answer(scan, scan->fn(scan->owner, path, type, text, len));
}

static int scan_open(struct scan *scan, enum json_type type)
{
	struct json_path *path = &scan->path;

	if (!scan_value(scan, type, "", 0))
		return 0;
	if (path->depth == JSON_DEPTH_MAX)
		return scan_fail(scan, "too many levels");
	path->levels[path->depth++] = (struct json_level){
		.array = type == JSON_ARRAY,
		.index = -1,
		.key_at = path->keys.len,
	};
	return 1;
}

static int scan_close(struct scan *scan)
{
	struct json_path *path = &scan->path;
	bool array = path->levels[path->depth - 1].array;

	path->keys.len = path->levels[--path->depth].key_at;
	scan_whole(scan);
	if (!scan->close_fn)
		return 1;
	return scan_answer(scan, scan->close_fn(scan->owner, path, array));
}

static int on_null(void *owner)
{
	return scan_value(owner, JSON_NULL, "null", 4);
}

static int on_bool(void *owner, int value)
{
	return scan_value(owner, JSON_BOOL, value ? "true" : "false", value ? 4 : 5);
}

static int on_number(void *owner, const char *text, size_t len)
{
	return scan_value(owner, JSON_NUMBER, text, len);
}

static int on_string(void *owner, const unsigned char *text, size_t len)
{
	return scan_value(owner, JSON_STRING, (const char *)text, len);
}

static int on_object(void *owner)
{
	return scan_open(owner, JSON_OBJECT);
}

static int on_array(void *owner)
{
	return scan_open(owner, JSON_ARRAY);
}

static int on_key(void *owner, const unsigned char *text, size_t len)
{
	struct scan *scan = owner;
	struct json_path *path = &scan->path;
	struct json_level *level = &path->levels[path->depth - 1];

	path->keys.len = level->key_at;
	level->key_len = 0;
	if (len > JSON_KEY_MAX_BYTES) {
		path->depth--;
		return scan_fail(scan, "a key in here is too long");
	}
	if (buf_add(&path->keys, text, len, SIZE_MAX) < 0 ||
	    buf_add(&path->keys, "", 1, SIZE_MAX) < 0) {
		scan->stop = err_set(scan->err, -ENOMEM, "no memory");
		return 0;
	}
	level->key_len = len;
	return 1;
}

static int on_close(void *owner)
{
	return scan_close(owner);
}

/* ---- feeding ---- */

static const yajl_callbacks scan_callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_array,
	.yajl_end_array = on_close,
};

/* Turn what the parser says into our answer: 0 goes on, else in scan->stop. */
static int scan_status(struct scan *scan, yajl_status status, const char *bytes, size_t len)
{
	size_t at;
	const char *text;

	if (status == yajl_status_ok || scan->stop != 0)
		return scan->stop;
	at = scan->fed + (len ? yajl_get_bytes_consumed(scan->parser) : 0);
	text = (const char *)yajl_get_error(scan->parser, 0, (const unsigned char *)bytes, len);
	scan->stop = err_set(scan->err, -EBADMSG, "not JSON at byte %zu: %.*s", at,
			     (int)strcspn(text, "\n"), text);
	return scan->stop;
}

/* yajl holds back the beginning of a string, and forgets it when nothing more comes. */
static int scan_behind(struct scan *scan, const char *bytes, size_t len)
{
	size_t at = scan->whole_at > scan->fed ? scan->whole_at - scan->fed : 0;

	if (scan->stop != 0 || scan->whole_at == 0)
		return scan->stop;
	while (at < len && memchr(" \t\r\n", bytes[at], 4))
		at++;
	if (at < len)
		scan->stop = err_set(scan->err, -EBADMSG,
				     "not JSON at byte %zu: something is behind the document",
				     scan->fed + at);
	return scan->stop;
}

static int scan_no_memory(struct scan *scan)
{
	scan->stop = err_set(scan->err, -ENOMEM, "no memory for the parser");
	return scan->stop;
}

static int scan_feed(struct scan *scan, const char *bytes, size_t len)
{
	yajl_alloc_funcs funcs = { chunk_alloc, chunk_realloc, chunk_free, scan };
	yajl_status status;

	if (setjmp(scan->no_memory) != 0)
		return scan_no_memory(scan);
	if (!scan->parser)
		scan->parser = yajl_alloc(&scan_callbacks, &funcs, scan);
	if (len == 0)
		return 0;
	status = yajl_parse(scan->parser, (const unsigned char *)bytes, len);
	if (scan_status(scan, status, bytes, len) == 0 && scan_behind(scan, bytes, len) == 0)
		scan->fed += len;
	return scan->stop;
}

static int scan_end(struct scan *scan)
{
	if (scan_feed(scan, "", 0) != 0)
		return scan->stop;
	if (setjmp(scan->no_memory) != 0)
		return scan_no_memory(scan);
	return scan_status(scan, yajl_complete_parse(scan->parser), "", 0);
}

static void scan_init(struct scan *scan, size_t limit, json_fn *fn, void *owner, struct err *err)
{
	memset(scan, 0, sizeof(*scan));
	scan->fn = fn;
	scan->owner = owner;
	scan->err = err;
	scan->err->code = 0;
	list_init(&scan->chunks);
	if (__builtin_mul_overflow(limit, (size_t)JSON_PARSER_FACTOR, &scan->bytes_left) ||
	    __builtin_add_overflow(scan->bytes_left, (size_t)JSON_PARSER_BASE_BYTES,
				   &scan->bytes_left))
		scan->bytes_left = SIZE_MAX;
}

static void scan_done(struct scan *scan)
{
	struct list *node;
	struct list *after;

	list_for_each_safe (node, after, &scan->chunks)
		free(owner_of(node, struct json_chunk, node));
	buf_done(&scan->path.keys);
}

static int scan_bytes(struct scan *scan, const char *bytes, size_t len)
{
	int code = scan_feed(scan, bytes, len);

	if (code == 0)
		code = scan_end(scan);
	scan_done(scan);
	return code;
}

int json_scan(const char *bytes, size_t len, json_fn *fn, void *owner, struct err *err)
{
	struct scan scan;

	scan_init(&scan, len, fn, owner, err);
	return scan_bytes(&scan, bytes, len);
}

/* Read and feed until the end, an error, or a stop. */
static int scan_fd(struct scan *scan, int fd, size_t limit)
{
	char piece[JSON_READ_STEP];
	int code = 0;

	while (code == 0) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(scan->err, "read");
		if (n == 0)
			return scan_end(scan);
		if ((size_t)n > limit - scan->fed)
			return err_set(scan->err, -EFBIG, "larger than %zu bytes", limit);
		code = scan_feed(scan, piece, (size_t)n);
	}
	return code;
}

int json_scan_file(int dir, const char *name, size_t limit, json_fn *fn, void *owner,
		   struct err *err)
{
	own_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct scan scan;
	int code;

	if (fd < 0)
		return err_errno(err, "open %s", name);
	scan_init(&scan, limit, fn, owner, err);
	code = scan_fd(&scan, fd, limit);
	scan_done(&scan);
	if (code < 0)
		(void)err_wrap(err, "%s", name);
	return code;
}

/* ---- writing ---- */

int json_put_bytes(struct buf *out, const char *text, size_t len, size_t limit)
{
	static const char hex[] = "0123456789abcdef";
	size_t plain = 0; /* where the text not yet written begins */
	int code = buf_add(out, "\"", 1, limit);

	for (size_t i = 0; i < len && code == 0; i++) {
		unsigned char c = (unsigned char)text[i];
		char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
		size_t escape_len = sizeof(escape);

		if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f)
			continue;
		if (c == '"' || c == '\\') {
			escape[1] = (char)c;
			escape_len = 2;
		}
		code = buf_add(out, text + plain, i - plain, limit);
		if (code == 0)
			code = buf_add(out, escape, escape_len, limit);
		plain = i + 1;
	}
	if (code == 0)
		code = buf_add(out, text + plain, len - plain, limit);
	return code < 0 ? code : buf_add(out, "\"", 1, limit);
}

int json_put_string(struct buf *out, const char *text, size_t limit)
{
	return json_put_bytes(out, text, strlen(text), limit);
}

struct rewrite {
	const char *key;
	const char *without; /* NULL: nothing */
	const char *value;
	struct buf *out;
	size_t limit;
};

static bool is_text(const char *key, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(key, text, len) == 0;
}

static bool rewrite_drops(const struct rewrite *rewrite, const struct json_path *path)
{
	size_t len;
	const char *key = json_path_key(path, 0, &len);

	return key && (is_text(key, len, rewrite->key) ||
		       (rewrite->without && is_text(key, len, rewrite->without)));
}

/* A comma, unless the last byte shows that an object or array has just opened; and the key. */
static int rewrite_lead(const struct rewrite *rewrite, const struct json_path *path)
{
	uint8_t last = rewrite->out->data[rewrite->out->len - 1];
	size_t len;
	const char *key = json_path_key(path, path->depth - 1, &len);
	int code = 0;

	if (last != '{' && last != '[')
		code = buf_add(rewrite->out, ",", 1, rewrite->limit);
	if (code == 0 && key)
		code = json_put_bytes(rewrite->out, key, len, rewrite->limit);
	if (code == 0 && key)
		code = buf_add(rewrite->out, ":", 1, rewrite->limit);
	return code;
}

static int rewrite_value(void *owner, const struct json_path *path, enum json_type type,
			 const char *text, size_t len)
{
	struct rewrite *rewrite = owner;
	int code = 0;

	if (path->depth == 0 && type != JSON_OBJECT)
		return -EBADMSG;
	if (rewrite_drops(rewrite, path))
		return 0;
	if (path->depth > 0)
		code = rewrite_lead(rewrite, path);
	if (code < 0)
		return code;
	if (type == JSON_STRING)
		return json_put_bytes(rewrite->out, text, len, rewrite->limit);
	if (type == JSON_OBJECT || type == JSON_ARRAY)
		return buf_add(rewrite->out, type == JSON_OBJECT ? "{" : "[", 1, rewrite->limit);
	return buf_add(rewrite->out, text, len, rewrite->limit);
}

static int rewrite_close(void *owner, const struct json_path *path, bool array)
{
	struct rewrite *rewrite = owner;
	int code = 0;

	if (rewrite_drops(rewrite, path))
		return 0;
	if (path->depth == 0) {
		if (rewrite->out->data[rewrite->out->len - 1] != '{')
			code = buf_add(rewrite->out, ",", 1, rewrite->limit);
		if (code == 0)
			code = json_put_string(rewrite->out, rewrite->key, rewrite->limit);
		if (code == 0)
			code = buf_add(rewrite->out, ":", 1, rewrite->limit);
		if (code == 0)
			code = buf_add_text(rewrite->out, rewrite->value, rewrite->limit);
	}
	return code < 0 ? code : buf_add(rewrite->out, array ? "]" : "}", 1, rewrite->limit);
}

int json_set_bool(const char *bytes, size_t len, const char *key, bool value, const char *without,
		  struct buf *out, size_t limit, struct err *err)
{
	struct rewrite rewrite = {
		.key = key,
		.without = without,
		.value = value ? "true" : "false",
		.out = out,
		.limit = limit,
	};
	size_t before = out->len;
	struct scan scan;
	int code;

	scan_init(&scan, len, rewrite_value, &rewrite, err);
	scan.close_fn = rewrite_close;
	code = scan_bytes(&scan, bytes, len);
	if (code < 0)
		out->len = before;
	return code;
}
