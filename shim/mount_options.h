/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of one rootfs mount mean: flags, instructions and data. Pure; mounts nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

struct mount_options {
	unsigned long flags;	   /* MS_*, without those of propagation */
	unsigned long propagation; /* MS_SHARED and kin, with MS_REC; 0 = left alone */
	bool loop;		   /* the source is a file for a loop device */
	bool direct_io;		   /* of the loop device */
	const char *uidmap;	   /* borrowed from the options; NULL = not id-mapped */
	const char *gidmap;	   /* set exactly when uidmap is */
	const char **words;	   /* owned; borrowed texts for the file system itself, in order */
	size_t n_words;
};

/* Free what the options hold. */
void mount_options_done(struct mount_options *options);

/*
 * Sort the options of a mount.
 *
 * texts     borrowed; must outlive parsed
 * parsed    written in every case; give it to mount_options_done
 *
 * Returns 0 or negative, err filled:
 *   -EINVAL   an instruction for containerd's mount manager, or only one of uidmap and gidmap
 *   -ENOMEM
 *
 * Source: containerd 1.7.24 mount/mount_linux.go parseMountOptions; propagation as mount(8).
 */
int mount_options_parse(char *const *texts, size_t n, struct mount_options *parsed,
			struct err *err);

/* Bytes of the words joined by commas, NUL not counted. */
size_t mount_options_size(const char *const *words, size_t n);

/* Join words with commas. Returns text that the caller frees, or NULL: no memory. */
char *mount_options_join(const char *const *words, size_t n);

/*
 * The flags for a second try at making a bind read-only, when the kernel answered EPERM.
 *
 * flags     of the first try
 * f_flags   of statfs(2) on the mount
 *
 * What a less privileged namespace may not clear is kept: nodev, nosuid and noexec by name, the
 * kind of atime by not naming any.
 *
 * Source: linux fs/namespace.c can_change_locked_flags, path_mount.
 */
unsigned long mount_options_keep_locked(unsigned long flags, unsigned long f_flags);

/* The MOUNT_ATTR_* of fsmount(2) for MS_* flags of mount(2). Source: linux fs/namespace.c. */
unsigned long mount_options_attributes(unsigned long flags);
