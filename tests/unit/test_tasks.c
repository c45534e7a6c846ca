/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/tasks.h"

#include <stdio.h>

#include "tests/unit/test.h"

TEST(is_the_smaller_of_the_kernels_two_numbers)
{
	static const char *const paths[] = { "/proc/sys/kernel/pid_max",
					     "/proc/sys/kernel/threads-max" };
	unsigned long long least = 0;

	for (int i = 0; i < 2; i++) {
		unsigned long long number = 0;
		FILE *file = fopen(paths[i], "r");

		CHECK(file && fscanf(file, "%llu", &number) == 1);
		(void)fclose(file);
		if (i == 0 || number < least)
			least = number;
	}
	CHECK(tasks_max() == least);
}
