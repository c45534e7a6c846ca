/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/tree.h"
#include "config/base/clean.h"
#include "config/base/num.h"

enum { PROC_TEXT_ROOM = 4096, PROC_PATH_ROOM = 64 };

static ssize_t read_of(int root, pid_t pid, const char *file, char *text, size_t room)
{
	char path[PROC_PATH_ROOM];

	(void)snprintf(path, sizeof(path), "proc/%d/%s", (int)pid, file);
	return tree_read_text(root, path, text, room);
}

/* The number behind a key at the beginning of a line; 0 when there is none. */
static uint64_t number_behind(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		uint64_t value = 0;
		const char *at;

		if (strncmp(line, key, len) != 0)
			continue;
		at = line + len + strspn(line + len, " \t");
		(void)num_u64_parse(at, strspn(at, "0123456789"), &value);
		return value;
	}
	return 0;
}

int proc_memory(int root, pid_t pid, struct proc_memory *memory)
{
	char text[PROC_TEXT_ROOM];
	ssize_t len = read_of(root, pid, "smaps_rollup", text, sizeof(text));

	if (len < 0)
		return (int)len;
	memory->pss = number_behind(text, "Pss:") * 1024;
	memory->private = number_behind(text, "Private_Dirty:") * 1024;
	return 0;
}

pid_t proc_parent(int root, pid_t pid)
{
	return (pid_t)proc_status(root, pid, "PPid:");
}

uint64_t proc_status(int root, pid_t pid, const char *key)
{
	char text[PROC_TEXT_ROOM];

	return read_of(root, pid, "status", text, sizeof(text)) < 0 ? 0 : number_behind(text, key);
}

int proc_files(int root, pid_t pid, uint64_t *files, uint64_t *sockets)
{
	char path[PROC_PATH_ROOM], target[16];
	const struct dirent *entry;
	DIR *dir;
	int fd;

	*files = *sockets = 0;
	(void)snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
	fd = tree_open_folder(root, path);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		if (entry->d_name[0] == '.')
			continue;
		*files += 1;
		*sockets += len > 7 && memcmp(target, "socket:", 7) == 0;
	}
	(void)closedir(dir);
	return 0;
}

int proc_cgroup(int root, pid_t pid, char *path, size_t room)
{
	char text[PROC_TEXT_ROOM];
	ssize_t len = read_of(root, pid, "cgroup", text, sizeof(text));

	if (len < 0)
		return (int)len;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t line_len = strcspn(line, "\n");

		if (strncmp(line, "0::", 3) != 0)
			continue;
		if (line_len - 3 >= room)
			return -ENAMETOOLONG;
		memcpy(path, line + 3, line_len - 3);
		path[line_len - 3] = '\0';
		return 0;
	}
	return -ENOENT;
}

void proc_program(int root, pid_t pid, char *name, size_t room)
{
	static const char gone[] = " (deleted)";
	char path[PROC_PATH_ROOM], target[PROC_TEXT_ROOM];
	const char *last;
	size_t len;

	*name = '\0';
	(void)snprintf(path, sizeof(path), "proc/%d/exe", (int)pid);
	if (tree_read_link(root, path, target, sizeof(target)) <= 0)
		return;
	/* An upgrade took the file away from a program that runs. */
	len = strlen(target);
	if (len >= sizeof(gone) && strcmp(target + len + 1 - sizeof(gone), gone) == 0)
		target[len + 1 - sizeof(gone)] = '\0';
	last = strrchr(target, '/');
	(void)snprintf(name, room, "%s", last ? last + 1 : target);
}

/* ---- daemons of the host ---- */

static ssize_t namespace_of(int root, pid_t pid, const char *kind, char *name, size_t room)
{
	char path[PROC_PATH_ROOM];

	(void)snprintf(path, sizeof(path), "proc/%d/ns/%s", (int)pid, kind);
	return tree_read_link(root, path, name, room);
}

static bool is_in_hosts(int root, pid_t pid, const char *kind)
{
	char its[PROC_PATH_ROOM], hosts[PROC_PATH_ROOM];
	ssize_t len = namespace_of(root, pid, kind, its, sizeof(its));

	return len > 0 && namespace_of(root, 1, kind, hosts, sizeof(hosts)) == len &&
	       memcmp(its, hosts, (size_t)len) == 0;
}

bool proc_has_hosts_files(int root, pid_t pid)
{
	return is_in_hosts(root, pid, "mnt");
}

/* It sees the host's files and processes, and its user 0 is the host's. */
static bool is_of_host(int root, pid_t pid)
{
	return is_in_hosts(root, pid, "user") && is_in_hosts(root, pid, "mnt") &&
	       is_in_hosts(root, pid, "pid");
}

bool proc_is_daemon(int root, pid_t pid, const char *program)
{
	char text[PROC_TEXT_ROOM];

	proc_program(root, pid, text, sizeof(text));
	return strcmp(text, program) == 0 && is_of_host(root, pid) &&
	       read_of(root, pid, "status", text, sizeof(text)) > 0 &&
	       strstr(text, "\nUid:\t0\t0\t0\t0");
}

pid_t proc_find_daemon(int root, const char *program)
{
	int fd = tree_open_folder(root, "proc");
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	pid_t found = 0;

	if (!dir) {
		(void)fd_close(fd);
		return 0;
	}
	while (!found && (entry = readdir(dir))) {
		uint64_t pid;

		if (num_u64_parse(entry->d_name, strlen(entry->d_name), &pid) == 0 &&
		    proc_is_daemon(root, (pid_t)pid, program) &&
		    !proc_is_daemon(root, proc_parent(root, (pid_t)pid), program))
			found = (pid_t)pid;
	}
	(void)closedir(dir);
	return found;
}
