/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make the n-th allocation fail. Linked with --wrap for malloc, calloc, realloc, strdup and
 * asprintf, so it reaches every object of the program but no library.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failing_armed;
static int failing_left; /* allocations until one fails */
static int failing_hits;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *data, size_t bytes);
char *__real_strdup(const char *text);

/* True when this allocation is the one. */
static bool failing_now(void)
{
	if (!failing_armed || failing_left-- != 0)
		return false;
	failing_hits++;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t bytes)
{
	return failing_now() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
	return failing_now() ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *data, size_t bytes)
{
	return failing_now() ? NULL : __real_realloc(data, bytes);
}

char *__wrap_strdup(const char *text)
{
	return failing_now() ? NULL : __real_strdup(text);
}

__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **text, const char *fmt, ...)
{
	va_list args;
	int n;

	if (failing_now())
		return -1;
	va_start(args, fmt);
	n = vasprintf(text, fmt, args);
	va_end(args);
	return n;
}
