/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { COPY_STEP = 1 << 20 };

void json_object_see(struct json_object *object, const struct json_path *path, enum json_type type)
{
	if (object->found || type != JSON_OBJECT)
		object->odd = true;
	object->found = true;
	object->at = json_path_end(path);
}

int json_edit_add(struct json_edit *edit, const struct json_object *object, const char *members)
{
	struct json_insert added = { .at = object->at };
	size_t at = edit->count;
	int len = snprintf(added.text, sizeof(added.text), "%s%s", members,
			   object->has_members ? "," : "");

	if (!object->found || object->odd)
		return -EINVAL;
	if (len < 0 || (size_t)len >= sizeof(added.text) || edit->count == JSON_INSERTS_MAX)
		return -EMSGSIZE;
	added.len = (size_t)len;
	for (; at > 0 && edit->inserts[at - 1].at > added.at; at--)
		edit->inserts[at] = edit->inserts[at - 1];
	edit->inserts[at] = added;
	edit->count++;
	return 0;
}

int json_edit_bytes(const struct json_edit *edit, const char *bytes, size_t len, struct buf *out,
		    size_t limit)
{
	size_t before = out->len;
	size_t done = 0;
	int code = 0;

	for (size_t i = 0; i < edit->count && code == 0; i++) {
		const struct json_insert *insert = &edit->inserts[i];

		code = buf_add(out, bytes + done, insert->at - done, limit);
		if (code == 0)
			code = buf_add(out, insert->text, insert->len, limit);
		done = insert->at;
	}
	if (code == 0)
		code = buf_add(out, bytes + done, len - done, limit);
	if (code < 0)
		out->len = before;
	return code;
}

/* Copy from where `from` stands, `len` bytes or to its end. Returns 0 or a negative errno value. */
static int copy(int from, int to, size_t len)
{
	while (len > 0) {
		ssize_t n = sendfile(to, from, NULL, len < COPY_STEP ? len : COPY_STEP);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_edited(const struct json_edit *edit, int from, int to, mode_t mode, size_t size)
{
	size_t done = 0;
	int code = 0;

	for (size_t i = 0; i < edit->count && code == 0; i++) {
		const struct json_insert *insert = &edit->inserts[i];

		code = copy(from, to, insert->at - done);
		if (code == 0)
			code = fd_write_all(to, insert->text, insert->len);
		done = insert->at;
	}
	if (code == 0)
		code = size < done ? -EBADMSG : copy(from, to, size - done);
	if (code == 0 && fchmod(to, mode & 07777) < 0)
		code = -errno;
	return code;
}

int json_edit_file(const struct json_edit *edit, int dir, const char *name, struct err *err)
{
	char aside[JSON_INSERT_ROOM];
	own_fd int from = openat(dir, name, O_RDONLY | O_CLOEXEC);
	own_fd int to = -1;
	struct stat info;
	int code;

	if (from < 0 || fstat(from, &info) < 0)
		return err_errno(err, "open %s", name);
	(void)snprintf(aside, sizeof(aside), ".%.250s.new", name);
	(void)unlinkat(dir, aside, 0);
	to = openat(dir, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return err_errno(err, "create %s", aside);
	code = copy_edited(edit, from, to, info.st_mode, (size_t)info.st_size);
	if (code == 0 && renameat(dir, aside, dir, name) < 0)
		code = -errno;
	if (code == 0)
		return 0;
	(void)unlinkat(dir, aside, 0);
	return err_set(err, code, "write %s: %s", name, err_reason(-code));
}
