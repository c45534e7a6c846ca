/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/mountinfo.h"

#include <errno.h>
#include <string.h>

#include "config/base/num.h"

/* Cut the next field off; NULL when there is none. */
static char *field_next(char **at)
{
	char *field = strsep(at, " ");

	return field && *field ? field : NULL;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* \040 and its kin, in place. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) &&
		    is_octal(text[3])) {
			*out++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

int mountinfo_parse(char *line, struct mountinfo *info)
{
	static const char shared[] = "shared:";
	struct mountinfo got = { 0 };
	char *at = line;
	char *field[6];

	for (size_t i = 0; i < 6; i++) {
		field[i] = field_next(&at);
		if (!field[i])
			return -EBADMSG;
	}
	if (num_u64_parse(field[0], strlen(field[0]), &got.id) < 0 ||
	    num_u64_parse(field[1], strlen(field[1]), &got.parent) < 0)
		return -EBADMSG;
	for (;;) {
		char *tag = field_next(&at);

		if (!tag)
			return -EBADMSG;
		if (strcmp(tag, "-") == 0)
			break;
		if (strncmp(tag, shared, strlen(shared)) == 0 &&
		    num_u64_parse(tag + strlen(shared), strlen(tag + strlen(shared)), &got.peers) <
			    0)
			return -EBADMSG;
	}
	unescape(field[4]);
	got.path = field[4];
	*info = got;
	return 0;
}

bool mountinfo_is_below(const char *path, const char *base)
{
	size_t len = strlen(base);

	return strncmp(path, base, len) == 0 && (path[len] == '\0' || path[len] == '/');
}
