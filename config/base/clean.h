/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership that ends with its scope: own_mem, own_fd, own_file, and how to give it away. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Close a descriptor if there is one; keeps errno. Returns -1, so that `fd = fd_close(fd)` forgets
 * it. */
static inline int fd_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static inline void clean_free(void *owner)
{
	free(*(void **)owner);
}

static inline void clean_fd(const int *fd)
{
	(void)fd_close(*fd);
}

static inline void clean_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define own_mem	 __attribute__((cleanup(clean_free)))
#define own_fd	 __attribute__((cleanup(clean_fd)))
#define own_file __attribute__((cleanup(clean_file)))

/* Move a descriptor out of its owner, who forgets it. */
static inline int fd_take(int *fd)
{
	int given = *fd;

	*fd = -1;
	return given;
}

/* Move memory out of its owner, who forgets it. */
static inline void *mem_take(void *owner)
{
	void **slot = owner;
	void *given = *slot;

	*slot = NULL;
	return given;
}
