/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte tells how long the pieces are; the same frames must come whatever the pieces. */
#include "tests/fuzz/fuzz.h"

#include "shim/ttrpc.h"

enum { FNV_START = 0x811c9dc5, FNV_PRIME = 0x01000193 };

struct sum {
	uint32_t hash; /* over all that came out */
	int frames;
};

static void add(struct sum *sum, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum->hash = (sum->hash ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
}

/* Feed one piece, alone in memory. */
static void feed(struct ttrpc_reader *reader, const uint8_t *data, size_t size, struct sum *sum)
{
	uint8_t *copy = fuzz_copy(data, size);
	size_t at = 0;
	enum ttrpc_verdict verdict;

	do {
		struct ttrpc_frame frame = { 0 };
		uint8_t head[TTRPC_HEADER_BYTES];
		size_t used;

		verdict = ttrpc_read(reader, copy + at, size - at, &used, &frame);
		FUZZ_CHECK(used <= size - at);
		at += used;
		FUZZ_CHECK(reader->data_room <= 2 * (size_t)TTRPC_DATA_MAX_BYTES);
		if (verdict == TTRPC_MORE)
			break;
		FUZZ_CHECK(verdict == TTRPC_FRAME || verdict == TTRPC_TOO_BIG);
		FUZZ_CHECK((frame.header.data_bytes > TTRPC_DATA_MAX_BYTES) ==
			   (verdict == TTRPC_TOO_BIG));
		ttrpc_header_write(&frame.header, head);
		add(sum, head, sizeof(head));
		if (verdict == TTRPC_FRAME)
			add(sum, frame.data, frame.header.data_bytes);
		sum->frames++;
	} while (verdict != TTRPC_MORE);
	FUZZ_CHECK(at == size);
	free(copy);
}

static struct sum run(const uint8_t *data, size_t size, size_t piece)
{
	struct ttrpc_reader reader = { 0 };
	struct sum sum = { .hash = FNV_START };

	for (size_t at = 0; at < size; at += piece)
		feed(&reader, data + at, size - at < piece ? size - at : piece, &sum);
	ttrpc_reader_done(&reader);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum whole;
	struct sum pieces;

	if (size < 1)
		return 0;
	whole = run(data + 1, size - 1, size);
	pieces = run(data + 1, size - 1, (size_t)data[0] + 1);
	FUZZ_CHECK(whole.hash == pieces.hash && whole.frames == pieces.frames);
	return 0;
}
