/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cni/error.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "config/base/num.h"

enum {
	STORE_LINE_ROOM = 192,
	STORE_FIELDS = 5,
	STORE_WAIT_MAX_US = 4000, /* between two looks at the lock */
};

#define STORE_HEAD  "azl-ranges 1\n"
#define STORE_FILE  "state"
#define STORE_ASIDE ".state.new"
#define STORE_BAD   "state.bad"

static int64_t store_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Make every folder of an absolute path. Returns 0 or a negative errno value. */
static int store_make_path(const char *path)
{
	char part[512];

	for (const char *end = strchr(path + 1, '/');; end = strchr(end + 1, '/')) {
		int len = end ? (int)(end - path) : (int)strlen(path);

		if (len >= (int)sizeof(part))
			return -ENAMETOOLONG;
		(void)snprintf(part, sizeof(part), "%.*s", len, path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (!end)
			return 0;
	}
}

int store_open(int network_dir, const char *data_dir, const char *network, int *dir,
	       struct err *err)
{
	char path[512] = "ranges";
	int fd;

	if (data_dir) {
		int len = snprintf(path, sizeof(path), "%s/%s/ranges", data_dir, network);

		if (data_dir[0] != '/' || len >= (int)sizeof(path))
			return cni_err(err, CNI_CONFIG_INVALID, "dataDir: not a usable path: %s",
				       data_dir);
		errno = -store_make_path(path);
		if (errno != 0)
			return err_errno(err, "dataDir: make %s", path);
	} else if (mkdirat(network_dir, path, 0700) < 0 && errno != EEXIST) {
		return err_errno(err, "make the folder of ranges");
	}
	fd = openat(network_dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "open %s", path);
	*dir = fd;
	return 0;
}

static int store_lock(int dir, int64_t until_ms, int *lock, struct err *err)
{
	own_fd int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	unsigned int wait_us = 100;

	if (fd < 0)
		return err_errno(err, "open the lock of the ranges");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, "lock the ranges");
		if (store_ms(CLOCK_MONOTONIC) >= until_ms)
			return cni_err(err, CNI_TRY_AGAIN, "the ranges are locked by another call");
		(void)usleep(wait_us);
		if (wait_us < STORE_WAIT_MAX_US)
			wait_us *= 2;
	}
	*lock = fd_take(&fd);
	return 0;
}

size_t store_lower_bound(const struct store *store, const struct address *address)
{
	size_t low = 0;
	size_t high = store->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct address *at = &store->entries[mid].address;
		bool below = at->family != address->family ? at->family < address->family
							   : address_compare(at, address) < 0;

		if (below)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct store_entry *store_find(const struct store *store, const struct address *address)
{
	size_t at = store_lower_bound(store, address);

	if (at < store->n && address_equal(&store->entries[at].address, address))
		return &store->entries[at];
	return NULL;
}

/* The entry of an address, made when there is none; NULL: no memory. */
static struct store_entry *store_slot(struct store *store, const struct address *address)
{
	size_t at = store_lower_bound(store, address);
	struct store_entry *entry;

	if (at < store->n && address_equal(&store->entries[at].address, address))
		return &store->entries[at];
	if (store->n == store->room) {
		size_t room = store->room ? store->room * 2 : 64;

		entry = realloc(store->entries, room * sizeof(*entry));
		if (!entry)
			return NULL;
		store->entries = entry;
		store->room = room;
	}
	entry = &store->entries[at];
	memmove(entry + 1, entry, (store->n - at) * sizeof(*entry));
	memset(entry, 0, sizeof(*entry));
	entry->address = *address;
	entry->address.prefix = address_bits(address->family);
	store->n++;
	return entry;
}

int store_hold(struct store *store, const struct address *address, const char *key)
{
	struct store_entry *entry = store_slot(store, address);

	if (!entry)
		return -ENOMEM;
	entry->held = true;
	(void)snprintf(entry->key, sizeof(entry->key), "%s", key);
	entry->since_ms = store_ms(CLOCK_REALTIME);
	return 0;
}

void store_free_entry(struct store_entry *entry)
{
	entry->held = false;
	entry->key[0] = '\0';
	entry->since_ms = store_ms(CLOCK_REALTIME);
}

/* One line: "H KEY ADDRESS BOOT MS" or "F - ADDRESS - MS". Returns 0, -EBADMSG, -ENOMEM. */
static int store_line(struct store *store, char *line)
{
	char *field[STORE_FIELDS];
	struct store_entry *entry;
	struct address address;
	char *rest = line;
	uint64_t since;

	for (size_t i = 0; i < STORE_FIELDS; i++) {
		field[i] = strsep(&rest, " ");
		if (!field[i] || !field[i][0])
			return -EBADMSG;
	}
	if (rest || (strcmp(field[0], "H") != 0 && strcmp(field[0], "F") != 0) ||
	    strlen(field[1]) >= LEASE_KEY_ROOM || address_parse(field[2], &address) != 0 ||
	    num_u64_parse(field[4], strlen(field[4]), &since) != 0 || since > INT64_MAX)
		return -EBADMSG;
	entry = store_slot(store, &address);
	if (!entry)
		return -ENOMEM;
	entry->held = field[0][0] == 'H' && strcmp(field[3], store->boot) == 0;
	entry->since_ms = (int64_t)since;
	(void)snprintf(entry->key, sizeof(entry->key), "%s", entry->held ? field[1] : "");
	return 0;
}

static int store_parse(struct store *store, char *text, size_t len)
{
	char *rest = text;
	char *line;

	if (len < sizeof(STORE_HEAD) || strlen(text) != len || text[len - 1] != '\n' ||
	    strncmp(text, STORE_HEAD, sizeof(STORE_HEAD) - 1) != 0)
		return -EBADMSG;
	rest += sizeof(STORE_HEAD) - 1;
	text[len - 1] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		int code = store_line(store, line);

		if (code != 0)
			return code;
	}
	return 0;
}

static int store_from_lease(void *owner, const struct lease *lease)
{
	struct store *store = owner;

	for (size_t i = 0; i < lease->n_ips; i++) {
		if (store_hold(store, &lease->ips[i], lease->key) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* Read the file. Returns 0, -ENOENT, -EBADMSG, ... */
static int store_read(struct store *store)
{
	struct buf buf = { 0 };
	int code = fd_read_file(store->dir, STORE_FILE, STORE_MAX_BYTES, &buf);

	if (code == 0 && buf.len > 0 && strcmp((char *)buf.data, STORE_HEAD) != 0)
		code = store_parse(store, (char *)buf.data, buf.len);
	else if (code == 0 && buf.len == 0)
		code = -ENOENT;
	buf_done(&buf);
	return code;
}

/* Read, or make from the leases what cannot be read. */
static int store_load(int network_dir, struct store *store, struct err *err)
{
	int code;

	code = lease_boot(store->boot, err);
	if (code < 0)
		return code;
	code = store_read(store);
	if (code == 0)
		return 0;
	if (code != -ENOENT && code != -EBADMSG && code != -EFBIG)
		return err_set(err, code, "read the ranges: %s", err_reason(-code));
	if (code != -ENOENT && store->lock >= 0) {
		log_warn(NULL, "the file of addresses is not readable; made again from the leases");
		(void)renameat(store->dir, STORE_FILE, store->dir, STORE_BAD);
	}
	store->n = 0;
	code = lease_each(network_dir, store_from_lease, store, err);
	return code == -ENOENT ? 0 : code;
}

static int store_start(int network_dir, int dir, struct store *store, struct err *err)
{
	int code;

	store->dir = dir;
	code = store_load(network_dir, store, err);
	if (code < 0)
		store_done(store);
	return code;
}

int store_begin(int network_dir, int dir, int64_t until_ms, struct store *store, struct err *err)
{
	int code;

	*store = (struct store){ .lock = -1 };
	code = store_lock(dir, until_ms, &store->lock, err);
	return code < 0 ? code : store_start(network_dir, dir, store, err);
}

int store_look(int network_dir, int dir, struct store *store, struct err *err)
{
	*store = (struct store){ .lock = -1 };
	return store_start(network_dir, dir, store, err);
}

/* Forget what was given back longest ago, beyond what is remembered. */
static void store_forget(struct store *store)
{
	size_t cooled = 0;

	for (size_t i = 0; i < store->n; i++)
		cooled += !store->entries[i].held;
	for (; cooled > STORE_COOLED_MAX; cooled--) {
		struct store_entry *oldest = NULL;

		for (size_t i = 0; i < store->n; i++) {
			struct store_entry *entry = &store->entries[i];

			if (!entry->held && (!oldest || entry->since_ms < oldest->since_ms))
				oldest = entry;
		}
		if (!oldest)
			return;
		store->n--;
		memmove(oldest, oldest + 1,
			(store->n - (size_t)(oldest - store->entries)) * sizeof(*oldest));
	}
}

static int store_format(const struct store *store, struct buf *buf)
{
	int code = buf_add_text(buf, STORE_HEAD, STORE_MAX_BYTES);

	for (size_t i = 0; code == 0 && i < store->n; i++) {
		const struct store_entry *entry = &store->entries[i];
		char address[ADDRESS_TEXT_ROOM];
		char line[STORE_LINE_ROOM];

		address_format(&entry->address, false, address);
		(void)snprintf(line, sizeof(line), "%c %s %s %s %lld\n", entry->held ? 'H' : 'F',
			       entry->held ? entry->key : "-", address,
			       entry->held ? store->boot : "-", (long long)entry->since_ms);
		code = buf_add_text(buf, line, STORE_MAX_BYTES);
	}
	return code;
}

/* The name aside is fixed: whoever was killed leaves at most one, which the next one writes over.
 */
static int store_replace(int dir, const void *bytes, size_t len)
{
	own_fd int fd = openat(dir, STORE_ASIDE,
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code;

	if (fd < 0)
		return -errno;
	code = fd_write_all(fd, bytes, len);
	if (code == 0 && renameat(dir, STORE_ASIDE, dir, STORE_FILE) < 0)
		code = -errno;
	if (code != 0)
		(void)unlinkat(dir, STORE_ASIDE, 0);
	return code;
}

int store_commit(struct store *store, struct err *err)
{
	struct buf buf = { 0 };
	int code;

	store_forget(store);
	code = store_format(store, &buf);
	if (code == 0)
		code = store_replace(store->dir, buf.data, buf.len);
	buf_done(&buf);
	if (code != 0)
		return err_set(err, code, "write the file of addresses: %s", err_reason(-code));
	return 0;
}

void store_done(struct store *store)
{
	free(store->entries);
	store->entries = NULL;
	store->n = 0;
	store->room = 0;
	store->lock = fd_close(store->lock);
}

int store_mark_free(const struct store *store, const char *key)
{
	own_fd int fd = openat(store->dir, STORE_FILE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf buf = { 0 };
	char want[LEASE_KEY_ROOM + 4];
	int code;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	code = fd_read_file(store->dir, STORE_FILE, STORE_MAX_BYTES, &buf);
	(void)snprintf(want, sizeof(want), "H %s ", key);
	for (const char *at = (const char *)buf.data; code == 0 && at;) {
		const char *line = strstr(at, want);

		if (!line)
			break;
		if (line > (const char *)buf.data && line[-1] == '\n' &&
		    pwrite(fd, "F", 1, (off_t)(line - (const char *)buf.data)) != 1)
			code = -errno;
		at = line + 1;
	}
	buf_done(&buf);
	return code;
}
