/* SPDX-License-Identifier: Apache-2.0 */
/* Run a program of the host, and read the little that it says. */
#pragma once

#include <stddef.h>

struct err;

/*
 * Run a program, found along PATH, with standard input from /dev/null.
 *
 * argv    NULL-terminated; argv[0] is the program
 * text    what it printed, standard error included, NUL-terminated; cut at `room`; may be NULL
 *
 * Returns its exit status (0 to 255; 128 + N: signal N), or -ENOENT (no such program),
 * -ETIMEDOUT (over `timeout_ms`: it was killed), ... with err filled.
 */
int child_run(const char *const argv[], int timeout_ms, char *text, size_t room, struct err *err);
