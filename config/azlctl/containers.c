/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/containers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/num.h"

/* A folder as a stream; the descriptor is the stream's. NULL: errno says why. */
static DIR *open_folder(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder)
		(void)fd_close(fd);
	return folder;
}

static int each_of(DIR *folder, const char *ns, containers_fn *fn, void *owner)
{
	const struct dirent *entry;
	int code = 0;

	while (code == 0 && (entry = readdir(folder))) {
		own_fd int bundle = -1;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= CONTAINERS_ID_ROOM)
			continue;
		bundle = openat(dirfd(folder), entry->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (bundle >= 0) /* otherwise it has gone meanwhile */
			code = fn(owner, ns, entry->d_name, bundle);
	}
	return code;
}

int containers_each(int root, containers_fn *fn, void *owner, struct err *err)
{
	int fd = tree_open_folder(root, CONTAINERS_TASKS);
	DIR *spaces = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int code = 0;

	if (!spaces) {
		code = err_set(err, fd < 0 ? fd : -ENOMEM, "/" CONTAINERS_TASKS ": %s",
			       err_reason(fd < 0 ? -fd : ENOMEM));
		(void)fd_close(fd);
		return code;
	}
	while (code == 0 && (entry = readdir(spaces))) {
		DIR *folder = entry->d_name[0] == '.' || strlen(entry->d_name) >= CONTAINERS_ID_ROOM
				      ? NULL
				      : open_folder(dirfd(spaces), entry->d_name);

		if (!folder)
			continue;
		code = each_of(folder, entry->d_name, fn, owner);
		(void)closedir(folder);
	}
	(void)closedir(spaces);
	return code;
}

int containers_cgroups(int root)
{
	return tree_open_folder(root, tree_leads(root, "sys/fs/cgroup/cgroup.controllers")
					      ? "sys/fs/cgroup"
					      : "sys/fs/cgroup/unified");
}

int containers_spec(int bundle, json_fn *fn, void *owner, struct err *err)
{
	struct buf text = { 0 };
	int code = tree_read_file(bundle, "config.json", CONTAINERS_SPEC_MAX_BYTES, &text);

	if (code < 0)
		(void)err_set(err, code, "config.json: %s", err_reason(-code));
	else
		code = json_scan((const char *)text.data, text.len, fn, owner, err);
	buf_done(&text);
	return code;
}

pid_t containers_pid(int bundle)
{
	char text[24];
	uint64_t pid;
	ssize_t len = tree_read_text(bundle, "init.pid", text, sizeof(text));

	if (len <= 0 || num_u64_parse(text, (size_t)len, &pid) < 0 || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}
