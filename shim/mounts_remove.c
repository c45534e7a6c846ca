/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: umount2 takes rootfs away, a second umount2 says EINVAL, the directory is empty.
 * The mount table, long on a full host, is read only when that is not how it goes.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <time.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/mount_helper.h"
#include "shim/mountinfo.h"
#include "shim/mounts.h"

enum {
	BUSY_RETRIES_MAX = 50, /* containerd's numbers */
	BUSY_PAUSE_MS = 50,
	TABLE_EVERY = 10, /* tries between two looks at the mount table */
};

static const char table_path[] = "/proc/self/mountinfo";

struct entry {
	uint64_t id;
	uint64_t parent;
	uint64_t peers;
	bool peers_outside; /* what is unmounted in here would be unmounted there too */
	char *path;	    /* owned */
};

struct tree {
	struct entry *entries; /* owned */
	size_t n;
};

static void tree_done(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		free(tree->entries[i].path);
	free(tree->entries);
}

static int tree_add(struct tree *tree, const struct mountinfo *info)
{
	struct entry *grown;
	char *path;

	/* Doubling: whenever the number is a power of two there is no room left. */
	if ((tree->n & (tree->n - 1)) == 0) {
		grown = reallocarray(tree->entries, tree->n ? tree->n * 2 : 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		tree->entries = grown;
	}
	path = strdup(info->path);
	if (!path)
		return -ENOMEM;
	tree->entries[tree->n++] =
		(struct entry){ info->id, info->parent, info->peers, false, path };
	return 0;
}

static void tree_note_outside(struct tree *tree, uint64_t peers)
{
	for (size_t i = 0; i < tree->n; i++) {
		if (peers && tree->entries[i].peers == peers)
			tree->entries[i].peers_outside = true;
	}
}

/* Read the mounts at or below base; the second pass looks for their peers elsewhere. */
static int tree_read(struct tree *tree, const char *base)
{
	own_file FILE *table = fopen(table_path, "re");
	own_mem char *line = NULL;
	struct mountinfo info;
	size_t room = 0;
	int code = 0;

	if (!table)
		return -errno;
	for (int pass = 0; pass < 2 && code == 0; pass++) {
		ssize_t len;

		rewind(table);
		while (code == 0 && (len = getline(&line, &room, table)) > 0) {
			if (line[len - 1] == '\n')
				line[len - 1] = '\0';
			if (mountinfo_parse(line, &info) < 0)
				continue;
			if (pass == 0 && mountinfo_is_below(info.path, base))
				code = tree_add(tree, &info);
			else if (pass == 1 && !mountinfo_is_below(info.path, base))
				tree_note_outside(tree, info.peers);
		}
		if (tree->n == 0)
			break;
	}
	return code;
}

/*
 * Before a child goes: cut its parent's ties to peers outside the tree, or the kernel would unmount
 * the original below the source of an rbind as well.
 */
static void parent_cut_off(const struct tree *tree, uint64_t parent)
{
	for (size_t i = 0; i < tree->n; i++) {
		if (tree->entries[i].id == parent && tree->entries[i].peers_outside)
			(void)mount(NULL, tree->entries[i].path, NULL, MS_PRIVATE, NULL);
	}
}

/* The path as the mount table says it: links resolved, but for the last name. */
static int base_find(const char *rootfs, char base[PATH_MAX])
{
	char parent[PATH_MAX];
	const char *name;
	char *slash;
	size_t len;

	if ((size_t)snprintf(parent, sizeof(parent), "%s", rootfs) >= sizeof(parent))
		return -ENAMETOOLONG;
	for (len = strlen(parent); len > 1 && parent[len - 1] == '/'; len--)
		parent[len - 1] = '\0';
	slash = strrchr(parent, '/');
	name = rootfs + (slash - parent) + 1;
	len = strlen(slash + 1);
	slash[slash == parent] = '\0';
	if (!realpath(parent, base))
		return -errno;
	if (strlen(base) + 1 + len >= PATH_MAX)
		return -ENAMETOOLONG;
	(void)sprintf(base + strlen(base), "%s%.*s", strcmp(base, "/") == 0 ? "" : "/", (int)len,
		      name);
	return 0;
}

/*
 * Unmount all that the mount table shows at or below rootfs, last first.
 *
 * busy   receives the path of a mount that was busy; NUL-terminated, PATH_MAX bytes
 *
 * Returns how many went, or negative.
 */
static int tree_remove(const char *rootfs, char *busy, struct err *err)
{
	struct tree tree = { 0 };
	char base[PATH_MAX];
	bool named = false;
	int gone = 0;
	int code = base_find(rootfs, base);

	if (code == 0)
		code = tree_read(&tree, base);
	for (size_t i = tree.n; code == 0 && i-- > 0;) {
		const struct entry *entry = &tree.entries[i];

		if (strcmp(entry->path, base) != 0)
			parent_cut_off(&tree, entry->parent);
		if (umount2(entry->path, UMOUNT_NOFOLLOW) == 0) {
			gone++;
		} else if (errno == EBUSY && !named) {
			named = true; /* the deepest; what holds it is busy because of it */
			(void)snprintf(busy, PATH_MAX, "%s", entry->path);
		}
	}
	tree_done(&tree);
	if (code == 0)
		return gone;
	errno = -code;
	return err_errno(err, "find the mounts below %s", rootfs);
}

/* Only a directory that is not empty can still hold mounts when it is none itself. */
static bool has_content(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return found;
}

static bool is_fuse(const char *path)
{
	struct statfs info;

	return statfs(path, &info) == 0 && info.f_type == FUSE_SUPER_MAGIC;
}

static void busy_pause(void)
{
	const struct timespec pause = { .tv_nsec = BUSY_PAUSE_MS * 1000000L };

	(void)nanosleep(&pause, NULL);
}

/* Unmount the whole stack at the path. Returns 0, or a negative errno value. */
static int stack_remove(const char *path)
{
	for (;;) {
		if (is_fuse(path) && mounts_is_mounted(path) && mount_helper_unmount(path) == 0)
			continue;
		if (umount2(path, UMOUNT_NOFOLLOW) < 0)
			return errno == EINVAL || errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	}
}

int mounts_remove(const char *rootfs, struct err *err)
{
	char busy[PATH_MAX];
	int tries = 0;

	if (!rootfs[0])
		return 0;
	if (rootfs[0] != '/' || strspn(rootfs, "/") == strlen(rootfs))
		return err_set(err, -EINVAL, "unmount \"%s\": no directory of a container", rootfs);
	(void)snprintf(busy, sizeof(busy), "%s", rootfs);
	for (;;) {
		int code = stack_remove(rootfs);
		int gone = 0;

		if (code < 0 && code != -EBUSY) {
			errno = -code;
			return err_errno(err, "unmount %s", rootfs);
		}
		if (code == 0 && !has_content(rootfs))
			return 0;
		if (tries % TABLE_EVERY == 0)
			gone = tree_remove(rootfs, busy, err);
		if (gone < 0)
			return gone;
		if (gone > 0)
			continue;
		if (code == 0)
			return 0;
		if (++tries > BUSY_RETRIES_MAX)
			return err_set(err, -EBUSY,
				       "unmount %s: %s is busy: a process still uses it", rootfs,
				       busy);
		busy_pause();
	}
}
