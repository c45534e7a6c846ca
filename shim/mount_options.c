/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/mount_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "config/base/err.h"

struct word {
	char name[16];
	unsigned long set;
	unsigned long clear;
};

static const struct word flag_words[] = {
	{ "async", 0, MS_SYNCHRONOUS },
	{ "atime", 0, MS_NOATIME },
	{ "bind", MS_BIND, 0 },
	{ "defaults", 0, 0 },
	{ "dev", 0, MS_NODEV },
	{ "diratime", 0, MS_NODIRATIME },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "mand", MS_MANDLOCK, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodev", MS_NODEV, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "noexec", MS_NOEXEC, 0 },
	{ "nomand", 0, MS_MANDLOCK },
	{ "norelatime", 0, MS_RELATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "nosuid", MS_NOSUID, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "remount", MS_REMOUNT, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "sync", MS_SYNCHRONOUS, 0 },
};

static const struct word propagation_words[] = {
	{ "private", MS_PRIVATE, 0 },
	{ "rprivate", MS_PRIVATE | MS_REC, 0 },
	{ "rshared", MS_SHARED | MS_REC, 0 },
	{ "rslave", MS_SLAVE | MS_REC, 0 },
	{ "runbindable", MS_UNBINDABLE | MS_REC, 0 },
	{ "shared", MS_SHARED, 0 },
	{ "slave", MS_SLAVE, 0 },
	{ "unbindable", MS_UNBINDABLE, 0 },
};

enum {
	FLAG_WORDS = sizeof(flag_words) / sizeof(flag_words[0]),
	PROPAGATION_WORDS = sizeof(propagation_words) / sizeof(propagation_words[0]),
};

static const unsigned long atime_flags = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;

void mount_options_done(struct mount_options *options)
{
	free(options->words);
	*options = (struct mount_options){ 0 };
}

static const struct word *word_find(const struct word *words, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i].name, text) == 0)
			return &words[i];
	}
	return NULL;
}

static const char *value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	return strncmp(text, key, len) == 0 ? text + len : NULL;
}

/* One option, unless it is data: then 0 is returned. */
static int instruction_take(struct mount_options *parsed, const char *text)
{
	const struct word *word = word_find(flag_words, FLAG_WORDS, text);
	const char *value;

	if (word) {
		parsed->flags = (parsed->flags | word->set) & ~word->clear;
		return 1;
	}
	word = word_find(propagation_words, PROPAGATION_WORDS, text);
	if (word) {
		parsed->propagation = word->set; /* one kind at a time: the last word counts */
		return 1;
	}
	if (strcmp(text, "loop") == 0) {
		parsed->loop = true;
		return 1;
	}
	if ((value = value_of(text, "uidmap="))) {
		parsed->uidmap = value;
		return 1;
	}
	if ((value = value_of(text, "gidmap="))) {
		parsed->gidmap = value;
		return 1;
	}
	return 0;
}

/* "direct-io" belongs to the loop device when there is one, and to the file system otherwise. */
static void direct_io_take(struct mount_options *parsed)
{
	size_t kept = 0;

	for (size_t i = 0; i < parsed->n_words; i++) {
		if (strcmp(parsed->words[i], "direct-io") == 0)
			parsed->direct_io = true;
		else
			parsed->words[kept++] = parsed->words[i];
	}
	parsed->n_words = kept;
}

int mount_options_parse(char *const *texts, size_t n, struct mount_options *parsed, struct err *err)
{
	*parsed = (struct mount_options){ 0 };
	parsed->words = calloc(n + 1, sizeof(*parsed->words));
	if (!parsed->words)
		return err_set(err, -ENOMEM, "no memory for %zu options", n);
	for (size_t i = 0; i < n; i++) {
		if (value_of(texts[i], "X-containerd."))
			return err_set(err, -EINVAL,
				       "mount was not prepared: option %s is for containerd's "
				       "mount manager",
				       texts[i]);
		if (!instruction_take(parsed, texts[i]) && texts[i][0])
			parsed->words[parsed->n_words++] = texts[i];
	}
	if (parsed->loop)
		direct_io_take(parsed);
	if (!parsed->uidmap != !parsed->gidmap)
		return err_set(err, -EINVAL, "option %s needs %s beside it",
			       parsed->uidmap ? "uidmap" : "gidmap",
			       parsed->uidmap ? "gidmap" : "uidmap");
	return 0;
}

size_t mount_options_size(const char *const *words, size_t n)
{
	size_t size = n ? n - 1 : 0;

	for (size_t i = 0; i < n; i++)
		size += strlen(words[i]);
	return size;
}

char *mount_options_join(const char *const *words, size_t n)
{
	char *text = malloc(mount_options_size(words, n) + 1);
	char *at = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ',';
		at = stpcpy(at, words[i]);
	}
	*at = '\0';
	return text;
}

unsigned long mount_options_keep_locked(unsigned long flags, unsigned long f_flags)
{
	static const struct {
		unsigned long st, ms;
	} locked[] = {
		{ ST_RDONLY, MS_RDONLY },
		{ ST_NOSUID, MS_NOSUID },
		{ ST_NODEV, MS_NODEV },
		{ ST_NOEXEC, MS_NOEXEC },
	};

	for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++) {
		if (f_flags & locked[i].st)
			flags |= locked[i].ms;
	}
	return flags & ~atime_flags; /* a remount that names no kind of atime keeps what is there */
}

unsigned long mount_options_attributes(unsigned long flags)
{
	unsigned long attributes = 0;

	if (flags & MS_RDONLY)
		attributes |= MOUNT_ATTR_RDONLY;
	if (flags & MS_NOSUID)
		attributes |= MOUNT_ATTR_NOSUID;
	if (flags & MS_NODEV)
		attributes |= MOUNT_ATTR_NODEV;
	if (flags & MS_NOEXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	if (flags & MS_NODIRATIME)
		attributes |= MOUNT_ATTR_NODIRATIME;
	if (flags & MS_STRICTATIME)
		attributes |= MOUNT_ATTR_STRICTATIME;
	else if (flags & MS_NOATIME)
		attributes |= MOUNT_ATTR_NOATIME;
	return attributes;
}
