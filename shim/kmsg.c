/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/num.h"

enum {
	RECORD_ROOM = 8192,    /* CONSOLE_EXT_LOG_MAX, kernel include/linux/printk.h */
	RECORDS_MAX = 100000,  /* others write while this reads */
	KERNEL_PRIORITIES = 8, /* above are facilities of user space */
	US_PER_S = 1000000,
	CLOCKS_APART_US = 5 * US_PER_S /* sched_clock, the log's, from CLOCK_MONOTONIC_RAW */
};

int64_t kmsg_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000;
}

/* "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];MESSAGE": the message, NULL if it is another's. */
static const char *message_of(const char *record, int64_t since_us)
{
	const char *message = strchr(record, ';');
	size_t len = strcspn(record, ",");
	uint64_t priority;
	uint64_t us;

	if (!message || num_u64_parse(record, len, &priority) < 0 || priority >= KERNEL_PRIORITIES)
		return NULL;
	record += len + (record[len] == ',');
	record += strcspn(record, ",");
	record += *record == ',';
	if (num_u64_parse(record, strcspn(record, ","), &us) < 0 || us > INT64_MAX ||
	    (int64_t)us < since_us - CLOCKS_APART_US)
		return NULL;
	return message + 1;
}

/* "oom-kill:constraint=...,task_memcg=/a/b,task=..." */
static bool is_in_cgroup(const char *message, const char *cgroup)
{
	static const char kill[] = "oom-kill:";
	static const char key[] = ",task_memcg=";
	const char *memcg = strstr(message, key);
	size_t len = strlen(cgroup);

	if (strncmp(message, kill, strlen(kill)) != 0 || !memcg)
		return false;
	memcg += strlen(key);
	return strncmp(memcg, cgroup, len) == 0 && (memcg[len] == ',' || memcg[len] == '/');
}

bool kmsg_is_oom_kill(const char *record, const struct kmsg_victim *victim)
{
	char killed[48];
	const char *message = message_of(record, victim->since_us);

	(void)snprintf(killed, sizeof(killed), "Killed process %d (", (int)victim->pid);
	return message && (strstr(message, killed) ||
			   (victim->cgroup && is_in_cgroup(message, victim->cgroup)));
}

bool kmsg_tells_oom_kill(const struct kmsg_victim *victim)
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
		if (kmsg_is_oom_kill(record, victim))
			return true;
	}
	return false;
}
