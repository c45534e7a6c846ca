/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that end where a forbidden page begins: one byte too far and the test dies. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	uint8_t *map;
	size_t map_bytes;
	uint8_t *bytes; /* the copy */
};

static inline struct guard guard_copy(const void *bytes, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (len / page + 1) * page;
	struct guard guard = { .map_bytes = room + page };

	guard.map = mmap(NULL, guard.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	if (guard.map == MAP_FAILED || mprotect(guard.map + room, page, PROT_NONE) < 0)
		abort();
	guard.bytes = guard.map + room - len;
	if (len > 0)
		memcpy(guard.bytes, bytes, len);
	return guard;
}

static inline void guard_done(struct guard *guard)
{
	(void)munmap(guard->map, guard->map_bytes);
}
