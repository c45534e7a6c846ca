/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's log says of a process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whose kill is looked for: of one process, or of any in a cgroup and below it. */
struct kmsg_victim {
	pid_t pid;	    /* as the host has it */
	const char *cgroup; /* "/a/b"; borrowed; NULL: only the process */
	int64_t since_us;   /* kmsg_now_us() when it began: pids and names come again */
};

/* The log's clock, microseconds since boot. */
int64_t kmsg_now_us(void);

/*
 * Does the log say that the OOM killer ended the victim? For the moment when its cgroup, which
 * counts such kills, is gone already: systemd removes a scope as soon as it is empty.
 *
 * Reads the whole ring, some milliseconds. False as well where the log cannot be read. After ten
 * kills within five seconds the kernel leaves out the cgroup for a while, never the process.
 *
 * Source: kernel Documentation/ABI/testing/dev-kmsg; mm/oom_kill.c, oom_kill_process,
 * dump_oom_victim, __oom_kill_process; mm/memcontrol.c, mem_cgroup_print_oom_context.
 */
bool kmsg_tells_oom_kill(const struct kmsg_victim *victim);

/* One record of /dev/kmsg, NUL-terminated. What a process wrote there is not believed. Pure. */
bool kmsg_is_oom_kill(const char *record, const struct kmsg_victim *victim);
