/* SPDX-License-Identifier: Apache-2.0 */
/* A test program: TEST(name) { CHECK(...); } and nothing else; prints TAP, ends with 1 if one
 * failed. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef void test_fn(void);

struct test {
	const char *name;
	test_fn *run;
};

enum { TEST_MAX = 256 };

static struct test test_list[TEST_MAX];
static int test_count;
static int test_failures; /* of the test that runs */

#define TEST(test_name)                                                                            \
	static void test_##test_name(void);                                                        \
	__attribute__((constructor)) static void test_add_##test_name(void)                        \
	{                                                                                          \
		test_list[test_count].name = #test_name;                                           \
		test_list[test_count].run = test_##test_name;                                      \
		test_count++;                                                                      \
	}                                                                                          \
	static void test_##test_name(void)

/* Unlike assert, never compiled away; the test goes on so that one run shows all that is wrong. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition);         \
			test_failures++;                                                           \
		}                                                                                  \
	} while (0)

#define CHECK_TEXT(got, want)                                                                      \
	do {                                                                                       \
		const char *check_got = (got);                                                     \
		const char *check_want = (want);                                                   \
		if (!check_got || strcmp(check_got, check_want) != 0) {                            \
			printf("# %s:%d: got '%s', want '%s'\n", __FILE__, __LINE__,               \
			       check_got ? check_got : "(null)", check_want);                      \
			test_failures++;                                                           \
		}                                                                                  \
	} while (0)

int main(void)
{
	bool failed = false;

	printf("1..%d\n", test_count);
	for (int i = 0; i < test_count; i++) {
		test_failures = 0;
		test_list[i].run();
		printf("%s %d - %s\n", test_failures ? "not ok" : "ok", i + 1, test_list[i].name);
		(void)fflush(stdout);
		failed = failed || test_failures;
	}
	return failed;
}
