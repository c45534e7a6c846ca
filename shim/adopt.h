/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime leaves when it has made a process: its terminal, its streams, its pid. */
#pragma once

struct err;
struct operation;

/*
 * Take the terminal's master from the operation's console, start copying, read the pid file and
 * watch the process.
 *
 * name   of the pid file, without ".pid"
 * what   for the text of a failure: "container" or "exec"
 *
 * Returns 0 or negative, err filled; then the process may exist, and its pid be unknown.
 */
int adopt_process(struct operation *operation, const char *name, const char *what, struct err *err);
