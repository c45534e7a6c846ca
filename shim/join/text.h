/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the joiner: sentences that are put together from pieces, as Go's fmt and strconv do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/join/plan.h"

/* Always NUL-terminated; what does not fit is cut. Begins as { 0 }. */
struct text {
	char bytes[PLAN_TEXT_MAX];
	size_t used;
};

void text_add(struct text *text, const char *words);

/* A number in decimal. */
void text_add_number(struct text *text, uint64_t number);

/* Between double quotes, as Go's %q. Source: strconv.Quote. */
void text_add_quoted(struct text *text, const char *words);

/*
 * What an errno value (positive) means in Go's words, which clients of containerd look for; "errno
 * N" for those that no call of ours returns. Source: Go, syscall/zerrors_linux_amd64.go.
 */
void text_add_reason(struct text *text, int value);

size_t text_length(const char *words);
bool text_same(const char *a, const char *b);
bool text_begins(const char *words, const char *beginning);

/*
 * Go's strconv.Atoi with its error ignored: 0 where there is no number, the nearest number where it
 * is too large. `len` bytes at `digits`.
 */
int64_t text_atoi(const char *digits, size_t len);

/*
 * folder/name, cleaned as Go's filepath.Join does: no empty, "." and resolvable ".." elements.
 *
 * path   receives it, NUL-terminated
 *
 * Returns false when `room` is too small.
 */
bool text_join_path(const char *folder, size_t folder_len, const char *name, char *path,
		    size_t room);
