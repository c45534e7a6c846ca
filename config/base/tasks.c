/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/tasks.h"

#include <fcntl.h>
#include <sys/types.h>

#include "config/base/fd.h"
#include "config/base/num.h"

static uint64_t number_in(const char *path)
{
	char text[32];
	uint64_t number;
	ssize_t len = fd_read_text(AT_FDCWD, path, text, sizeof(text));

	return len > 0 && num_u64_parse(text, (size_t)len, &number) == 0 ? number : UINT64_MAX;
}

uint64_t tasks_max(void)
{
	uint64_t ids = number_in("/proc/sys/kernel/pid_max");
	uint64_t threads = number_in("/proc/sys/kernel/threads-max");

	return ids < threads ? ids : threads;
}
