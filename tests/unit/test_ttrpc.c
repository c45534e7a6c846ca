/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ttrpc.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/guard.h"
#include "tests/unit/test.h"

/* Three frames: of 5, 0 and 300 bytes. */
static size_t three_frames(uint8_t *out)
{
	static const uint32_t sizes[] = { 5, 0, 300 };
	size_t used = 0;

	for (uint32_t i = 0; i < 3; i++) {
		struct ttrpc_header header = {
			.data_bytes = sizes[i],
			.stream = 2 * i + 1,
			.type = TTRPC_REQUEST,
			.flags = (uint8_t)i,
		};

		ttrpc_header_write(&header, out + used);
		used += TTRPC_HEADER_BYTES;
		memset(out + used, (int)('a' + i), sizes[i]);
		used += sizes[i];
	}
	return used;
}

/* Check that frame number `i` of three_frames came out. */
static void check_frame(int i, const struct ttrpc_frame *frame)
{
	static const uint32_t sizes[] = { 5, 0, 300 };
	bool same = true;

	CHECK(frame->header.data_bytes == sizes[i]);
	CHECK(frame->header.stream == 2 * (uint32_t)i + 1);
	CHECK(frame->header.type == TTRPC_REQUEST);
	CHECK(frame->header.flags == i);
	for (uint32_t k = 0; k < frame->header.data_bytes; k++)
		same = same && frame->data[k] == 'a' + i;
	CHECK(same);
}

/* Feed one piece, from memory that ends with it. Returns how many frames are complete by now. */
static int feed(struct ttrpc_reader *reader, const uint8_t *bytes, size_t len, int frames)
{
	struct guard guard = guard_copy(bytes, len);
	size_t at = 0;

	for (;;) {
		struct ttrpc_frame frame = { 0 };
		size_t used = 0;
		enum ttrpc_verdict verdict =
			ttrpc_read(reader, guard.bytes + at, len - at, &used, &frame);

		at += used;
		CHECK(at <= len);
		if (verdict == TTRPC_MORE)
			break;
		CHECK(verdict == TTRPC_FRAME);
		check_frame(frames++, &frame);
	}
	CHECK(at == len);
	guard_done(&guard);
	return frames;
}

TEST(writes_the_header_in_network_order)
{
	struct ttrpc_header header = { 0x01020304, 0x05060708, TTRPC_RESPONSE, 9 };
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 2, 9 };
	uint8_t bytes[TTRPC_HEADER_BYTES];
	struct ttrpc_header back;

	ttrpc_header_write(&header, bytes);
	CHECK(memcmp(bytes, want, sizeof(want)) == 0);
	back = ttrpc_header_read(bytes);
	CHECK(back.data_bytes == header.data_bytes && back.stream == header.stream);
	CHECK(back.type == header.type && back.flags == header.flags);
}

TEST(reads_frames_cut_at_every_byte)
{
	uint8_t bytes[400];
	size_t len = three_frames(bytes);

	for (size_t cut = 0; cut <= len; cut++) {
		struct ttrpc_reader reader = { 0 };
		int frames = feed(&reader, bytes, cut, 0);

		CHECK(feed(&reader, bytes + cut, len - cut, frames) == 3);
		ttrpc_reader_done(&reader);
	}
}

TEST(reads_frames_byte_by_byte)
{
	uint8_t bytes[400];
	size_t len = three_frames(bytes);
	struct ttrpc_reader reader = { 0 };
	int frames = 0;

	for (size_t i = 0; i < len; i++)
		frames = feed(&reader, bytes + i, 1, frames);
	CHECK(frames == 3);
	ttrpc_reader_done(&reader);
}

TEST(holds_no_memory_between_frames)
{
	uint8_t bytes[400];
	size_t len = three_frames(bytes);
	struct ttrpc_reader reader = { 0 };

	CHECK(feed(&reader, bytes, len - 1, 0) == 2);
	CHECK(reader.data != NULL);
	CHECK(feed(&reader, bytes + len - 1, 1, 2) == 3);
	CHECK(!reader.data && reader.data_room == 0);
	ttrpc_reader_done(&reader);
}

TEST(takes_memory_for_what_came_and_not_for_what_is_announced)
{
	struct ttrpc_header header = { TTRPC_DATA_MAX_BYTES, 1, TTRPC_REQUEST, 0 };
	uint8_t bytes[TTRPC_HEADER_BYTES + 100] = { 0 };
	struct ttrpc_reader reader = { 0 };

	ttrpc_header_write(&header, bytes);
	CHECK(feed(&reader, bytes, sizeof(bytes), 0) == 0);
	CHECK(reader.data_room <= 4096);
	ttrpc_reader_done(&reader);
	CHECK(!reader.data);
}

/* Announce `announced` bytes, send them, and see that the frame behind is read again. */
static void check_skip(uint32_t announced)
{
	struct ttrpc_header header = { announced, 7, TTRPC_REQUEST, 0 };
	uint8_t head[TTRPC_HEADER_BYTES];
	static const uint8_t piece[65536];
	struct ttrpc_reader reader = { 0 };
	struct ttrpc_frame frame = { 0 };
	enum ttrpc_verdict verdict;
	size_t used;
	uint64_t left = announced;

	ttrpc_header_write(&header, head);
	verdict = ttrpc_read(&reader, head, sizeof(head), &used, &frame);
	CHECK(verdict == TTRPC_MORE && used == sizeof(head));
	while (left > 0 && verdict == TTRPC_MORE) {
		size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);

		verdict = ttrpc_read(&reader, piece, n, &used, &frame);
		CHECK(used == n);
		left -= used;
	}
	CHECK(left == 0 && verdict == TTRPC_TOO_BIG);
	CHECK(frame.header.stream == 7 && frame.header.data_bytes == announced);
	CHECK(!reader.data);
	CHECK(feed(&reader, (const uint8_t *)"\0\0\0\5\0\0\0\1\1\0aaaaa", 15, 0) == 1);
	ttrpc_reader_done(&reader);
}

TEST(skips_a_frame_over_the_limit_and_goes_on)
{
	check_skip(TTRPC_DATA_MAX_BYTES + 1);
	check_skip(3U * TTRPC_DATA_MAX_BYTES);
}

TEST(never_reads_beyond_the_end_of_a_skipped_frame)
{
	uint8_t bytes[400];
	struct ttrpc_header header = { UINT32_MAX, 7, TTRPC_REQUEST, 0 };
	struct ttrpc_reader reader = { 0 };
	struct ttrpc_frame frame;
	size_t used;

	memset(bytes, 0, sizeof(bytes));
	ttrpc_header_write(&header, bytes);
	CHECK(ttrpc_read(&reader, bytes, sizeof(bytes), &used, &frame) == TTRPC_MORE);
	CHECK(used == sizeof(bytes));
	CHECK(reader.skip_bytes == UINT32_MAX - (sizeof(bytes) - TTRPC_HEADER_BYTES));
	ttrpc_reader_done(&reader);
}

TEST(reads_a_frame_of_the_largest_size_from_one_piece_and_from_many)
{
	size_t len = TTRPC_HEADER_BYTES + TTRPC_DATA_MAX_BYTES;
	uint8_t *bytes = calloc(1, len);
	struct ttrpc_header header = { TTRPC_DATA_MAX_BYTES, 3, 99, 0 };
	struct ttrpc_reader reader = { 0 };
	struct ttrpc_frame frame = { 0 };
	size_t at = 0;
	size_t used;

	ttrpc_header_write(&header, bytes);
	CHECK(ttrpc_read(&reader, bytes, len, &used, &frame) == TTRPC_FRAME);
	CHECK(used == len && frame.data == bytes + TTRPC_HEADER_BYTES && !reader.data);
	while (at < len) {
		size_t n = len - at < 60000 ? len - at : 60000;
		enum ttrpc_verdict verdict = ttrpc_read(&reader, bytes + at, n, &used, &frame);

		CHECK(used == n);
		at += used;
		CHECK((verdict == TTRPC_FRAME) == (at == len));
	}
	CHECK(frame.header.type == 99 && reader.data_room <= 2 * TTRPC_DATA_MAX_BYTES);
	CHECK(memcmp(frame.data, bytes + TTRPC_HEADER_BYTES, TTRPC_DATA_MAX_BYTES) == 0);
	ttrpc_reader_done(&reader);
	free(bytes);
}
