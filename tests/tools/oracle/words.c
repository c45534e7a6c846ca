/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/oracle/world.h"

static void add_byte(struct buf *buf, char c)
{
	if (buf_add(buf, &c, 1, BYTES_MAX) < 0)
		abort();
}

/* What stands behind a '$', or NULL: then the '$' stands for itself. */
static const char *variable(const struct world *world, const char *name, size_t len)
{
	const struct {
		const char *name;
		const char *value;
	} table[] = {
		{ "WORK", world->work },     { "BUNDLES", world->state }, { "IO", world->io },
		{ "ORACLE", world->oracle }, { "ROOTFS", world->rootfs }, { "NS", world->ns },
		{ "SHIM", world->shim },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return table[i].value;
	}
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Take what follows a backslash inside quotes. Returns how much was taken. */
static size_t take_escape(struct buf *buf, const char *at)
{
	switch (*at) {
	case 'n':
		add_byte(buf, '\n');
		return 1;
	case 't':
		add_byte(buf, '\t');
		return 1;
	case 'r':
		add_byte(buf, '\r');
		return 1;
	case 'x':
		if (hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
			add_byte(buf, (char)(hex_digit(at[1]) * 16 + hex_digit(at[2])));
			return 3;
		}
		break;
	case '\0':
		return 0;
	default:
		break;
	}
	add_byte(buf, *at);
	return 1;
}

static size_t take_variable(const struct world *world, struct buf *buf, const char *at)
{
	size_t len = 0;
	const char *value;

	while (isupper((unsigned char)at[1 + len]) || at[1 + len] == '_')
		len++;
	value = variable(world, at + 1, len);
	if (!value) {
		add_byte(buf, '$');
		return 1;
	}
	if (buf_add_text(buf, value, BYTES_MAX) < 0)
		abort();
	return 1 + len;
}

/* Take one word; quotes may start anywhere in it. */
static size_t take_word(struct world *world, const char *line, struct buf *buf)
{
	bool quoted = false;
	size_t at = 0;

	for (; line[at] && (quoted || !isspace((unsigned char)line[at]));) {
		if (line[at] == '"') {
			quoted = !quoted;
			at++;
		} else if (quoted && line[at] == '\\') {
			at += 1 + take_escape(buf, line + at + 1);
		} else if (line[at] == '$') {
			at += take_variable(world, buf, line + at);
		} else {
			add_byte(buf, line[at++]);
		}
	}
	if (quoted)
		fail(world, "a quote is left open");
	add_byte(buf, '\0');
	return at;
}

void words_split(struct world *world, const char *line, struct words *words)
{
	*words = (struct words){ 0 };
	for (;;) {
		struct buf buf = { 0 };

		while (isspace((unsigned char)*line))
			line++;
		if (!*line || (*line == '#' && words->count == 0))
			return;
		if (words->count == WORDS_MAX)
			fail(world, "too many words");
		line += take_word(world, line, &buf);
		words->word[words->count++] = (char *)buf.data;
	}
}

void words_done(struct words *words)
{
	for (int i = 0; i < words->count; i++)
		free(words->word[i]);
	words->count = 0;
}

const char *words_get(const struct words *words, const char *key)
{
	size_t len = strlen(key);

	for (int i = 1; i < words->count; i++) {
		if (strncmp(words->word[i], key, len) == 0 && words->word[i][len] == '=')
			return words->word[i] + len + 1;
	}
	return NULL;
}

long words_number(struct world *world, const struct words *words, const char *key, long value)
{
	const char *text = words_get(words, key);
	char *end;

	if (!text)
		return value;
	value = strtol(text, &end, 0);
	if (*end || end == text)
		fail(world, "%s is no number: %s", key, text);
	return value;
}
