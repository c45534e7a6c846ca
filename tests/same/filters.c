/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says which seccomp programs the kernel holds for processes, without showing them: how many
 * instructions, a sum over them, and the flags.
 *
 *   filters PID...
 */
#include <errno.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILTERS_MAX = 8 };

/* The kernel's struct seccomp_metadata: its header and the C library's do not agree. */
struct metadata {
	uint64_t index;
	uint64_t flags;
};

/* FNV-1a. */
static uint64_t sum_of(const void *bytes, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
	return sum;
}

static long trace(long request, pid_t pid, unsigned long argument, void *data)
{
	return ptrace((enum __ptrace_request)request, pid, argument, data);
}

/* Returns false behind the last. */
static bool say_filter(pid_t pid, unsigned long index)
{
	struct metadata metadata = { .index = index };
	struct sock_filter *program;
	long count = trace(PTRACE_SECCOMP_GET_FILTER, pid, index, NULL);
	long known;

	if (count < 0) {
		printf("filter %lu: %s\n", index, strerror(errno));
		return false;
	}
	program = calloc((size_t)count, sizeof(*program));
	if (!program || trace(PTRACE_SECCOMP_GET_FILTER, pid, index, program) != count)
		exit(1);
	known = trace(PTRACE_SECCOMP_GET_METADATA, pid, sizeof(metadata), &metadata);
	printf("filter %lu: %ld instructions, sum %016llx, flags %lld\n", index, count,
	       (unsigned long long)sum_of(program, (size_t)count * sizeof(*program)),
	       known < 0 ? -1LL : (long long)metadata.flags);
	free(program);
	return true;
}

static void say_process(pid_t pid)
{
	int status;

	if (trace(PTRACE_SEIZE, pid, 0, NULL) < 0 || trace(PTRACE_INTERRUPT, pid, 0, NULL) < 0 ||
	    waitpid(pid, &status, __WALL) != pid) {
		printf("cannot trace: %s\n", strerror(errno));
		return;
	}
	for (unsigned long i = 0; i < FILTERS_MAX && say_filter(pid, i); i++)
		;
	(void)trace(PTRACE_DETACH, pid, 0, NULL);
}

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++)
		say_process((pid_t)strtol(argv[i], NULL, 10));
	return 0;
}
