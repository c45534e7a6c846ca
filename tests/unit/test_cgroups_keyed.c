/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "cgroups/keyed.h"
#include "tests/unit/test.h"

/* A text at the very end of its memory, so that reading past it is seen. */
static struct cg_text exact(const char *text, char **memory)
{
	size_t len = strlen(text);

	*memory = malloc(len ? len : 1);
	memcpy(*memory, text, len);
	return (struct cg_text){ *memory, len };
}

static int value_of(const char *text, uint64_t *value)
{
	char *memory;
	int code = cg_keyed_value(exact(text, &memory), value);

	free(memory);
	return code;
}

TEST(reads_a_number_and_max)
{
	uint64_t value = 7;

	CHECK(value_of("42\n", &value) == 0 && value == 42);
	CHECK(value_of("  42", &value) == 0 && value == 42);
	CHECK(value_of("max\n", &value) == 0 && value == UINT64_MAX);
	CHECK(value_of("18446744073709551615", &value) == 0 && value == UINT64_MAX);
}

TEST(takes_a_negative_number_for_nothing)
{
	uint64_t value = 7;

	CHECK(value_of("-1\n", &value) == 0 && value == 0);
	value = 7;
	CHECK(value_of("-x\n", &value) == -EINVAL && value == 7);
	CHECK(value_of("-\n", &value) == -EINVAL && value == 7);
}

TEST(refuses_what_is_no_single_value)
{
	uint64_t value = 7;

	CHECK(value_of("", &value) == -EINVAL);
	CHECK(value_of("\n", &value) == -EINVAL);
	CHECK(value_of("max 100000\n", &value) == -EINVAL);
	CHECK(value_of("1x", &value) == -EINVAL);
	CHECK(value_of("18446744073709551616", &value) == -ERANGE);
	CHECK(value == 7);
}

TEST(finds_the_whole_key_only)
{
	char *memory;
	struct cg_text text = exact("oom_kill 3\noom 7\nhalf", &memory);
	uint64_t value = 0;

	CHECK(cg_keyed_find(text, "oom", &value) == 1 && value == 7);
	CHECK(cg_keyed_find(text, "oom_kill", &value) == 1 && value == 3);
	CHECK(cg_keyed_find(text, "half", &value) == 0);
	CHECK(cg_keyed_find(text, "o", &value) == 0);
	CHECK(value == 3);
	free(memory);
}

TEST(finds_a_controller_by_its_whole_name)
{
	struct cg_text text = cg_keyed_text("cpuset cpu io\n");

	CHECK(cg_keyed_lists(text, cg_keyed_text("cpu")) == 1);
	CHECK(cg_keyed_lists(text, cg_keyed_text("io")) == 1);
	CHECK(cg_keyed_lists(text, cg_keyed_text("set")) == 0);
	CHECK(cg_keyed_lists(cg_keyed_text(""), cg_keyed_text("cpu")) == 0);
}

TEST(cuts_lines_with_and_without_the_last_newline)
{
	char *memory;
	struct cg_text rest = exact("a\n\nb", &memory);
	struct cg_text line;

	CHECK(cg_keyed_line(&rest, &line) == 1 && cg_keyed_equal(line, "a"));
	CHECK(cg_keyed_line(&rest, &line) == 1 && line.len == 0);
	CHECK(cg_keyed_line(&rest, &line) == 1 && cg_keyed_equal(line, "b"));
	CHECK(cg_keyed_line(&rest, &line) == 0);
	free(memory);
}

TEST(splits_a_pair_at_the_first_mark)
{
	struct cg_text key;
	struct cg_text value;

	CHECK(cg_keyed_pair(cg_keyed_text("rbytes=1=2"), &key, &value) == 0);
	CHECK(cg_keyed_equal(key, "rbytes") && cg_keyed_equal(value, "1=2"));
	CHECK(cg_keyed_pair(cg_keyed_text("="), &key, &value) == 0 && key.len == 0 && !value.len);
	CHECK(cg_keyed_pair(cg_keyed_text("rbytes"), &key, &value) == -EINVAL);
	CHECK(cg_keyed_pair(cg_keyed_text(""), &key, &value) == -EINVAL);
}

TEST(reads_a_device_number)
{
	uint64_t major = 1;
	uint64_t minor = 1;

	CHECK(cg_keyed_device(cg_keyed_text("259:12"), &major, &minor) == 0);
	CHECK(major == 259 && minor == 12);
	CHECK(cg_keyed_device(cg_keyed_text("259"), &major, &minor) == -EINVAL);
	CHECK(cg_keyed_device(cg_keyed_text(":1"), &major, &minor) == -EINVAL);
	CHECK(cg_keyed_device(cg_keyed_text("8:"), &major, &minor) == -EINVAL);
	CHECK(cg_keyed_device(cg_keyed_text("8:0:1"), &major, &minor) == -EINVAL);
	CHECK(major == 259);
}

TEST(reads_a_pressure_line_to_the_nearest_double)
{
	struct cg_psi_line line = { 0 };
	struct cg_text rest = cg_keyed_text(" avg10=0.29 avg60=12.07 avg300=100.00 total=123456");

	CHECK(cg_keyed_psi(rest, &line) == 0);
	CHECK(line.present && line.total_usec == 123456);
	CHECK(line.avg10 == 0.29 && line.avg60 == 12.07 && line.avg300 == 100.0);
}

TEST(refuses_a_broken_pressure_line)
{
	static const char *const broken[] = { "avg10",	     "avg10=",	 "avg10=1.2.3",
					      "avg10=nan",   "total=-1", "avg60=0.1e5",
					      "avg10=.",     "total=",	 "avg10=1234567890123456",
					      "avg10=1 junk" };
	struct cg_psi_line line = { 0 };

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		CHECK(cg_keyed_psi(cg_keyed_text(broken[i]), &line) == -EINVAL);
	CHECK(!line.present);
	CHECK(cg_keyed_psi(cg_keyed_text("avg10=1.00 later=x"), &line) == 0 && line.avg10 == 1);
}

TEST(survives_any_two_bytes)
{
	for (unsigned int i = 0; i < 0x10000; i++) {
		char bytes[2] = { (char)(i & 0xff), (char)(i >> 8) };
		struct cg_text text = { bytes, 2 };
		struct cg_psi_line line;
		struct cg_text key;
		uint64_t value;

		(void)cg_keyed_value(text, &value);
		(void)cg_keyed_flat(text, &key, &value);
		(void)cg_keyed_psi(text, &line);
		(void)cg_keyed_find(text, "a", &value);
	}
	CHECK(true);
}
