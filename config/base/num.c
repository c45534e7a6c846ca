/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/num.h"

#include <errno.h>

int num_u64_parse(const char *text, size_t len, uint64_t *value)
{
	uint64_t sum = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum))
			return -ERANGE;
	}
	*value = sum;
	return 0;
}

int num_i64_parse(const char *text, size_t len, int64_t *value)
{
	int negative = len > 0 && text[0] == '-';
	uint64_t size;
	int code = num_u64_parse(text + negative, len - (size_t)negative, &size);

	if (code < 0)
		return code;
	if (size > (uint64_t)INT64_MAX + (uint64_t)negative)
		return -ERANGE;
	*value = negative ? (int64_t)(0 - size) : (int64_t)size;
	return 0;
}
