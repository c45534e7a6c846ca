/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line of every file that azlctl writes: whose it is, and a digest of what follows. It
 * tells a file that somebody has changed since, and one that was never ours, without any other
 * state. In JSON (a content that begins with a line "{") it is the first key, "//". Pure.
 */
#pragma once

#include <stddef.h>

enum ours {
	OURS_FOREIGN, /* no first line of ours */
	OURS_CHANGED, /* there is one, and what follows is not what we wrote */
	OURS_INTACT,
};

/* Put the first line in front of a content. Returns the text (the caller frees), or NULL: no
 * memory. */
char *ours_mark(const char *content);

enum ours ours_judge(const char *text, size_t len);
