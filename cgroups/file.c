/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/fd.h"

enum { VALUE_ROOM = 32 };

/* An open file of a removed cgroup answers ENODEV where opening it would have said ENOENT. */
static int failure(int code)
{
	return code == -ENODEV ? -ENOENT : code;
}

int cg_file_open(struct cg_file *file, int dir, const char *name)
{
	file->at = 0;
	file->len = 0;
	file->skipping = false;
	file->ended = false;
	file->fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return file->fd < 0 ? failure(-errno) : 0;
}

void cg_file_close(struct cg_file *file)
{
	file->fd = fd_close(file->fd);
}

/* Read more bytes behind those that wait, which fill less than a whole buffer. */
static int fill(struct cg_file *file)
{
	ssize_t n;

	if (file->at > 0) {
		file->len -= file->at;
		memmove(file->data, file->data + file->at, file->len);
		file->at = 0;
	}
	if (file->len == sizeof(file->data)) {
		file->skipping = true;
		file->len = 0;
	}
	do {
		n = read(file->fd, file->data + file->len, sizeof(file->data) - file->len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return failure(-errno);
	file->ended = n == 0;
	file->len += (size_t)n;
	return 0;
}

int cg_file_next(struct cg_file *file, struct cg_text *line)
{
	for (;;) {
		struct cg_text rest = { .at = file->data + file->at, .len = file->len - file->at };
		const char *newline = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
		int code;

		if (newline || (file->ended && rest.len && !file->skipping)) {
			rest.len = newline ? (size_t)(newline - rest.at) : rest.len;
			file->at += rest.len + (newline != NULL);
			if (!file->skipping) {
				*line = rest;
				return 1;
			}
			file->skipping = false;
			continue;
		}
		if (file->ended)
			return 0;
		code = fill(file);
		if (code < 0)
			return code;
	}
}

uint64_t cg_file_value(int dir, const char *name)
{
	char text[VALUE_ROOM];
	ssize_t len = fd_read_text(dir, name, text, sizeof(text));
	uint64_t value = 0;

	if (len > 0)
		(void)cg_keyed_value((struct cg_text){ text, (size_t)len }, &value);
	return value;
}

int cg_file_find(int dir, const char *name, const char *key, uint64_t *value)
{
	struct cg_file file;
	struct cg_text line = { 0 };
	int code = cg_file_open(&file, dir, name);

	if (code == 0)
		code = cg_file_next(&file, &line);
	while (code == 1 && !cg_keyed_find(line, key, value))
		code = cg_file_next(&file, &line);
	cg_file_close(&file);
	return code;
}

int cg_file_write(int dir, const char *name, const char *text)
{
	own_fd int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return failure(-errno);
	return failure(fd_write_all(fd, text, strlen(text)));
}
