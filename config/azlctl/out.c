/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/out.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/base/err.h"

enum { OUT_DEPTH = sizeof(((struct out_json *)0)->first) / sizeof(bool) };

/* Bytes of the UTF-8 sequence that a text begins with; 0: it begins with none (RFC 3629). */
static size_t utf8_len(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

/* Names of files may be any bytes; JSON may not: what is no text becomes U+FFFD. */
static void put_text(FILE *out, const char *text)
{
	(void)fputc('"', out);
	while (*text) {
		unsigned char c = (unsigned char)*text;
		size_t len = utf8_len(text);

		if (len == 0)
			(void)fputs("\xef\xbf\xbd", out);
		else if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c == '\n')
			(void)fputs("\\n", out);
		else if (c < ' ')
			(void)fprintf(out, "\\u%04x", c);
		else
			(void)fwrite(text, 1, len, out);
		text += len ? len : 1;
	}
	(void)fputc('"', out);
}

void out_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* The comma, the line and the key in front of a value. */
static void put_place(struct out_json *json, const char *key)
{
	if (json->depth > 0) {
		(void)fputs(json->first[json->depth] ? "\n" : ",\n", json->out);
		(void)fprintf(json->out, "%*s", (int)json->depth * 2, "");
		json->first[json->depth] = false;
	}
	if (key) {
		put_text(json->out, key);
		(void)fputs(": ", json->out);
	}
}

static void open_level(struct out_json *json, const char *key, char bracket)
{
	put_place(json, key);
	(void)fputc(bracket, json->out);
	json->depth++;
	assert(json->depth < OUT_DEPTH);
	json->first[json->depth] = true;
}

static void close_level(struct out_json *json, char bracket)
{
	bool empty;

	assert(json->depth > 0);
	empty = json->first[json->depth];
	json->depth--;
	if (!empty)
		(void)fprintf(json->out, "\n%*s", (int)json->depth * 2, "");
	(void)fputc(bracket, json->out);
}

void out_json_begin(struct out_json *json, FILE *out)
{
	*json = (struct out_json){ .out = out };
}

void out_json_object(struct out_json *json, const char *key)
{
	open_level(json, key, '{');
}

void out_json_array(struct out_json *json, const char *key)
{
	open_level(json, key, '[');
}

void out_json_end_object(struct out_json *json)
{
	close_level(json, '}');
}

void out_json_end_array(struct out_json *json)
{
	close_level(json, ']');
}

void out_json_string(struct out_json *json, const char *key, const char *text)
{
	if (!text) {
		out_json_null(json, key);
		return;
	}
	put_place(json, key);
	put_text(json->out, text);
}

void out_json_number(struct out_json *json, const char *key, uint64_t number)
{
	put_place(json, key);
	(void)fprintf(json->out, "%" PRIu64, number);
}

void out_json_real(struct out_json *json, const char *key, double number)
{
	put_place(json, key);
	(void)fprintf(json->out, "%.3f", number);
}

void out_json_bool(struct out_json *json, const char *key, bool value)
{
	put_place(json, key);
	(void)fputs(value ? "true" : "false", json->out);
}

void out_json_null(struct out_json *json, const char *key)
{
	put_place(json, key);
	(void)fputs("null", json->out);
}

void out_json_finish(struct out_json *json)
{
	assert(json->depth == 0);
	(void)fputc('\n', json->out);
}

const char *out_colour(bool colour, enum out_colour which)
{
	static const char *const codes[] = {
		[OUT_PLAIN] = "\033[0m",  [OUT_BOLD] = "\033[1m",    [OUT_DIM] = "\033[2m",
		[OUT_GREEN] = "\033[32m", [OUT_YELLOW] = "\033[33m", [OUT_RED] = "\033[31m",
	};

	return colour ? codes[which] : "";
}

const char *out_bytes(uint64_t bytes, char text[OUT_BYTES_ROOM])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes == UINT64_MAX) {
		memcpy(text, "max", sizeof("max"));
		return text;
	}
	if (bytes < 1024) {
		(void)snprintf(text, OUT_BYTES_ROOM, "%" PRIu64 " B", bytes);
		return text;
	}
	for (; value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1024;
	(void)snprintf(text, OUT_BYTES_ROOM, "%.1f %s", value, units[unit]);
	return text;
}

int azlctl_fail(const char *command, const char *fmt, ...)
{
	va_list args;

	(void)fprintf(stderr, "azlctl %s: ", command);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return AZLCTL_FAILED;
}

bool azlctl_answered(FILE *out, const char *command)
{
	errno = 0;
	if (fflush(out) == 0 && !ferror(out))
		return true;
	(void)azlctl_fail(command, "write the answer: %s",
			  errno ? err_reason(errno) : "a part of it is lost");
	clearerr(out);
	return false;
}
