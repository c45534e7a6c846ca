/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/ours.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clean.h"
#include "config/base/sha256.h"

enum { DIGEST_BYTES = 8, DIGEST_ROOM = 2 * DIGEST_BYTES + 1 };

#define MARK "written by azlctl, digest "
#define WAY  "; edit /etc/azl/host.json instead, then azlctl apply"

/* JSON has no comments: there the line is the first key of the object, which readers pass over. */
static const struct form {
	const char *first; /* of a content of this form */
	const char *mark;
	const char *end;
} forms[] = {
	{ "{\n", "{ \"//\": \"" MARK, WAY "\",\n" },
	{ "", "# " MARK, WAY "\n" },
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

static void digest_of(char text[DIGEST_ROOM], const char *content, size_t len)
{
	uint8_t digest[SHA256_BYTES];

	sha256(content, len, digest);
	for (int i = 0; i < DIGEST_BYTES; i++)
		(void)snprintf(text + (ptrdiff_t)2 * i, 3, "%02x", digest[i]);
}

char *ours_mark(const char *content)
{
	const struct form *form = forms;
	char digest[DIGEST_ROOM];
	char *text = NULL;

	while (strncmp(content, form->first, strlen(form->first)) != 0)
		form++;
	content += strlen(form->first);
	digest_of(digest, content, strlen(content));
	if (asprintf(&text, "%s%s%s%s", form->mark, digest, form->end, content) < 0)
		return NULL;
	return text;
}

static enum ours judge(const char *text, size_t len, const char *mark)
{
	size_t head = strlen(mark);
	char digest[DIGEST_ROOM];
	const char *end;

	if (len < head || memcmp(text, mark, head) != 0)
		return OURS_FOREIGN;
	end = memchr(text, '\n', len);
	if (!end || len - head < DIGEST_ROOM)
		return OURS_CHANGED;
	end++;
	digest_of(digest, end, len - (size_t)(end - text));
	return memcmp(text + head, digest, DIGEST_ROOM - 1) == 0 ? OURS_INTACT : OURS_CHANGED;
}

enum ours ours_judge(const char *text, size_t len)
{
	enum ours ours = OURS_FOREIGN;

	for (int i = 0; i < FORMS && ours == OURS_FOREIGN; i++)
		ours = judge(text, len, forms[i].mark);
	return ours;
}
