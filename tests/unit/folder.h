/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder for one test. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
	int fd;
};

static inline struct folder folder_new(void)
{
	struct folder folder = { .path = "/tmp/azl-unit-XXXXXX", .fd = -1 };

	if (mkdtemp(folder.path))
		folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder.fd < 0)
		abort();
	return folder;
}

static inline void folder_put(const struct folder *folder, const char *name, const void *bytes,
			      size_t len)
{
	int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	(void)close(fd);
}

static inline void folder_put_text(const struct folder *folder, const char *name, const char *text)
{
	folder_put(folder, name, text, strlen(text));
}

/* Number of entries, and the text of one file into `text` when `name` is there. */
static inline int folder_count(const struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	int count = 0;

	if (!dir)
		abort();
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return count;
}

/* Mode bits of a file, or 0. */
static inline unsigned folder_mode(const struct folder *folder, const char *name)
{
	struct stat info;

	return fstatat(folder->fd, name, &info, 0) == 0 ? info.st_mode & 07777 : 0;
}

static inline void folder_done(struct folder *folder)
{
	DIR *dir = opendir(folder->path);

	if (!dir)
		abort();
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		(void)unlinkat(folder->fd, entry->d_name, 0);
	(void)closedir(dir);
	(void)close(folder->fd);
	(void)rmdir(folder->path);
}
