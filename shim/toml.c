/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/toml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/message.h"

enum { TOML_NEST_MAX = 64 };

struct toml {
	const char *at;
	const char *end;
	int line;
	char table[TOML_KEY_ROOM];  /* of the header in force */
	char parent[TOML_KEY_ROOM]; /* of a key with dots: the part before the last */
	char key[TOML_KEY_ROOM];
	struct buf value; /* NUL-terminated */
	toml_fn *fn;
	void *owner;
	struct err *err;
};

static int fail(struct toml *toml, const char *what)
{
	if (toml->key[0])
		return err_set(toml->err, -EBADMSG, "line %d: %s: %s", toml->line, toml->key, what);
	return err_set(toml->err, -EBADMSG, "line %d: %s", toml->line, what);
}

/* The next byte, or 0 at the end; there is no NUL inside the text. */
static char peek(const struct toml *toml)
{
	return toml->at < toml->end ? *toml->at : '\0';
}

static void skip_blanks(struct toml *toml)
{
	while (peek(toml) == ' ' || peek(toml) == '\t')
		toml->at++;
}

static void skip_comment(struct toml *toml)
{
	if (peek(toml) != '#')
		return;
	while (toml->at < toml->end && peek(toml) != '\n')
		toml->at++;
}

/* Step over the end of a line; nothing but a comment may stand before it. */
static int end_line(struct toml *toml)
{
	skip_blanks(toml);
	skip_comment(toml);
	if (peek(toml) == '\r')
		toml->at++;
	if (toml->at == toml->end)
		return 0;
	if (peek(toml) != '\n')
		return fail(toml, "something stands behind the value");
	toml->at++;
	toml->line++;
	return 0;
}

/* ---- strings ---- */

static int add(struct toml *toml, const char *bytes, size_t len)
{
	if (buf_add(&toml->value, bytes, len, SIZE_MAX) < 0)
		return err_set(toml->err, -ENOMEM, "no memory");
	return 0;
}

/* Append a character. Surrogates and what lies beyond Unicode are refused. */
static int add_character(struct toml *toml, uint32_t c)
{
	char text[4];

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return fail(toml, "no such character");
	if (c < 0x80) {
		text[0] = (char)c;
		return add(toml, text, 1);
	}
	text[1] = (char)(0x80 | (c & 0x3f));
	if (c < 0x800) {
		text[0] = (char)(0xc0 | c >> 6);
		return add(toml, text, 2);
	}
	text[2] = text[1];
	text[1] = (char)(0x80 | (c >> 6 & 0x3f));
	if (c < 0x10000) {
		text[0] = (char)(0xe0 | c >> 12);
		return add(toml, text, 3);
	}
	text[3] = text[2];
	text[2] = text[1];
	text[1] = (char)(0x80 | (c >> 12 & 0x3f));
	text[0] = (char)(0xf0 | c >> 18);
	return add(toml, text, 4);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Take what follows a backslash. */
static int take_escape(struct toml *toml)
{
	static const char names[] = "btnfr\"\\";
	static const char values[] = "\b\t\n\f\r\"\\";
	char c = peek(toml);
	const char *found = c ? strchr(names, c) : NULL;
	int digits = c == 'u' ? 4 : 8;
	uint32_t character = 0;

	if (c)
		toml->at++;
	if (found)
		return add(toml, &values[found - names], 1);
	if (c != 'u' && c != 'U')
		return fail(toml, "unknown escape in a string");
	for (int i = 0; i < digits; i++) {
		int digit = hex_digit(peek(toml));

		if (digit < 0)
			return fail(toml, "unknown escape in a string");
		character = character << 4 | (uint32_t)digit;
		toml->at++;
	}
	return add_character(toml, character);
}

/* Take "..." or '...' into value. */
static int take_string(struct toml *toml)
{
	char quote = *toml->at++;

	toml->value.len = 0;
	if (toml->end - toml->at >= 2 && toml->at[0] == quote && toml->at[1] == quote)
		return fail(toml, "multi-line strings are not supported");
	while (peek(toml) != quote) {
		unsigned char c = (unsigned char)peek(toml);

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return fail(toml, "the string does not end");
		toml->at++;
		if (c == '\\' && quote == '"') {
			if (take_escape(toml) < 0)
				return toml->err->code;
		} else if (add(toml, (const char *)&c, 1) < 0) {
			return toml->err->code;
		}
	}
	toml->at++;
	return add(toml, "", 1);
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c == '-';
}

/* Take one part of a key into value. */
static int take_part(struct toml *toml)
{
	toml->value.len = 0;
	if (peek(toml) == '"' || peek(toml) == '\'')
		return take_string(toml);
	while (is_bare(peek(toml))) {
		if (add(toml, toml->at++, 1) < 0)
			return toml->err->code;
	}
	if (toml->value.len == 0)
		return fail(toml, "no key, or a strange character in it");
	return add(toml, "", 1);
}

/* Take a key with all its parts: the last goes to key, the one before to parent. */
static int take_key(struct toml *toml)
{
	toml->key[0] = '\0';
	toml->parent[0] = '\0';
	for (;;) {
		skip_blanks(toml);
		if (take_part(toml) < 0)
			return toml->err->code;
		if (toml->value.len > TOML_KEY_ROOM)
			return fail(toml, "the key is too long");
		memcpy(toml->parent, toml->key, sizeof(toml->parent));
		memcpy(toml->key, toml->value.data, toml->value.len);
		skip_blanks(toml);
		if (peek(toml) != '.')
			return 0;
		toml->at++;
	}
}

/* Take [table] or [[table]]. */
static int take_header(struct toml *toml)
{
	bool twice = toml->end - toml->at >= 2 && toml->at[1] == '[';

	toml->at += twice ? 2 : 1;
	if (take_key(toml) < 0)
		return toml->err->code;
	for (int i = 0; i < (twice ? 2 : 1); i++) {
		if (peek(toml) != ']')
			return fail(toml, "the name of the table does not end with ]");
		toml->at++;
	}
	memcpy(toml->table, toml->key, sizeof(toml->table));
	return end_line(toml);
}

/* ---- values ---- */

/* Step over an array or an inline table, over lines, until its brackets are closed. */
static int skip_brackets(struct toml *toml)
{
	char open[TOML_NEST_MAX];
	int depth = 0;

	do {
		char c = peek(toml);

		if (toml->at == toml->end || depth == TOML_NEST_MAX)
			return fail(toml, "brackets do not end, or are too deep");
		if (c == '"' || c == '\'') {
			if (take_string(toml) < 0)
				return toml->err->code;
			continue;
		}
		if (c == '#') {
			skip_comment(toml);
			continue;
		}
		toml->at++;
		if (c == '\n')
			toml->line++;
		if (c == '[' || c == '{')
			open[depth++] = c;
		else if ((c == ']' || c == '}') &&
			 (depth == 0 || open[--depth] != (c == ']' ? '[' : '{')))
			return fail(toml, "brackets do not match");
	} while (depth > 0);
	return 0;
}

/* Take a word that stands without quotes: true, 42, 1.5, 2024-01-01. */
static int take_word(struct toml *toml, enum toml_type *type)
{
	size_t digits;
	const char *word;

	toml->value.len = 0;
	while (is_bare(peek(toml)) || peek(toml) == '+' || peek(toml) == '.' || peek(toml) == ':') {
		if (add(toml, toml->at++, 1) < 0)
			return toml->err->code;
	}
	if (toml->value.len == 0)
		return fail(toml, "no value");
	if (add(toml, "", 1) < 0)
		return toml->err->code;
	word = (const char *)toml->value.data;
	digits = strspn(word + (word[0] == '-'), "0123456789");
	*type = TOML_OTHER;
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		*type = TOML_BOOL;
	else if (digits > 0 && word[(word[0] == '-') + digits] == '\0')
		*type = TOML_INTEGER;
	else if (!strchr("0123456789+-in", word[0])) /* numbers, dates, inf and nan */
		return fail(toml, "this is no value; strings want quotes");
	return 0;
}

static int take_value(struct toml *toml, enum toml_type *type)
{
	char c = peek(toml);

	*type = TOML_OTHER;
	if (c == '[' || c == '{')
		return skip_brackets(toml);
	if (c != '"' && c != '\'')
		return take_word(toml, type);
	*type = TOML_STRING;
	return take_string(toml);
}

static int take_pair(struct toml *toml)
{
	enum toml_type type;
	const char *table;
	const char *text;
	int line = toml->line;
	int code;

	if (take_key(toml) < 0)
		return toml->err->code;
	if (peek(toml) != '=')
		return fail(toml, "no = behind the key");
	toml->at++;
	skip_blanks(toml);
	if (take_value(toml, &type) < 0)
		return toml->err->code;
	table = toml->parent[0] ? toml->parent : toml->table;
	text = type == TOML_OTHER ? "" : (const char *)toml->value.data;
	toml->err->code = 0;
	code = toml->fn(toml->owner, table, toml->key, type, text);
	if (code == 0)
		return end_line(toml);
	if (toml->err->code == code)
		return err_wrap(toml->err, "line %d: %s", line, toml->key);
	return err_set(toml->err, code, "line %d: %s: %s", line, toml->key, err_reason(-code));
}

static int take_line(struct toml *toml)
{
	toml->key[0] = '\0';
	skip_blanks(toml);
	if (peek(toml) == '[')
		return take_header(toml);
	if (toml->at == toml->end || strchr("#\r\n", *toml->at))
		return end_line(toml);
	return take_pair(toml);
}

int toml_scan(const char *text, size_t len, toml_fn *fn, void *owner, struct err *err)
{
	struct toml toml = {
		.at = len ? text : "",
		.line = 1,
		.fn = fn,
		.owner = owner,
		.err = err,
	};
	int code = 0;

	toml.end = toml.at + len;
	if (!message_text_ok(text, len))
		return err_set(err, -EBADMSG, "not UTF-8, or a NUL byte in it");
	while (code == 0 && toml.at < toml.end)
		code = take_line(&toml);
	buf_done(&toml.value);
	return code;
}
