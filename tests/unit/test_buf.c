/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/buf.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

TEST(holds_no_memory_when_empty)
{
	struct buf buf = { 0 };

	CHECK(buf_add(&buf, "", 0, 10) == 0);
	CHECK(buf_add_text(&buf, "", 0) == 0);
	CHECK(!buf.data && buf.len == 0 && buf.room == 0);
	buf_done(&buf);
	buf_drop(&buf, 0);
}

TEST(grows_and_keeps_what_it_has)
{
	struct buf buf = { 0 };
	bool same = true;

	for (unsigned i = 0; i < 10000; i++) {
		uint8_t byte = (uint8_t)i;

		CHECK(buf_add(&buf, &byte, 1, 10000) == 0);
	}
	for (unsigned i = 0; i < 10000; i++)
		same = same && buf.data[i] == (uint8_t)i;
	CHECK(same && buf.len == 10000);
	buf_done(&buf);
	CHECK(!buf.data);
}

TEST(stops_at_its_limit_unchanged)
{
	struct buf buf = { 0 };

	CHECK(buf_add_text(&buf, "12345", 5) == 0);
	CHECK(buf_add_text(&buf, "6", 5) == -EMSGSIZE);
	CHECK(!buf_reserve(&buf, 1, 5));
	CHECK(buf_reserve(&buf, 0, 5) == buf.data + 5);
	CHECK(buf_add(&buf, "x", SIZE_MAX, SIZE_MAX) == -EMSGSIZE);
	CHECK(!buf_reserve(&buf, SIZE_MAX, SIZE_MAX));
	CHECK(buf.len == 5 && memcmp(buf.data, "12345", 5) == 0);
	buf_done(&buf);
}

TEST(drops_from_the_front)
{
	struct buf buf = { 0 };

	CHECK(buf_add_text(&buf, "abcdef", 100) == 0);
	buf_drop(&buf, 2);
	CHECK(buf.len == 4 && memcmp(buf.data, "cdef", 4) == 0);
	buf_drop(&buf, 4);
	CHECK(buf.len == 0);
	buf_done(&buf);
}
