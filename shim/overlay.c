/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "shim/idmap.h"
#include "shim/mount_options.h"
#include "shim/overlay_plan.h"

enum {
	COMPACT_SPARE_BYTES = 512,  /* containerd's distance to a page */
	NAMES_MAX_BYTES = 64 << 10, /* "0:1:..." of far more layers than the kernel takes */
	FSCONFIG_TEXT_MAX = 255,    /* linux fs/fsopen.c: strndup_user(_value, 256) */
};

static const char merged_name[] = "m"; /* inside the scaffold of an id-mapped overlay */

/* ---- what went wrong --------------------------------------------------------------------------*/

/* Returns negative with err filled when the directory cannot be used. */
static int dir_check(const char *what, const char *text, size_t len, struct err *err)
{
	char path[PATH_MAX];
	struct stat info;
	size_t used = 0;

	for (size_t i = 0; i < len && used + 1 < sizeof(path); i++) {
		if (text[i] == '\\' && i + 1 < len)
			i++;
		path[used++] = text[i];
	}
	path[used] = '\0';
	if (used == 0)
		return 0;
	if (stat(path, &info) < 0)
		return err_errno(err, "%s %s", what, path);
	if (!S_ISDIR(info.st_mode))
		return err_set(err, -ENOTDIR, "%s %s: not a directory", what, path);
	return 0;
}

/* Name the directory that makes the mount impossible, or say what the kernel said. */
static int explain(const struct overlay *overlay, int code, const char *said, struct err *err)
{
	for (size_t i = 0; i < overlay->options->n_words; i++) {
		const char *word = overlay->options->words[i];
		const char *value = strchr(word, '=');
		const char *layer;
		size_t len;
		int found = 0;

		if (!value)
			continue;
		value++;
		if (strncmp(word, "upperdir=", 9) == 0 || strncmp(word, "workdir=", 8) == 0)
			found = dir_check(word[0] == 'u' ? "upperdir" : "workdir", value,
					  strlen(value), err);
		else if (strncmp(word, overlay_lower_key, strlen(overlay_lower_key)) == 0)
			while (found == 0 && (layer = overlay_layer_next(&value, &len)))
				found = dir_check("lowerdir", layer, len, err);
		if (found < 0)
			return found;
	}
	errno = -code;
	if (said[0])
		return err_errno(err, "%s", said);
	if (code == -EINVAL)
		return err_errno(err, "the kernel refuses the options or the layers (its log "
				      "says which)");
	return err_errno(err, "mount");
}

/* ---- mounting ---------------------------------------------------------------------------------*/

/* Mount from within a directory; NULL: from where we are. Returns 0 or a negative errno value. */
static int mount_within(const char *dir, const struct overlay *overlay, const char *data)
{
	own_fd int here = -1;
	int code = 0;

	if (dir) {
		here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (here < 0 || chdir(dir) < 0)
			return -errno;
	}
	if (mount(overlay->source, overlay->target, "overlay", overlay->options->flags, data) < 0)
		code = -errno;
	if (dir && fchdir(here) < 0 && code == 0)
		code = -errno;
	return code;
}

static int option_set(int fs, const char *word)
{
	char key[FSCONFIG_TEXT_MAX + 1];
	char value[FSCONFIG_TEXT_MAX + 1];
	const char *equals = strchr(word, '=');
	size_t len;

	if (!equals)
		return fsconfig(fs, FSCONFIG_SET_FLAG, word, NULL, 0) < 0 ? -errno : 0;
	if ((size_t)(equals - word) >= sizeof(key) || strlen(equals + 1) >= sizeof(value))
		return -E2BIG;
	*(char *)mempcpy(key, word, (size_t)(equals - word)) = '\0';
	strcpy(value, equals + 1);
	len = strlen(value);
	/* The quotes of context="a,b" are for the parser of mount(2), which is not asked here. */
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		memmove(value, value + 1, len - 2);
		value[len - 2] = '\0';
	}
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

/* Returns 0, -E2BIG: this kernel or these layers do not allow it, or another negative value. */
static int layers_set(int fs, const char *lower)
{
	const char *at = lower;
	const char *layer;
	size_t len;

	while ((layer = overlay_layer_next(&at, &len))) {
		char text[FSCONFIG_TEXT_MAX + 1];

		if (len == 0 || len >= sizeof(text) || memchr(layer, '\\', len))
			return -E2BIG;
		*(char *)mempcpy(text, layer, len) = '\0';
		if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", text, 0) < 0)
			return errno == EINVAL ? -E2BIG : -errno; /* before 6.7, or over 500 */
	}
	return 0;
}

static int context_fill(int fs, const struct overlay *overlay)
{
	const struct mount_options *options = overlay->options;
	size_t skip = overlay_lower_find(options);
	int code = 0;

	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", overlay->source, 0) < 0 ||
	    ((options->flags & MS_RDONLY) && fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0))
		return -errno;
	for (size_t i = 0; i < options->n_words && code == 0; i++) {
		if (i != skip)
			code = option_set(fs, options->words[i]);
	}
	return code;
}

/* Mount layer by layer; the layers are relative to the working directory or absolute. */
static int mount_layers(const struct overlay *overlay, const char *lower, struct err *err)
{
	own_fd int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	own_fd int tree = -1;
	char said[256] = "";
	int code = fs < 0 ? -errno : layers_set(fs, lower);

	if (code == 0)
		code = context_fill(fs, overlay);
	if (code == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		code = -errno;
	if (code == 0) {
		tree = fsmount(fs, FSMOUNT_CLOEXEC,
			       (unsigned int)mount_options_attributes(overlay->options->flags));
		if (tree < 0 || move_mount(tree, "", AT_FDCWD, overlay->target,
					   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
			code = -errno;
	}
	if (code == 0)
		return 0;
	if (fs >= 0) {
		ssize_t n = read(fs, said, sizeof(said) - 1);

		said[n > 0 ? n : 0] = '\0';
		said[strcspn(said, "\n")] = '\0';
	}
	if (code == -E2BIG)
		return err_set(err, code, "mount options is too long%s%s", said[0] ? ": " : "",
			       said);
	return explain(overlay, code, said, err);
}

static int mount_layers_within(const char *dir, const struct overlay *overlay, const char *lower,
			       struct err *err)
{
	own_fd int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int code;

	if (here < 0 || (dir && chdir(dir) < 0))
		return explain(overlay, -errno, "", err);
	code = mount_layers(overlay, lower, err);
	if (fchdir(here) < 0 && code == 0)
		return err_errno(err, "return from %s", dir);
	return code;
}

/* The options fill a page. */
static int mount_long(const struct overlay *overlay, struct err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t index = overlay_lower_find(overlay->options);
	own_mem char *dir = NULL;
	own_mem char *relative = NULL;
	own_mem char *data = NULL;
	const char *lower;
	int code;

	if (index == overlay->options->n_words)
		return err_set(err, -E2BIG, "mount options is too long");
	lower = overlay->options->words[index] + strlen(overlay_lower_key);
	code = overlay_compact(lower, &dir, &relative);
	if (code < 0)
		return err_set(err, code, "no memory for the layers");
	data = code ? overlay_data(overlay->options, relative)
		    : mount_options_join(overlay->options->words, overlay->options->n_words);
	if (!data)
		return err_set(err, -ENOMEM, "no memory for the layers");
	if (strlen(data) >= page)
		return mount_layers_within(dir, overlay, relative ? relative : lower, err);
	code = mount_within(dir, overlay, data);
	return code < 0 ? explain(overlay, code, "", err) : 0;
}

int overlay_mount(const struct overlay *overlay, struct err *err)
{
	const struct mount_options *options = overlay->options;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	own_mem char *data = NULL;
	int code;

	if (mount_options_size(options->words, options->n_words) >= page - COMPACT_SPARE_BYTES)
		return mount_long(overlay, err);
	data = mount_options_join(options->words, options->n_words);
	if (!data)
		return err_set(err, -ENOMEM, "no memory for the options");
	code = mount_within(NULL, overlay, data);
	return code < 0 ? explain(overlay, code, "", err) : 0;
}

/* ---- id-mapped --------------------------------------------------------------------------------*/

/* An empty tmpfs over the target, private, so that what is built in it stays here. */
static int scaffold_mount(const char *target, struct err *err)
{
	struct mount_attr private = { .propagation = MS_PRIVATE };
	own_fd int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	own_fd int tree = -1;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(err, "make a tmpfs for id-mapped layers");
	tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (tree < 0 || move_mount(tree, "", AT_FDCWD, target,
				   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
		return err_errno(err, "mount a tmpfs for id-mapped layers");
	(void)mount_setattr(tree, "", AT_EMPTY_PATH, &private, sizeof(private));
	return fd_take(&tree);
}

/* Attach each layer, mapped, as "0", "1", ... of the working directory; names: "0:1:...". */
static int layers_attach(const char *lower, int userns, struct buf *names, struct err *err)
{
	const char *at = lower;
	const char *layer;
	size_t len;

	for (unsigned int i = 0; (layer = overlay_layer_next(&at, &len)); i++) {
		own_mem char *path = strndup(layer, len);
		own_fd int tree = -1;
		char name[16];
		int code;

		if (!path)
			return err_set(err, -ENOMEM, "no memory for the layers");
		if (len == 0 || memchr(layer, '\\', len))
			return err_set(err, -EINVAL, "layer \"%s\" cannot be id-mapped", path);
		tree = idmap_clone(path, userns, false, true, err);
		if (tree < 0)
			return err_wrap(err, "lowerdir %s", path);
		(void)snprintf(name, sizeof(name), "%s%u", i ? ":" : "", i);
		if (mkdir(name + (i > 0), 0700) < 0)
			return err_errno(err, "make a place for layer %u", i);
		code = idmap_attach(tree, name + (i > 0), err);
		if (code < 0)
			return code;
		if (buf_add_text(names, name, NAMES_MAX_BYTES) < 0)
			return err_set(err, -ENOMEM, "no memory for the layers");
	}
	return buf_add(names, "", 1, NAMES_MAX_BYTES) < 0
		       ? err_set(err, -ENOMEM, "no memory for the layers")
		       : 0;
}

/* In the scaffold: build the overlay. Returns it, attached nowhere, or negative. */
static int merged_build(const struct overlay *overlay, int userns, struct err *err)
{
	struct overlay inner = { overlay->source, merged_name, overlay->options };
	size_t index = overlay_lower_find(overlay->options);
	struct buf names = { 0 };
	own_mem char *data = NULL;
	int code, tree;

	if (index == overlay->options->n_words)
		return err_set(err, -EINVAL, "id-mapped overlay without lowerdir");
	code = layers_attach(overlay->options->words[index] + strlen(overlay_lower_key), userns,
			     &names, err);
	if (code == 0)
		data = overlay_data(overlay->options, (const char *)names.data);
	buf_done(&names);
	if (code < 0)
		return code;
	if (!data)
		return err_set(err, -ENOMEM, "no memory for the layers");
	if (strlen(data) >= (size_t)sysconf(_SC_PAGESIZE))
		return err_set(err, -E2BIG, "mount options is too long");
	if (mkdir(merged_name, 0700) < 0)
		return err_errno(err, "make a place for the overlay");
	code = mount_within(NULL, &inner, data);
	if (code < 0)
		return explain(overlay, code, "", err);
	tree = open_tree(AT_FDCWD, merged_name, OPEN_TREE_CLONE | (unsigned int)OPEN_TREE_CLOEXEC);
	return tree < 0 ? err_errno(err, "take the overlay out") : tree;
}

int overlay_mount_idmapped(const struct overlay *overlay, int userns, struct err *err)
{
	own_fd int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	own_fd int scaffold = -1;
	own_fd int tree = -1;
	char link[32];

	if (here < 0)
		return err_errno(err, "open the working directory");
	scaffold = scaffold_mount(overlay->target, err);
	if (scaffold < 0)
		return scaffold;
	tree = fchdir(scaffold) < 0 ? err_errno(err, "enter the tmpfs for id-mapped layers")
				    : merged_build(overlay, userns, err);
	if (fchdir(here) < 0)
		return err_errno(err, "return to the working directory");
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", scaffold);
	/* Made by us a moment ago: nobody else is in it, and the overlay has copies of its own. */
	if (umount2(link, MNT_DETACH) < 0 && tree >= 0)
		return err_errno(err, "unmount the tmpfs for id-mapped layers");
	if (tree < 0)
		return err->code;
	return idmap_attach(tree, overlay->target, err);
}
