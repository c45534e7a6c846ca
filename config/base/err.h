/* SPDX-License-Identifier: Apache-2.0 */
/* The one error type: a negative errno value and a sentence for the person who reads it. */
#pragma once

enum { ERR_MSG_MAX = 1024 }; /* bytes, NUL included; longer text is cut, never an error */

struct err {
	int code;	       /* 0, or a negative errno value */
	char msg[ERR_MSG_MAX]; /* outermost context first: "mount rootfs: overlay at ...: ..." */
};

/*
 * Fill an error.
 *
 * err    written; never NULL
 * code   negative errno value
 *
 * Returns code, so that `return err_set(...)` reads as one act.
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set with -errno; the text of errno is appended after a colon. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * What an errno value (positive) means, in lower case as in Go's syscall package: clients of
 * containerd look for "no such file or directory" and "permission denied" in our texts. Static; the
 * next call overwrites it.
 */
const char *err_reason(int value);

/* Put context in front of an error that is already filled: "context: what it said". Returns its
 * code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
