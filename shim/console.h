/* SPDX-License-Identifier: Apache-2.0 */
/* The console socket on which runc hands over a terminal's master. */
#pragma once

#include <stddef.h>

struct err;

enum { CONSOLE_NAME_MAX = 32 }; /* bytes, NUL included */

struct console {
	int listen_fd;		     /* owned; -1 when there is none */
	int bundle_fd;		     /* borrowed */
	char name[CONSOLE_NAME_MAX]; /* in the bundle; runc, started there, is given the bare name
				      */
};

/*
 * Listen on a fresh name in the bundle. The name is short whatever the bundle's path, and the
 * bundle's end takes a forgotten one along.
 *
 * Returns 0 or negative, err filled.
 */
int console_listen(struct console *console, int bundle_fd, struct err *err);

/*
 * Take the master that runc has sent. runc sends it before it ends, so this never waits.
 *
 * Returns the descriptor (owned by the caller), or negative, err filled.
 *
 * Source: runc docs/terminals.md; go-runc console.go expects one message with one descriptor.
 */
int console_take_master(struct console *console, struct err *err);

/* Close and unlink; harmless when there is none. */
void console_done(struct console *console);
