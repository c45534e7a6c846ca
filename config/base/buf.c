/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

uint8_t *buf_reserve(struct buf *buf, size_t more, size_t limit)
{
	size_t want;
	size_t room = buf->room ? buf->room : BUF_FIRST_BYTES;
	uint8_t *data;

	if (__builtin_add_overflow(buf->len, more, &want) || want > limit)
		return NULL;
	if (want <= buf->room)
		return buf->data + buf->len;
	if (want > SIZE_MAX / 2)
		return NULL;
	while (room < want)
		room *= 2;
	data = realloc(buf->data, room);
	if (!data)
		return NULL;
	buf->data = data;
	buf->room = room;
	return data + buf->len;
}

int buf_add(struct buf *buf, const void *bytes, size_t len, size_t limit)
{
	size_t want;
	uint8_t *at;

	if (__builtin_add_overflow(buf->len, len, &want) || want > limit)
		return -EMSGSIZE;
	if (len == 0)
		return 0;
	at = buf_reserve(buf, len, limit);
	if (!at)
		return -ENOMEM;
	memcpy(at, bytes, len);
	buf->len += len;
	return 0;
}

int buf_add_text(struct buf *buf, const char *text, size_t limit)
{
	return buf_add(buf, text, strlen(text), limit);
}

void buf_drop(struct buf *buf, size_t len)
{
	buf->len -= len;
	if (buf->len)
		memmove(buf->data, buf->data + len, buf->len);
}
