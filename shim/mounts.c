/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry, the happy path:
 *   read its options, open the target inside rootfs, mount over it, and on the new mount:
 *   id-map, set propagation, make a bind read-only.
 */
#include "shim/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/idmap.h"
#include "shim/loopdev.h"
#include "shim/mount_helper.h"
#include "shim/mount_options.h"
#include "shim/overlay.h"

enum { OPEN_RETRIES_MAX = 32 }; /* of openat2, which gives up when it sees a rename */

/* Where a mount goes, or the mount that is there. */
struct place {
	int fd;	       /* owned; O_PATH, -1 = none */
	char link[32]; /* its name in /proc/self/fd: no path to be led astray on */
};

/* One entry under way. */
struct step {
	const Pb__Mount *mount;
	struct mount_options options;
	struct place under; /* what gets covered */
	int userns;	    /* owned; -1 = not id-mapped */
};

static void place_done(struct place *place)
{
	place->fd = fd_close(place->fd);
}

static int open_in_root(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int tries = 0;
	long fd;

	do {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < OPEN_RETRIES_MAX);
	return (int)fd;
}

/* Open what is at the target now: the directory before the mount, the mount after it. */
static int place_open(struct place *place, const char *rootfs, const char *target, struct err *err)
{
	own_fd int root = open(rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (root < 0)
		return err_errno(err, "open %s", rootfs);
	if (target[0]) {
		place->fd = open_in_root(root, target);
		if (place->fd < 0)
			return err_errno(err, "target %s inside %s", target, rootfs);
	} else {
		place->fd = fd_take(&root);
	}
	(void)snprintf(place->link, sizeof(place->link), "/proc/self/fd/%d", place->fd);
	return 0;
}

/* The path of a place. Returns text that the caller frees, or NULL. */
static char *place_path(const struct place *place)
{
	char path[PATH_MAX];
	ssize_t n = readlink(place->link, path, sizeof(path) - 1);

	return n < 0 ? NULL : strndup(path, (size_t)n);
}

/* Turn a failed mount(2) into a sentence about what to look at. */
static int mount_explain(const struct step *step, const char *source, struct err *err)
{
	int code = errno;
	struct stat info;

	if (source[0] == '/' && stat(source, &info) < 0)
		return err_errno(err, "source %s", source);
	errno = code;
	switch (code) {
	case ENODEV:
		return err_errno(err, "file system type \"%s\" is unknown to this kernel",
				 step->mount->type);
	case EINVAL:
		return err_errno(err, "the kernel refuses the options, or the source holds no "
				      "such file system (its log says which)");
	case ENOTBLK:
		return err_errno(err, "source %s is no block device (option \"loop\" missing?)",
				 source);
	default:
		return err_errno(err, "mount");
	}
}

static int mount_plain(const struct step *step, struct err *err)
{
	const struct mount_options *options = &step->options;
	const unsigned long ro_bind_remount = MS_REMOUNT | MS_BIND | MS_RDONLY;
	const char *source = step->mount->source;
	own_mem char *data = mount_options_join(options->words, options->n_words);
	own_fd int device = -1;
	char name[LOOPDEV_NAME_MAX];

	if (!data)
		return err_set(err, -ENOMEM, "no memory for the options");
	if (strlen(data) >= (size_t)sysconf(_SC_PAGESIZE))
		return err_set(err, -E2BIG, "mount options is too long");
	if (!data[0] && (options->flags & ro_bind_remount) == ro_bind_remount)
		return 0; /* read_only_set() does exactly this */
	if (options->loop) {
		device = loopdev_open(source, options->flags & MS_RDONLY, options->direct_io, name,
				      err);
		if (device < 0)
			return device;
		source = name;
	}
	if (mount(source, step->under.link, step->mount->type, options->flags,
		  data[0] ? data : NULL) < 0)
		return mount_explain(step, source, err);
	return 0;
}

static int mount_cover(const struct step *step, struct err *err)
{
	const struct overlay overlay = { step->mount->source, step->under.link, &step->options };

	if (mount_helper_is_for(step->mount->type)) {
		own_mem char *path = place_path(&step->under);

		return path ? mount_helper_mount(step->mount, path, err)
			    : err_set(err, -ENOMEM, "no memory for a path");
	}
	if (strcmp(step->mount->type, "overlay") != 0 || (step->options.flags & MS_REMOUNT))
		return mount_plain(step, err);
	if (step->userns >= 0)
		return overlay_mount_idmapped(&overlay, step->userns, err);
	return overlay_mount(&overlay, err);
}

/* Put an id-mapped copy in the place of the new mount. */
static int mount_idmap(const struct step *step, const struct place *top, struct err *err)
{
	own_fd int tree =
		idmap_clone(top->link, step->userns, step->options.flags & MS_REC, false, err);

	if (tree < 0)
		return tree;
	/* Made by us a moment ago: nobody is in it, and the copy stands alone. */
	if (umount2(top->link, MNT_DETACH) < 0)
		return err_errno(err, "replace the mount by its id-mapped copy");
	return idmap_attach(tree, step->under.link, err);
}

/* A bind takes no notice of "ro": say it again to the mount that it made. */
static int read_only_set(const struct place *top, unsigned long flags, struct err *err)
{
	struct statfs info;

	if (mount(NULL, top->link, NULL, flags | MS_REMOUNT, NULL) == 0)
		return 0;
	if (errno == EPERM && statfs(top->link, &info) == 0) {
		flags = mount_options_keep_locked(flags, (unsigned long)info.f_flags);
		if (mount(NULL, top->link, NULL, flags | MS_REMOUNT, NULL) == 0)
			return 0;
	}
	return err_errno(err, "make the bind read-only");
}

/* What is done to the mount once it is there. */
static int mount_settle(const struct step *step, const char *rootfs, struct err *err)
{
	const struct mount_options *options = &step->options;
	const bool ro_bind = (options->flags & (MS_BIND | MS_RDONLY)) == (MS_BIND | MS_RDONLY);
	const bool idmap = step->userns >= 0 && strcmp(step->mount->type, "overlay") != 0;
	struct place top = { .fd = -1 };
	int code;

	if (!ro_bind && !idmap && !options->propagation)
		return 0;
	code = place_open(&top, rootfs, step->mount->target, err);
	if (code == 0 && idmap) {
		code = mount_idmap(step, &top, err);
		place_done(&top);
		if (code == 0)
			code = place_open(&top, rootfs, step->mount->target, err);
	}
	if (code == 0 && options->propagation &&
	    mount(NULL, top.link, NULL, options->propagation, NULL) < 0)
		code = err_errno(err, "set its propagation");
	if (code == 0 && ro_bind)
		code = read_only_set(&top, options->flags, err);
	place_done(&top);
	return code;
}

static int step_prepare(struct step *step, const char *rootfs, struct err *err)
{
	const Pb__Mount *mount = step->mount;
	int code;

	if (strchr(mount->type, '/'))
		return err_set(err, -EINVAL,
			       "mount was not prepared: type %s is for containerd's mount manager",
			       mount->type);
	code = mount_options_parse(mount->options, mount->n_options, &step->options, err);
	if (code < 0)
		return code;
	if (mount_helper_is_for(mount->type))
		mount_options_done(&step->options); /* all of them are for the helper */
	code = place_open(&step->under, rootfs, mount->target, err);
	if (code < 0 || !step->options.uidmap)
		return code;
	step->userns = idmap_userns_open(step->options.uidmap, step->options.gidmap, err);
	return step->userns < 0 ? step->userns : 0;
}

/*
 * One entry.
 *
 * covered   receives the path that must be unmounted to undo it, NULL when there is nothing to
 *           undo; the caller frees it
 */
static int entry_apply(const Pb__Mount *mount, const char *rootfs, char **covered, struct err *err)
{
	struct step step = { .mount = mount, .under = { .fd = -1 }, .userns = -1 };
	int code = step_prepare(&step, rootfs, err);

	if (code == 0 && !(step.options.flags & MS_REMOUNT)) {
		*covered = place_path(&step.under);
		if (!*covered)
			code = err_set(err, -ENOMEM, "no memory for a path");
	}
	if (code == 0) {
		code = mount_cover(&step, err);
		/* Without a mount there is nothing to take away; with half an id-mapped one there
		 * may be. */
		if (code < 0 && step.userns < 0) {
			free(*covered);
			*covered = NULL;
		}
	}
	if (code == 0)
		code = mount_settle(&step, rootfs, err);
	place_done(&step.under);
	(void)fd_close(step.userns);
	mount_options_done(&step.options);
	return code;
}

/* Unmount what the first `n` entries covered, last first; says in err what could not be undone. */
static void entries_undo(char *const *covered, size_t n, struct err *err)
{
	while (n-- > 0) {
		struct err undo = { 0 };
		size_t used = strlen(err->msg);

		if (covered[n] && mounts_remove(covered[n], &undo) < 0)
			(void)snprintf(err->msg + used, sizeof(err->msg) - used,
				       " (and not undone: %.300s)", undo.msg);
	}
}

int mounts_apply(Pb__Mount *const *mounts, size_t n, const char *rootfs, struct err *err)
{
	own_mem char **covered = calloc(n + 1, sizeof(*covered));
	int code = 0;
	size_t i;

	if (!covered)
		return err_set(err, -ENOMEM, "no memory for %zu mounts", n);
	if (rootfs[0] != '/')
		return err_set(err, -EINVAL, "rootfs \"%s\" is no absolute path", rootfs);
	for (i = 0; i < n && code == 0; i++) {
		const Pb__Mount *mount = mounts[i];

		code = entry_apply(mount, rootfs, &covered[i], err);
		if (code < 0)
			(void)err_wrap(err,
				       "mount %zu of %zu (%.64s from %.256s on %.256s%s%.128s)",
				       i + 1, n, mount->type, mount->source, rootfs,
				       mount->target[0] && mount->target[0] != '/' ? "/" : "",
				       mount->target);
	}
	if (code < 0)
		entries_undo(covered, i, err);
	while (i-- > 0)
		free(covered[i]);
	return code;
}

bool mounts_is_mounted(const char *rootfs)
{
	struct statx info;

	if (statx(AT_FDCWD, rootfs, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0,
		  &info) < 0)
		return false;
	return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}
