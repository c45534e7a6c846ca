/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_scheme_char(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.');
}

size_t uri_scheme_len(const char *text)
{
	size_t len = 0;

	while (is_scheme_char(text[len], len == 0))
		len++;
	return text[len] == ':' ? len : 0;
}

bool uri_has_scheme(const char *text, const char *scheme)
{
	size_t len = uri_scheme_len(text);

	return len > 0 && len == strlen(scheme) && strncmp(text, scheme, len) == 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decode %XX, and '+' as space in a query. NUL bytes are refused: C strings end there. */
static char *decode(const char *text, size_t len, bool query)
{
	char *out = malloc(len + 1);
	size_t used = 0;

	for (size_t i = 0; out && i < len; i++) {
		int high;
		int low;

		if (text[i] != '%') {
			out[used++] = (query && text[i] == '+') ? ' ' : text[i];
			continue;
		}
		high = i + 2 < len ? hex(text[i + 1]) : -1;
		low = i + 2 < len ? hex(text[i + 2]) : -1;
		if (high < 0 || low < 0 || (high == 0 && low == 0)) {
			free(out);
			return NULL;
		}
		out[used++] = (char)(high << 4 | low);
		i += 2;
	}
	if (out)
		out[used] = '\0';
	return out;
}

char *uri_path(const char *text)
{
	size_t scheme = uri_scheme_len(text);

	if (scheme == 0)
		return strdup(text);
	text += scheme + 1;
	if (strncmp(text, "//", 2) == 0) {
		text += 2;
		text += strcspn(text, "/?#"); /* the host, which nobody gives */
	}
	return decode(text, strcspn(text, "?#"), false);
}

static void free_args(char **args, int n)
{
	for (int i = 0; i < n; i++)
		free(args[i]);
	args[0] = NULL;
}

/* True when the key just decoded was seen before: only its first value counts. */
static bool is_repeated(char *const *args, int n)
{
	for (int i = 0; i < n; i += 2)
		if (strcmp(args[i], args[n]) == 0)
			return true;
	return false;
}

int uri_query_args(const char *text, char **args)
{
	const char *at = strchr(text, '?');
	int n = 0;

	args[0] = NULL;
	at = at ? at + 1 : "";
	while (*at && *at != '#') {
		size_t len = strcspn(at, "&#");
		const char *equals = memchr(at, '=', len);
		size_t key = equals ? (size_t)(equals - at) : len;

		if (n + 3 > URI_ARGS_MAX) {
			free_args(args, n);
			return -E2BIG;
		}
		if (len > 0) {
			args[n] = decode(at, key, true);
			args[n + 1] = equals ? decode(equals + 1, len - key - 1, true) : strdup("");
			if (!args[n] || !args[n + 1]) {
				free_args(args, n + 2);
				return -EINVAL;
			}
			if (is_repeated(args, n)) {
				free(args[n]);
				free(args[n + 1]);
			} else {
				n += 2;
			}
		}
		at += len + (at[len] == '&');
	}
	args[n] = NULL;
	return n;
}
