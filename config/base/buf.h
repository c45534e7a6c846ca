/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes with a limit. An empty buffer holds no memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned; NULL when empty and never grown */
	size_t len;    /* bytes in use */
	size_t room;   /* bytes allocated */
};

/* Free the content; the buffer is empty and usable again. */
void buf_done(struct buf *buf);

/*
 * Make room for `more` bytes behind the content, never beyond `limit` bytes in all.
 *
 * Returns where the bytes go, or NULL: no memory, or over the limit. The content is unchanged.
 */
uint8_t *buf_reserve(struct buf *buf, size_t more, size_t limit);

/* Append bytes (copied). Returns 0, or -ENOMEM / -EMSGSIZE with the content unchanged. */
int buf_add(struct buf *buf, const void *bytes, size_t len, size_t limit);

/* Append text without its NUL. As buf_add. */
int buf_add_text(struct buf *buf, const char *text, size_t limit);

/* Drop `len` bytes from the front. */
void buf_drop(struct buf *buf, size_t len);
