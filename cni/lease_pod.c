/* SPDX-License-Identifier: Apache-2.0 */
/* What lies beside leases: which one a pod got last, and locks that nobody needs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cni/lease.h"
#include "config/base/clean.h"
#include "config/base/err.h"

enum { POD_NAME_ROOM = 80 };

/* "pods/UID"; false: a UID that is not to be a file's name. */
static bool pod_name(const char *uid, char name[POD_NAME_ROOM])
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";

	if (uid[0] == '\0' || uid[strspn(uid, plain)] != '\0')
		return false;
	return snprintf(name, POD_NAME_ROOM, "pods/%s", uid) < POD_NAME_ROOM;
}

static bool is_key(const char *text)
{
	return strlen(text) == LEASE_KEY_ROOM - 1 &&
	       strspn(text, "0123456789abcdef") == LEASE_KEY_ROOM - 1;
}

/* The key that a link names; false: none. */
static bool pod_read(int dir, const char *name, char key[LEASE_KEY_ROOM])
{
	ssize_t len = readlinkat(dir, name, key, LEASE_KEY_ROOM);

	if (len != LEASE_KEY_ROOM - 1)
		return false;
	key[len] = '\0';
	return is_key(key);
}

static bool pod_link(int dir, const char *name, const char *key)
{
	return symlinkat(key, dir, name) == 0;
}

bool lease_pod_put(int dir, const char *uid, const char key[LEASE_KEY_ROOM],
		   char former[LEASE_KEY_ROOM])
{
	char name[POD_NAME_ROOM];
	bool has_former;

	if (!pod_name(uid, name))
		return false;
	has_former = pod_read(dir, name, former);
	if (has_former && strcmp(former, key) == 0)
		return false;
	if (has_former)
		(void)unlinkat(dir, name, 0);
	if (!pod_link(dir, name, key) && errno == ENOENT && mkdirat(dir, "pods", 0700) == 0)
		(void)pod_link(dir, name, key); /* one that cannot be noted is found by GC */
	return has_former;
}

void lease_pod_forget(int dir, const char *uid, const char key[LEASE_KEY_ROOM])
{
	char name[POD_NAME_ROOM];
	char noted[LEASE_KEY_ROOM];

	if (pod_name(uid, name) && pod_read(dir, name, noted) && strcmp(noted, key) == 0)
		(void)unlinkat(dir, name, 0);
}

/* Call fn for each name in a folder below DIR. */
static void each_name(int dir, const char *folder, void (*fn)(int dir, const char *name))
{
	own_fd int fd = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list)
		return;
	(void)fd_take(&fd);
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list))
		fn(dir, entry->d_name);
	(void)closedir(list);
}

static void sweep_lock(int dir, const char *key)
{
	own_lock int lock = -1;
	struct err ignored;

	/* whoever works on it holds the lock, from before its lease is there */
	if (is_key(key) && !lease_exists(dir, key) &&
	    lease_lock(dir, key, 0, &lock, &ignored) == 0 && !lease_exists(dir, key))
		(void)lease_remove(dir, key, &ignored);
}

static void sweep_pod(int dir, const char *uid)
{
	char name[POD_NAME_ROOM];
	char key[LEASE_KEY_ROOM];

	if (pod_name(uid, name) && pod_read(dir, name, key) && !lease_exists(dir, key))
		(void)unlinkat(dir, name, 0);
}

void lease_sweep(int dir)
{
	each_name(dir, "locks", sweep_lock);
	each_name(dir, "pods", sweep_pod);
}
