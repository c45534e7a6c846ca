/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share. Each target is one function that must come back from any bytes. */
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that holds for every input; the input is kept when it does not. */
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,         \
				      #condition);                                                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A copy of exactly `size` bytes, so that reading too far is seen; freed by the caller. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_CHECK(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* A copy with a NUL behind it; NUL bytes inside become '.'. Freed by the caller. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	for (size_t i = 0; i < size; i++)
		text[i] = data[i] ? (char)data[i] : '.';
	text[size] = '\0';
	return text;
}

static char fuzz_folder_path[64];

static inline void fuzz_folder_remove(void)
{
	static const char *const names[] = { "config.json", "options.json", "runtime" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[sizeof(fuzz_folder_path) + 16];

		(void)snprintf(path, sizeof(path), "%s/%s", fuzz_folder_path, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(fuzz_folder_path);
}

/* The folder of this process, a stand-in for a bundle; removed at exit. */
static inline int fuzz_folder(void)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;
	(void)snprintf(fuzz_folder_path, sizeof(fuzz_folder_path), "/dev/shm/azl-fuzz-XXXXXX");
	FUZZ_CHECK(mkdtemp(fuzz_folder_path));
	fd = open(fuzz_folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0);
	(void)atexit(fuzz_folder_remove);
	return fd;
}

/* Write a file of that folder. */
static inline void fuzz_put(const char *name, const uint8_t *data, size_t size)
{
	int fd = openat(fuzz_folder(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
}
