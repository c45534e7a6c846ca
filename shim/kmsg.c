/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/num.h"

enum {
	RECORD_ROOM = 8192,   /* CONSOLE_EXT_LOG_MAX, kernel include/linux/printk.h */
	RECORDS_MAX = 100000, /* others write while this reads */
	KERNEL_PRIORITIES = 8 /* above are facilities of user space */
};

bool kmsg_is_oom_kill(const char *record, pid_t pid)
{
	char killed[48];
	uint64_t priority;
	const char *message = strchr(record, ';');

	(void)snprintf(killed, sizeof(killed), "Killed process %d (", (int)pid);
	return message && num_u64_parse(record, strcspn(record, ","), &priority) == 0 &&
	       priority < KERNEL_PRIORITIES && strstr(message, killed);
}

bool kmsg_tells_oom_kill(pid_t pid)
{
	char record[RECORD_ROOM + 1];
	own_fd int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	for (int n = 0; fd >= 0 && n < RECORDS_MAX; n++) {
		ssize_t len = read(fd, record, RECORD_ROOM);

		if (len < 0 && errno != EPIPE) /* EPIPE: overwritten, the next one follows */
			return false;
		if (len <= 0)
			continue;
		record[len] = '\0';
		if (kmsg_is_oom_kill(record, pid))
			return true;
	}
	return false;
}
