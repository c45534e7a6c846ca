/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/overlay_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "shim/mount_options.h"

enum { LOWER_MAX_BYTES = 4 << 20 }; /* a message cannot hold more */

const char overlay_lower_key[] = "lowerdir=";

const char *overlay_layer_next(const char **at, size_t *len)
{
	const char *start = *at;
	const char *end = start;

	if (!start)
		return NULL;
	while (*end && *end != ':')
		end += end[0] == '\\' && end[1] ? 2 : 1;
	*len = (size_t)(end - start);
	*at = *end ? end + 1 : NULL;
	return start;
}

/* Length of the directory that all layers share, its slash included; 0 when there is none. */
static size_t shared_len(const char *lower, size_t *layers)
{
	const char *at = lower;
	const char *first = NULL;
	const char *layer;
	size_t shared = 0;
	size_t len;

	*layers = 0;
	while ((layer = overlay_layer_next(&at, &len))) {
		size_t same = 0;

		if (len == 0)
			continue;
		if ((*layers)++ == 0) {
			first = layer;
			shared = len;
			continue;
		}
		while (same < shared && same < len && layer[same] == first[same])
			same++;
		shared = same;
	}
	while (shared > 0 && first[shared - 1] != '/')
		shared--;
	return shared;
}

int overlay_compact(const char *lower, char **dir, char **text)
{
	size_t layers;
	size_t shared = shared_len(lower, &layers);
	const char *at = lower;
	const char *layer;
	own_mem char *stand = NULL;
	own_mem char *said = NULL;
	char *out;
	size_t len;

	if (layers < 2 || lower[0] != '/' || strspn(lower, "/") >= shared ||
	    memchr(lower, '\\', shared))
		return 0;
	stand = strndup(lower, shared);
	said = malloc(strlen(lower) + layers + 1);
	if (!stand || !said)
		return -ENOMEM;
	out = said;
	while ((layer = overlay_layer_next(&at, &len))) {
		size_t skip = len ? shared : 0;

		while (skip < len && layer[skip] == '/')
			skip++; /* a slash in front would make it absolute again */
		if (out != said)
			*out++ = ':';
		if (len > 0 && skip == len)
			*out++ = '.';
		out = mempcpy(out, layer + skip, len - skip);
	}
	*out = '\0';
	*dir = mem_take(&stand);
	*text = mem_take(&said);
	return 1;
}

size_t overlay_lower_find(const struct mount_options *options)
{
	size_t i = 0;

	while (i < options->n_words &&
	       strncmp(options->words[i], overlay_lower_key, strlen(overlay_lower_key)) != 0)
		i++;
	return i;
}

char *overlay_data(const struct mount_options *options, const char *lower)
{
	struct buf text = { 0 };
	size_t skip = overlay_lower_find(options);
	int code = 0;

	for (size_t i = 0; i < options->n_words && code == 0; i++) {
		if (i == skip)
			continue;
		code = buf_add_text(&text, options->words[i], LOWER_MAX_BYTES);
		if (code == 0)
			code = buf_add_text(&text, ",", LOWER_MAX_BYTES);
	}
	if (code == 0)
		code = buf_add_text(&text, overlay_lower_key, LOWER_MAX_BYTES);
	if (code == 0)
		code = buf_add(&text, lower, strlen(lower) + 1, LOWER_MAX_BYTES);
	if (code < 0)
		buf_done(&text);
	return (char *)text.data;
}
