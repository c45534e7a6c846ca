/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ttrpc.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/bytes.h"

enum { TTRPC_ROOM_FIRST = 4096 };

struct ttrpc_header ttrpc_header_read(const uint8_t *bytes)
{
	return (struct ttrpc_header){
		.data_bytes = bytes_get_u32(bytes),
		.stream = bytes_get_u32(bytes + 4),
		.type = bytes[8],
		.flags = bytes[9],
	};
}

void ttrpc_header_write(const struct ttrpc_header *header, uint8_t *bytes)
{
	bytes_put_u32(bytes, header->data_bytes);
	bytes_put_u32(bytes + 4, header->stream);
	bytes[8] = header->type;
	bytes[9] = header->flags;
}

void ttrpc_reader_done(struct ttrpc_reader *reader)
{
	free(reader->data);
	*reader = (struct ttrpc_reader){ 0 };
}

/* Collect the header. Returns how much input it took. */
static size_t take_head(struct ttrpc_reader *reader, const uint8_t *in, size_t len)
{
	size_t want = TTRPC_HEADER_BYTES - reader->head_bytes;
	size_t n = len < want ? len : want;

	memcpy(reader->head + reader->head_bytes, in, n);
	reader->head_bytes += n;
	if (reader->head_bytes < TTRPC_HEADER_BYTES)
		return n;
	reader->header = ttrpc_header_read(reader->head);
	if (reader->header.data_bytes > TTRPC_DATA_MAX_BYTES) {
		reader->skip_bytes = reader->header.data_bytes;
		reader->skip_verdict = TTRPC_TOO_BIG;
	}
	return n;
}

/* Room for n more bytes of data; growth doubles so that a slow sender costs little. */
static int make_room(struct ttrpc_reader *reader, size_t n)
{
	size_t want = reader->data_bytes + n;
	size_t room = reader->data_room ? reader->data_room : TTRPC_ROOM_FIRST;
	uint8_t *data;

	if (want <= reader->data_room)
		return 0;
	while (room < want)
		room *= 2;
	data = realloc(reader->data, room);
	if (!data)
		return -1;
	reader->data = data;
	reader->data_room = room;
	return 0;
}

static enum ttrpc_verdict finish(struct ttrpc_reader *reader, struct ttrpc_frame *frame,
				 const uint8_t *data, enum ttrpc_verdict verdict)
{
	frame->header = reader->header;
	frame->data = data;
	reader->head_bytes = 0;
	reader->data_bytes = 0;
	return verdict;
}

/* Collect data that came in pieces. */
static enum ttrpc_verdict take_data(struct ttrpc_reader *reader, const uint8_t *in, size_t len,
				    size_t *used, struct ttrpc_frame *frame)
{
	size_t want = reader->header.data_bytes - reader->data_bytes;
	size_t n = len < want ? len : want;

	if (reader->data_bytes == 0 && n == want) { /* whole in the input: no copy */
		*used += n;
		return finish(reader, frame, in, TTRPC_FRAME);
	}
	if (n == 0)
		return TTRPC_MORE;
	if (make_room(reader, n) < 0) {
		reader->skip_bytes = want;
		reader->skip_verdict = TTRPC_NOMEM;
		return TTRPC_MORE;
	}
	memcpy(reader->data + reader->data_bytes, in, n);
	reader->data_bytes += n;
	*used += n;
	if (n < want)
		return TTRPC_MORE;
	return finish(reader, frame, reader->data, TTRPC_FRAME);
}

enum ttrpc_verdict ttrpc_read(struct ttrpc_reader *reader, const uint8_t *in, size_t len,
			      size_t *used, struct ttrpc_frame *frame)
{
	*used = 0;
	if (reader->head_bytes == 0 &&
	    reader->data) { /* the frame handed out last time is done with */
		free(reader->data);
		reader->data = NULL;
		reader->data_room = 0;
	}
	if (reader->head_bytes < TTRPC_HEADER_BYTES)
		*used = take_head(reader, in, len);
	if (reader->head_bytes < TTRPC_HEADER_BYTES)
		return TTRPC_MORE;
	if (reader->skip_bytes == 0) {
		enum ttrpc_verdict verdict =
			take_data(reader, in + *used, len - *used, used, frame);

		if (verdict == TTRPC_FRAME || reader->skip_bytes == 0)
			return verdict;
	}
	if (len - *used < reader->skip_bytes) {
		reader->skip_bytes -= len - *used;
		*used = len;
		return TTRPC_MORE;
	}
	*used += reader->skip_bytes;
	reader->skip_bytes = 0;
	return finish(reader, frame, NULL, reader->skip_verdict);
}
