/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/ours.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clean.h"
#include "config/base/sha256.h"

enum { DIGEST_BYTES = 8, DIGEST_ROOM = 2 * DIGEST_BYTES + 1 };

static const char mark[] = "# written by azlctl, digest ";
static const char mark_end[] = "; edit /etc/azl/host.json instead, then azlctl apply\n";

static void digest_of(char text[DIGEST_ROOM], const char *content, size_t len)
{
	uint8_t digest[SHA256_BYTES];

	sha256(content, len, digest);
	for (int i = 0; i < DIGEST_BYTES; i++)
		(void)snprintf(text + (ptrdiff_t)2 * i, 3, "%02x", digest[i]);
}

char *ours_mark(const char *content)
{
	char digest[DIGEST_ROOM];
	char *text = NULL;

	digest_of(digest, content, strlen(content));
	if (asprintf(&text, "%s%s%s%s", mark, digest, mark_end, content) < 0)
		return NULL;
	return text;
}

enum ours ours_judge(const char *text, size_t len)
{
	size_t head = sizeof(mark) - 1;
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
