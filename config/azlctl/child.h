/* SPDX-License-Identifier: Apache-2.0 */
/* Run programs of the host, and read the little that they say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* A program that was started. */
struct child {
	const char *name; /* borrowed */
	pid_t pid;
	int out;       /* owned: what it says */
	int64_t since; /* ms, CLOCK_MONOTONIC */
};

/*
 * Start a program, found along PATH, with standard input from /dev/null.
 *
 * argv          NULL-terminated; argv[0] is the program and outlives the child
 * with_errors   its standard error is read, too; otherwise dropped
 *
 * Returns 0 (child_finish() it), or -ENOENT (no such program), ... with err filled.
 */
int child_start(struct child *child, const char *const argv[], bool with_errors, struct err *err);

/*
 * Wait for its end, at most timeout_ms from its start on: then it is killed.
 *
 * text   what it printed, NUL-terminated; cut at `room`; may be NULL
 *
 * Returns its exit status (0 to 255; 128 + N: signal N), or -ETIMEDOUT, with err filled.
 */
int child_finish(struct child *child, int timeout_ms, char *text, size_t room, struct err *err);

/* Both, standard error included. */
int child_run(const char *const argv[], int timeout_ms, char *text, size_t room, struct err *err);
