/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/num.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/guard.h"
#include "tests/unit/test.h"

static int parse(const char *text, uint64_t *value)
{
	struct guard guard = guard_copy(text, strlen(text));
	int code = num_u64_parse((const char *)guard.bytes, strlen(text), value);

	guard_done(&guard);
	return code;
}

TEST(reads_every_u64)
{
	uint64_t value = 1;

	CHECK(parse("0", &value) == 0 && value == 0);
	CHECK(parse("007", &value) == 0 && value == 7);
	CHECK(parse("18446744073709551615", &value) == 0 && value == UINT64_MAX);
}

TEST(refuses_what_does_not_fit_and_leaves_the_value)
{
	uint64_t value = 42;

	CHECK(parse("18446744073709551616", &value) == -ERANGE);
	CHECK(parse("99999999999999999999999", &value) == -ERANGE);
	CHECK(value == 42);
}

TEST(refuses_what_is_no_number)
{
	static const char *const texts[] = {
		"", "-1", "+1", " 1", "1 ", "1\n", "0x1", "1e3", "max"
	};
	uint64_t value = 42;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK(parse(texts[i], &value) == -EINVAL);
	CHECK(num_u64_parse("1\0", 2, &value) == -EINVAL);
	CHECK(value == 42);
}

TEST(reads_signed_numbers_to_their_ends)
{
	int64_t value = 0;

	CHECK(num_i64_parse("-9223372036854775808", 20, &value) == 0 && value == INT64_MIN);
	CHECK(num_i64_parse("9223372036854775807", 19, &value) == 0 && value == INT64_MAX);
	CHECK(num_i64_parse("-0", 2, &value) == 0 && value == 0);
	CHECK(num_i64_parse("9223372036854775808", 19, &value) == -ERANGE);
	CHECK(num_i64_parse("-9223372036854775809", 20, &value) == -ERANGE);
	CHECK(num_i64_parse("-", 1, &value) == -EINVAL);
	CHECK(num_i64_parse("--1", 3, &value) == -EINVAL);
	CHECK(num_i64_parse("", 0, &value) == -EINVAL);
}
