/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cni/lease_text.h"
#include "cni/netconf.h"
#include "cni/netns.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/sha256.h"

enum {
	/* any configuration, though each of its bytes be written as \u000a, and the rest */
	LEASE_FILE_MAX_BYTES = 6 * NETCONF_MAX_BYTES + (1 << 20),
	LEASE_NAME_ROOM = LEASE_KEY_ROOM + 8, /* "KEY.json" */
	LOCK_STEP_FIRST_US = 500,
	LOCK_STEP_LAST_US = 20000,
};

void lease_done(struct lease *lease)
{
	free(lease->container);
	free(lease->netns);
	free(lease->config);
	free(lease->path);
	free(lease->ipam);
	free(lease->datapath);
	*lease = (struct lease){ 0 };
}

/* ---- names ---- */

static void hash(const char *container, const char *ifname, uint8_t digest[SHA256_BYTES])
{
	own_mem char *text = NULL;
	size_t container_len = strlen(container);
	size_t ifname_len = strlen(ifname);

	text = malloc(container_len + 1 + ifname_len);
	if (!text)
		abort();
	memcpy(text, container, container_len + 1);
	memcpy(text + container_len + 1, ifname, ifname_len);
	sha256(text, container_len + 1 + ifname_len, digest);
}

void lease_key(const char *container, const char *ifname, char key[LEASE_KEY_ROOM])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_BYTES];

	hash(container, ifname, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		key[2 * i] = digits[digest[i] >> 4];
		key[2 * i + 1] = digits[digest[i] & 15];
	}
	key[LEASE_KEY_ROOM - 1] = '\0';
}

void lease_host_name(const char key[LEASE_KEY_ROOM], char name[CNI_NAME_ROOM])
{
	(void)snprintf(name, CNI_NAME_ROOM, "azc%.11s", key);
}

static uint8_t nibble(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void lease_mac(const char key[LEASE_KEY_ROOM], struct mac *mac)
{
	mac->bytes[0] = 2;
	for (size_t i = 1; i < MAC_BYTES; i++)
		mac->bytes[i] = (uint8_t)(nibble(key[2 * i - 2]) << 4 | nibble(key[2 * i - 1]));
}

int lease_boot(char boot[37], struct err *err)
{
	char text[64];
	ssize_t len = fd_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (len != 36)
		return err_set(err, len < 0 ? (int)len : -EBADMSG, "id of this boot: %s",
			       err_reason(len < 0 ? -(int)len : EBADMSG));
	memcpy(boot, text, 37);
	return 0;
}

/* ---- folders ---- */

/* Open a folder, made when it is not there; nobody else may write there. */
static int folder_open(int at, const char *name, int *dir, struct err *err)
{
	own_fd int fd = -1;
	struct stat info;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "create %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &info) < 0)
		return err_errno(err, "open %s", name);
	if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, -EPERM, "%s: others may write there", name);
	*dir = fd_take(&fd);
	return 0;
}

/* Make what is above a folder. */
static int parents_make(const char *root, struct err *err)
{
	char path[256];

	if (strlen(root) >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "%s: too long", root);
	memcpy(path, root, strlen(root) + 1);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return err_errno(err, "create %s", path);
		*slash = '/';
	}
	return 0;
}

int lease_open(const char *root, const char *network, int *dir, struct err *err)
{
	own_fd int above = -1;
	own_fd int fd = -1;
	own_fd int leases = -1;
	own_fd int locks = -1;
	int code = 0;

	/* mostly it is there */
	above = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (above < 0) {
		code = parents_make(root, err);
		if (code == 0)
			code = folder_open(AT_FDCWD, root, &above, err);
	}
	if (code == 0)
		code = folder_open(above, network, &fd, err);
	if (code == 0)
		code = folder_open(fd, "leases", &leases, err);
	if (code == 0)
		code = folder_open(fd, "locks", &locks, err);
	if (code < 0)
		return err_wrap(err, "leases of %s", network);
	*dir = fd_take(&fd);
	return 0;
}

static int subfolder(int dir, const char *name, int *fd, struct err *err)
{
	*fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *fd < 0 ? err_errno(err, "open %s", name) : 0;
}

/* ---- locks ---- */

static int64_t now_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is the locked file still the one of that name? Its holder before us may have removed it. */
static bool is_current(int locks, const char *key, int fd)
{
	struct stat ours;
	struct stat named;

	return fstat(fd, &ours) == 0 && fstatat(locks, key, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* One try: 0, 1 (held by another, or just removed), negative. */
static int lock_try(int locks, const char *key, int *lock, struct err *err)
{
	own_fd int fd = openat(locks, key, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(err, "lock %.12s", key);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == EINTR ? 1
							      : err_errno(err, "lock %.12s", key);
	if (!is_current(locks, key, fd))
		return 1;
	*lock = fd_take(&fd);
	return 0;
}

int lease_lock(int dir, const char key[LEASE_KEY_ROOM], int limit_ms, int *lock, struct err *err)
{
	own_fd int locks = -1;
	int64_t until = now_ms(CLOCK_MONOTONIC) + limit_ms;
	long step_us = LOCK_STEP_FIRST_US;
	int code = subfolder(dir, "locks", &locks, err);

	if (code < 0)
		return code;
	for (;;) {
		struct timespec step = { .tv_nsec = step_us * 1000 };

		code = lock_try(locks, key, lock, err);
		if (code <= 0 || now_ms(CLOCK_MONOTONIC) >= until)
			return code;
		(void)nanosleep(&step, NULL);
		step_us = step_us * 2 > LOCK_STEP_LAST_US ? LOCK_STEP_LAST_US : step_us * 2;
	}
}

void lease_unlock(int *lock)
{
	/* closing would not do: what a program of ours left running may have it open */
	if (*lock >= 0)
		(void)flock(*lock, LOCK_UN);
	*lock = fd_close(*lock);
}

static bool is_locked(int dir, const char *key)
{
	char name[LEASE_NAME_ROOM];
	own_fd int fd = -1;

	(void)snprintf(name, sizeof(name), "locks/%s", key);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* ---- files ---- */

static int read_file(int leases, const char *key, struct lease *lease, struct err *err)
{
	struct buf text = { 0 };
	char name[LEASE_NAME_ROOM];
	char boot[37];
	int code = lease_boot(boot, err);

	if (code < 0)
		return code;
	(void)snprintf(name, sizeof(name), "%s.json", key);
	code = fd_read_file(leases, name, LEASE_FILE_MAX_BYTES, &text);
	if (code < 0)
		return err_set(err, code, "lease %.12s: %s", key, err_reason(-code));
	code = lease_text_parse((const char *)text.data, text.len, lease, err);
	buf_done(&text);
	if (code < 0)
		return err_wrap(err, "lease %.12s", key);
	if (strcmp(lease->key, key) == 0 && strcmp(lease->boot, boot) == 0)
		return 0;
	lease_done(lease);
	return err_set(err, -EBADMSG, "lease %.12s: of another boot", key);
}

int lease_read(int dir, const char key[LEASE_KEY_ROOM], struct lease *lease, struct err *err)
{
	own_fd int leases = -1;
	struct lease read = { 0 };
	char name[LEASE_NAME_ROOM];
	int code = subfolder(dir, "leases", &leases, err);

	if (code == 0)
		code = read_file(leases, key, &read, err);
	if (code == 0)
		*lease = read;
	if (code != -EBADMSG && code != -EFBIG)
		return code;
	(void)snprintf(name, sizeof(name), "%s.json", key);
	return unlinkat(leases, name, 0) == 0 ? -EBADMSG : code;
}

int lease_write(int dir, const struct lease *lease, struct err *err)
{
	own_fd int leases = -1;
	own_fd int fd = -1;
	struct buf text = { 0 };
	char name[LEASE_NAME_ROOM];
	char aside[LEASE_NAME_ROOM];
	int code = subfolder(dir, "leases", &leases, err);

	if (code < 0)
		return code;
	(void)snprintf(name, sizeof(name), "%s.json", lease->key);
	(void)snprintf(aside, sizeof(aside), "%s.new", lease->key);
	code = lease_text_write(lease, &text, LEASE_FILE_MAX_BYTES);
	if (code == 0) {
		/* no fsync: a lease of another boot is as good as none */
		fd = openat(leases, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			    0600);
		code = fd < 0 ? -errno : fd_write_all(fd, text.data, text.len);
	}
	if (code == 0 && renameat(leases, aside, leases, name) < 0)
		code = -errno;
	buf_done(&text);
	if (code == 0)
		return 0;
	(void)unlinkat(leases, aside, 0);
	return err_set(err, code, "write lease %.12s: %s", lease->key, err_reason(-code));
}

int lease_remove(int dir, const char key[LEASE_KEY_ROOM], struct err *err)
{
	/* the lock last: who takes it then finds nothing */
	static const char *const forms[] = { "leases/%s.new", "leases/%s.json", "locks/%s" };
	char name[LEASE_NAME_ROOM + 8];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *form = forms[i];
		const char *after = strchr(form, '%') + 2;

		(void)snprintf(name, sizeof(name), "%.*s%s%s", (int)(strchr(form, '%') - form),
			       form, key, after);
		if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
			return err_errno(err, "remove %s", name);
	}
	return 0;
}

bool lease_exists(int dir, const char key[LEASE_KEY_ROOM])
{
	char name[LEASE_NAME_ROOM + 8];

	(void)snprintf(name, sizeof(name), "leases/%s.json", key);
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* ---- who lives ---- */

static bool is_netns(int at, const char *path, const struct lease *lease)
{
	struct stat info;
	own_fd int fd = -1;
	uint64_t cookie;

	if (fstatat(at, path, &info, 0) < 0 || (uint64_t)info.st_dev != lease->netns_dev ||
	    (uint64_t)info.st_ino != lease->netns_ino)
		return false;
	if (lease->netns_cookie == 0)
		return true;
	/* the number may be that of a later one */
	fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	cookie = fd < 0 ? 0 : netns_cookie(fd);
	return cookie == 0 || cookie == lease->netns_cookie;
}

static bool any_process_in(const struct lease *lease)
{
	DIR *proc = opendir("/proc");
	bool found = false;

	if (!proc) /* not known: nothing is taken from anybody */
		return true;
	for (struct dirent *entry = readdir(proc); entry && !found; entry = readdir(proc)) {
		char path[64];

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "%.20s/ns/net", entry->d_name);
		found = is_netns(dirfd(proc), path, lease);
	}
	(void)closedir(proc);
	return found;
}

bool lease_is_alive(int dir, const struct lease *lease)
{
	char boot[37];
	struct err ignored;

	if (lease_boot(boot, &ignored) == 0 && strcmp(boot, lease->boot) != 0)
		return false;
	if (lease->state == LEASE_PENDING)
		return is_locked(dir, lease->key);
	if (lease->netns_ino == 0)
		return lease->netns && access(lease->netns, F_OK) == 0;
	if (lease->netns && is_netns(AT_FDCWD, lease->netns, lease))
		return true;
	return any_process_in(lease);
}

static bool key_of(const char *name, char key[LEASE_KEY_ROOM])
{
	if (strlen(name) != LEASE_KEY_ROOM - 1 + 5 ||
	    strcmp(name + LEASE_KEY_ROOM - 1, ".json") != 0)
		return false;
	memcpy(key, name, LEASE_KEY_ROOM - 1);
	key[LEASE_KEY_ROOM - 1] = '\0';
	return strspn(key, "0123456789abcdef") == LEASE_KEY_ROOM - 1;
}

/* Remove a lease that cannot be read, when nobody works on it. */
static void sweep(int dir, const char *key)
{
	own_lock int lock = -1;
	struct lease lease = { 0 };
	struct err ignored;

	if (lease_lock(dir, key, 0, &lock, &ignored) != 0)
		return;
	if (lease_read(dir, key, &lease, &ignored) == -EBADMSG)
		(void)lease_remove(dir, key, &ignored);
	lease_done(&lease);
}

int lease_each(int dir, int (*fn)(void *owner, const struct lease *lease), void *owner,
	       struct err *err)
{
	own_fd int leases = -1;
	DIR *list;
	int code = subfolder(dir, "leases", &leases, err);

	if (code < 0)
		return code;
	list = fdopendir(leases);
	if (!list)
		return err_errno(err, "list leases");
	(void)fd_take(&leases);
	for (struct dirent *entry = readdir(list); entry && code == 0; entry = readdir(list)) {
		struct lease lease = { 0 };
		struct err ignored;
		char key[LEASE_KEY_ROOM];
		int bad;

		if (!key_of(entry->d_name, key))
			continue;
		bad = read_file(dirfd(list), key, &lease, &ignored);
		if (bad == -EBADMSG)
			sweep(dir, key);
		if (bad == 0)
			code = fn(owner, &lease);
		lease_done(&lease);
	}
	(void)closedir(list);
	return code;
}
