/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's log says of a process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Does the log say that the OOM killer ended this process? For the moment when its cgroup, which
 * counts such kills, is gone already: systemd removes a scope as soon as it is empty.
 *
 * Reads the whole ring, some milliseconds. False as well where the log cannot be read.
 *
 * Source: kernel Documentation/ABI/testing/dev-kmsg; mm/oom_kill.c, __oom_kill_process.
 */
bool kmsg_tells_oom_kill(pid_t pid);

/* One record of /dev/kmsg, NUL-terminated. What a process wrote there is not believed. Pure. */
bool kmsg_is_oom_kill(const char *record, pid_t pid);
