/* SPDX-License-Identifier: Apache-2.0 */
/* One line of /proc/PID/mountinfo. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mountinfo {
	uint64_t id;
	uint64_t parent;
	uint64_t peers; /* the "shared:N" group, 0 = none */
	char *path;	/* into the line: where it is mounted, NUL-terminated, escapes undone */
};

/*
 * Read one line.
 *
 * line     NUL-terminated, without newline; changed: info points into it
 * info     written only on success
 *
 * Returns 0, or -EBADMSG: not such a line.
 *
 * Source: proc_pid_mountinfo(5); linux fs/proc_namespace.c show_mountinfo.
 */
int mountinfo_parse(char *line, struct mountinfo *info);

/* True when path is base or lies below it. base carries no slash at its end. */
bool mountinfo_is_below(const char *path, const char *base);
