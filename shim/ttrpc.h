/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc frames: bytes to frame and back. Pure; no socket here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	TTRPC_HEADER_BYTES = 10,
	TTRPC_DATA_MAX_BYTES = 4 << 20, /* ttrpc PROTOCOL.md, "Message Frame" */
};

enum ttrpc_type {
	TTRPC_REQUEST = 1,
	TTRPC_RESPONSE = 2,
	TTRPC_DATA = 3,
};

struct ttrpc_header {
	uint32_t data_bytes; /* behind the header */
	uint32_t stream;     /* odd: opened by the client */
	uint8_t type;	     /* enum ttrpc_type, or one that nobody knows yet */
	uint8_t flags;
};

/* Read a header from exactly TTRPC_HEADER_BYTES bytes. Never fails: any bytes are a header. */
struct ttrpc_header ttrpc_header_read(const uint8_t *bytes);

/* Write a header into exactly TTRPC_HEADER_BYTES bytes. */
void ttrpc_header_write(const struct ttrpc_header *header, uint8_t *bytes);

/* What a connection does with the bytes that arrive; the reader holds no memory but the frame under
 * way. */
enum ttrpc_verdict {
	TTRPC_MORE,    /* needs more input */
	TTRPC_FRAME,   /* a whole frame */
	TTRPC_TOO_BIG, /* a frame over the limit was skipped; header tells which stream */
	TTRPC_NOMEM,   /* a frame was skipped because memory is gone */
};

struct ttrpc_reader {
	uint8_t head[TTRPC_HEADER_BYTES];
	size_t head_bytes; /* of the header, collected so far */
	struct ttrpc_header header;
	uint8_t *data;	   /* owned; the frame under way when it did not arrive in one piece */
	size_t data_bytes; /* collected so far */
	size_t data_room;  /* allocated: grows with what arrives, never with what is announced */
	size_t skip_bytes; /* still to throw away */
	enum ttrpc_verdict skip_verdict;
};

struct ttrpc_frame {
	struct ttrpc_header header;
	const uint8_t *data; /* header.data_bytes; borrowed from the input or the reader: valid
				until the next call */
};

/* Free what the reader holds; it is ready for a new connection. */
void ttrpc_reader_done(struct ttrpc_reader *reader);

/*
 * Take input until one frame is whole, one was skipped, or the input is used up.
 *
 * in, len   borrowed
 * used      how much of it was taken
 * frame     written with every verdict but TTRPC_MORE; with a skipped one only its header counts
 */
enum ttrpc_verdict ttrpc_read(struct ttrpc_reader *reader, const uint8_t *in, size_t len,
			      size_t *used, struct ttrpc_frame *frame);
