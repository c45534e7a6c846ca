/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/oracle/world.h"

/* Words behind which mkdtemp and its kin put random characters. */
static const char *const random_after[] = { "runc-process", "/pty", "criu-work", NULL };

int known_index(struct known *known, uint64_t value)
{
	for (int i = 0; i < known->count; i++) {
		if (known->value[i] == value)
			return i + 1;
	}
	if (known->count < KNOWN_MAX)
		known->value[known->count++] = value;
	return known->count;
}

void buf_print(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0 || buf_add(buf, text, (size_t)len, BYTES_MAX) < 0)
		abort();
	free(text);
}

static bool starts(const char *text, const char *with)
{
	return *with && strncmp(text, with, strlen(with)) == 0;
}

/* A shim's socket: /run/containerd/s/ and 64 hex digits. Returns the length, 0 if it is none. */
static size_t socket_len(const char *text)
{
	static const char dir[] = "/run/containerd/s/";
	size_t len = sizeof(dir) - 1;

	if (!starts(text, dir) || strspn(text + len, "0123456789abcdef") < 64)
		return 0;
	return len + 64;
}

static size_t replace_known(struct world *world, struct buf *out, const char *text)
{
	const struct {
		const char *from;
		const char *to;
	} table[] = {
		{ world->state, "$BUNDLES" }, { world->io, "$IO" },
		{ world->work, "$WORK" },     { world->rootfs, "$ROOTFS" },
		{ world->oracle, "$ORACLE" }, { world->shim, "$SHIM" },
		{ world->ns, "$NS" },
	};
	size_t len = socket_len(text);

	if (len) {
		uint64_t value = strtoull((char[17]){ text[18], text[19], text[20], text[21],
						      text[22], text[23], text[24], text[25],
						      text[26], text[27], text[28], text[29], 0 },
					  NULL, 16);
		buf_print(out, "$SOCKET%d", known_index(&world->sockets, value));
		return len;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (starts(text, table[i].from)) {
			buf_print(out, "%s", table[i].to);
			return strlen(table[i].from);
		}
	}
	for (size_t i = 0; random_after[i]; i++) {
		len = strlen(random_after[i]);
		if (starts(text, random_after[i]) && isdigit((unsigned char)text[len])) {
			buf_print(out, "%sN", random_after[i]);
			return len + strspn(text + len, "0123456789");
		}
	}
	return 0;
}

char *normalise(struct world *world, const char *text, size_t len)
{
	struct buf out = { 0 };
	char *copy = strndup(text, len); /* NUL-terminated: prefixes are compared as text */
	size_t at = 0;

	if (!copy)
		abort();
	len = strlen(copy);
	while (at < len) {
		size_t used = replace_known(world, &out, copy + at);

		if (used == 0) {
			if (buf_add(&out, copy + at, 1, BYTES_MAX) < 0)
				abort();
			used = 1;
		}
		at += used;
	}
	free(copy);
	if (buf_add(&out, "", 1, BYTES_MAX) < 0)
		abort();
	return (char *)out.data;
}

/* Printable text stays; a line end is left to the caller. */
static void put_escaped(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];

		if (c == '\r')
			printf("\\r");
		else if (c == '\n')
			printf("\\n");
		else if (c == '\t')
			printf("\\t");
		else if (c < ' ' || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

void say(struct world *world, const char *fmt, ...)
{
	va_list args;
	char *text;
	char *clean;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	clean = normalise(world, text, strlen(text));
	put_escaped((const uint8_t *)clean, strlen(clean));
	putchar('\n');
	(void)fflush(stdout);
	free(clean);
	free(text);
}

void say_bytes(struct world *world, const char *prefix, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		const uint8_t *end = memchr(bytes, '\n', len);
		size_t line = end ? (size_t)(end - bytes) : len;
		char *clean = normalise(world, (const char *)bytes, line);

		printf("%s", prefix);
		put_escaped((const uint8_t *)clean, strlen(clean));
		printf("%s\n", end ? "" : "\\");
		free(clean);
		line += end ? 1 : 0;
		bytes += line;
		len -= line;
	}
	(void)fflush(stdout);
}

void fail(struct world *world, const char *fmt, ...)
{
	va_list args;
	char text[4096];

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	say(world, "driver: line %d: %s", world->line, text);
	world_clean(world);
	exit(2);
}
