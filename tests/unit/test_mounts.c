/* SPDX-License-Identifier: Apache-2.0 */
/* Real mounts, in a mount namespace of this process with a tmpfs over /tmp: nothing stays behind.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/loopdev.h"
#include "shim/mounts.h"

enum { OPTIONS_MAX = 8, PATH_ROOM = 512 };

static const char rootfs[] = "/tmp/t/rootfs";

struct entry {
	const char *type, *source, *target;
	const char *options[OPTIONS_MAX];
};

/* A fresh /tmp/t with an empty rootfs in it; false when this process may not mount. */
static bool scratch(const char *test)
{
	static int state; /* 0 = not tried, 1 = ready, -1 = not allowed */

	if (state == 0)
		state = unshare(CLONE_NEWNS) == 0 &&
					mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
					mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0
				? 1
				: -1;
	if (state < 0) {
		printf("# SKIP %s: may not make a mount namespace\n", test);
		return false;
	}
	while (umount2("/tmp/t", MNT_DETACH) == 0)
		;
	CHECK(mkdir("/tmp/t", 0700) == 0 || errno == EEXIST);
	CHECK(mount("tmpfs", "/tmp/t", "tmpfs", 0, NULL) == 0);
	CHECK(mkdir(rootfs, 0711) == 0);
	return true;
}

__attribute__((format(printf, 1, 2))) static const char *text(const char *fmt, ...)
{
	static char ring[8][PATH_ROOM];
	static unsigned int next;
	char *out = ring[next++ % 8];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(out, PATH_ROOM, fmt, args);
	va_end(args);
	return out;
}

static void make_dir(const char *path)
{
	CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static void make_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	CHECK(fd >= 0 && fd_write_all(fd, content, strlen(content)) == 0);
	(void)close(fd);
}

static bool exists(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

static int apply(const struct entry *entries, size_t n, struct err *err)
{
	Pb__Mount mounts[4];
	Pb__Mount *list[4] = { NULL };
	char *options[4][OPTIONS_MAX];

	*err = (struct err){ 0 };
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = &entries[i];

		pb__mount__init(&mounts[i]);
		mounts[i].type = strdup(entry->type ? entry->type : "");
		mounts[i].source = strdup(entry->source ? entry->source : "");
		mounts[i].target = strdup(entry->target ? entry->target : "");
		mounts[i].options = options[i];
		for (; mounts[i].n_options < OPTIONS_MAX && entry->options[mounts[i].n_options];
		     mounts[i].n_options++)
			options[i][mounts[i].n_options] =
				strdup(entry->options[mounts[i].n_options]);
		list[i] = &mounts[i];
	}
	(void)mounts_apply(list, n, rootfs, err);
	for (size_t i = 0; i < n; i++) {
		free(mounts[i].type);
		free(mounts[i].source);
		free(mounts[i].target);
		while (mounts[i].n_options-- > 0)
			free(options[i][mounts[i].n_options]);
	}
	return err->code;
}

static int apply_one(const struct entry *entry, struct err *err)
{
	return apply(entry, 1, err);
}

#define APPLY_OK(...)                                                                              \
	do {                                                                                       \
		struct err apply_err;                                                              \
		if (apply_one(&(struct entry){ __VA_ARGS__ }, &apply_err) != 0) {                  \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, apply_err.msg);                \
			test_failures++;                                                           \
		}                                                                                  \
	} while (0)

static void remove_all(void)
{
	struct err err = { 0 };

	if (mounts_remove(rootfs, &err) != 0) {
		printf("# remove: %s\n", err.msg);
		test_failures++;
	}
	CHECK(!mounts_is_mounted(rootfs));
}

/* Number of lines in the mount table that mention /tmp/t/rootfs. */
static int mounted_count(void)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	char line[8192];
	int n = 0;

	while (table && fgets(line, sizeof(line), table))
		n += strstr(line, " /tmp/t/rootfs") != NULL;
	if (table)
		(void)fclose(table);
	return n;
}

TEST(a_bind_shows_its_source_and_goes)
{
	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/src");
	make_file("/tmp/t/src/a", "a");
	CHECK(!mounts_is_mounted(rootfs));
	APPLY_OK(.type = "bind", .source = "/tmp/t/src", .options = { "rbind", "rw" });
	CHECK(mounts_is_mounted(rootfs));
	CHECK(exists("/tmp/t/rootfs/a"));
	make_file("/tmp/t/rootfs/b", "b");
	CHECK(exists("/tmp/t/src/b"));
	remove_all();
	CHECK(!exists("/tmp/t/rootfs/a"));
	CHECK(exists("/tmp/t/src/a"));
}

TEST(a_read_only_bind_is_read_only)
{
	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/src");
	APPLY_OK(.type = "bind", .source = "/tmp/t/src",
		 .options = { "rbind", "ro", "nosuid", "rprivate" });
	CHECK(open("/tmp/t/rootfs/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
	make_file("/tmp/t/src/x", "x");
	remove_all();
}

/* In a user namespace: returns 0 when a bind of a nosuid mount became read-only and stayed nosuid.
 */
static int bind_in_userns(void)
{
	const struct entry entry = { "bind", "/tmp/t/src", "", { "rbind", "ro" } };
	struct statvfs info;
	struct err err;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return 77;
	if (mount("/tmp/t/src", rootfs, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, rootfs, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0 ||
	    errno != EPERM || umount2(rootfs, 0) < 0)
		return 1; /* the plain way should have been forbidden */
	if (apply_one(&entry, &err) < 0 || statvfs(rootfs, &info) < 0)
		return 2;
	return info.f_flag & ST_NOSUID && info.f_flag & ST_RDONLY ? 0 : 3;
}

TEST(a_read_only_bind_keeps_locked_flags_in_a_user_namespace)
{
	int status = 0;
	pid_t pid;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/src");
	CHECK(mount("tmpfs", "/tmp/t/src", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, NULL) == 0);
	pid = fork();
	if (pid == 0)
		_exit(bind_in_userns());
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("# SKIP %s: may not make a user namespace\n", __func__);
	else
		CHECK(WEXITSTATUS(status) == 0);
}

TEST(an_overlay_merges_and_writes_above)
{
	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/1");
	make_dir("/tmp/t/2");
	make_dir("/tmp/t/u");
	make_dir("/tmp/t/w");
	make_file("/tmp/t/1/one", "1");
	make_file("/tmp/t/2/two", "2");
	APPLY_OK(.type = "overlay", .source = "overlay",
		 .options = { "index=off", "workdir=/tmp/t/w", "upperdir=/tmp/t/u",
			      "lowerdir=/tmp/t/2:/tmp/t/1" });
	CHECK(exists("/tmp/t/rootfs/one") && exists("/tmp/t/rootfs/two"));
	make_file("/tmp/t/rootfs/new", "n");
	CHECK(exists("/tmp/t/u/new"));
	remove_all();
}

TEST(a_missing_layer_is_named)
{
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/1");
	CHECK(apply_one(
		      &(struct entry){
			      "overlay", "overlay", "", { "lowerdir=/tmp/t/1:/tmp/t/gone" } },
		      &err) == -ENOENT);
	CHECK_TEXT(err.msg, "mount 1 of 1 (overlay from overlay on /tmp/t/rootfs): lowerdir "
			    "/tmp/t/gone: no such file or directory");
	CHECK(apply_one(&(struct entry){ "overlay",
					 "overlay",
					 "",
					 { "lowerdir=/tmp/t/1", "upperdir=/tmp/t/up",
					   "workdir=/tmp/t/w" } },
			&err) == -ENOENT);
	CHECK(strstr(err.msg, "upperdir /tmp/t/up: ") != NULL);
	CHECK(mounted_count() == 0);
}

/* An overlay of n layers, each with a file of its own; `pad` makes the names longer. */
static void many_layers(size_t n, const char *base, const char *pad)
{
	char *lower = calloc(n, 128);
	char *at = lower ? stpcpy(lower, "lowerdir=") : NULL;
	struct err err;
	char *cwd;

	make_dir(base);
	make_dir("/tmp/t/u");
	make_dir("/tmp/t/w");
	for (size_t i = 0; at && i < n; i++) {
		make_dir(text("%s/%zu%s", base, i, pad));
		make_dir(text("%s/%zu%s/fs", base, i, pad));
		make_file(text("%s/%zu%s/fs/f%zu", base, i, pad, i), "x");
		at += sprintf(at, "%s%s/%zu%s/fs", i ? ":" : "", base, i, pad);
	}
	CHECK(chdir("/tmp/t") == 0);
	CHECK(apply_one(&(struct entry){ "overlay",
					 "overlay",
					 "",
					 { "index=off", "workdir=/tmp/t/w", "upperdir=/tmp/t/u",
					   lower } },
			&err) == 0);
	if (err.code)
		printf("# %s\n", err.msg);
	cwd = getcwd(NULL, 0);
	CHECK_TEXT(cwd, "/tmp/t");
	free(cwd);
	CHECK(chdir("/") == 0);
	for (size_t i = 0; i < n; i++)
		CHECK(exists(text("/tmp/t/rootfs/f%zu", i)));
	make_file("/tmp/t/rootfs/new", "n");
	CHECK(exists("/tmp/t/u/new"));
	remove_all();
	free(lower);
}

TEST(a_hundred_and_fifty_layers_fit)
{
	if (scratch(__func__))
		many_layers(150, "/tmp/t/a-directory-with-a-name-as-snapshotters-like-it", "");
}

TEST(layers_beyond_a_page_even_when_relative_fit)
{
	bool able;
	int fs;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/l");
	fs = fsopen("overlay", FSOPEN_CLOEXEC);
	able = fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", "/tmp/t/l", 0) == 0;
	(void)close(fs);
	if (able)
		many_layers(150, "/tmp/t/l", "-and-forty-bytes-of-name-for-every-layer");
	else
		printf("# SKIP %s: no lowerdir+ before Linux 6.7\n", __func__);
}

TEST(options_that_never_fit_are_refused)
{
	static char word[8192];
	struct err err;

	if (!scratch(__func__))
		return;
	memset(word, 'x', sizeof(word) - 1);
	CHECK(apply_one(&(struct entry){ "tmpfs", "tmpfs", "", { word } }, &err) == -E2BIG);
	CHECK(strstr(err.msg, "mount options is too long") != NULL);
	CHECK(apply_one(&(struct entry){ "overlay", "overlay", "", { word } }, &err) == -E2BIG);
	CHECK(strstr(err.msg, "mount options is too long") != NULL);
}

TEST(a_tmpfs_takes_its_data)
{
	struct statvfs info;

	if (!scratch(__func__))
		return;
	APPLY_OK(.type = "tmpfs", .source = "tmpfs",
		 .options = { "defaults", "nosuid", "size=64k", "mode=0711" });
	CHECK(statvfs(rootfs, &info) == 0);
	CHECK(info.f_blocks * info.f_frsize == 65536);
	CHECK((info.f_flag & ST_NOSUID) != 0);
	remove_all();
}

TEST(a_second_mount_that_fails_takes_the_first_away)
{
	const struct entry entries[] = {
		{ "tmpfs", "tmpfs", "", { "size=64k" } },
		{ "bind", "/tmp/t/gone", "", { "rbind", "ro" } },
	};
	struct err err;

	if (!scratch(__func__))
		return;
	CHECK(apply(entries, 2, &err) == -ENOENT);
	CHECK_TEXT(err.msg, "mount 2 of 2 (bind from /tmp/t/gone on /tmp/t/rootfs): source "
			    "/tmp/t/gone: no such file or directory");
	CHECK(mounted_count() == 0);
}

TEST(an_unknown_file_system_is_named)
{
	struct err err;

	if (!scratch(__func__))
		return;
	CHECK(apply_one(&(struct entry){ "nofs", "none", "", { NULL } }, &err) == -ENODEV);
	CHECK(strstr(err.msg, "file system type \"nofs\" is unknown to this kernel") != NULL);
	CHECK(apply_one(&(struct entry){ "format/overlay", "none", "", { NULL } }, &err) ==
	      -EINVAL);
	CHECK(strstr(err.msg, "mount was not prepared") != NULL);
}

TEST(a_target_is_found_inside_the_rootfs_only)
{
	struct entry entries[] = {
		{ "bind", "/tmp/t/tree", "", { "bind" } },
		{ "tmpfs", "tmpfs", NULL, { "size=64k" } },
	};
	static const char *const targets[] = { "sub",		"/sub",	   "../../../../sub",
					       "absolute-link", "up-link", "./sub/../sub" };
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/tree");
	make_dir("/tmp/t/tree/sub");
	CHECK(symlink("/sub", "/tmp/t/tree/absolute-link") == 0);
	CHECK(symlink("../../../../../../sub", "/tmp/t/tree/up-link") == 0);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		entries[1].target = targets[i];
		CHECK(apply(entries, 2, &err) == 0);
		CHECK(mounts_is_mounted("/tmp/t/rootfs/sub"));
		CHECK(mounted_count() == 2);
		remove_all();
		CHECK(mounted_count() == 0);
	}
	entries[1].target = "/tmp/t/tree";
	CHECK(apply(entries, 2, &err) == -ENOENT);
	CHECK(strstr(err.msg, "target /tmp/t/tree inside /tmp/t/rootfs") != NULL);
	CHECK(!exists("/tmp/t/tree/tmp"));
	CHECK(mounted_count() == 0);
}

TEST(a_read_only_bind_on_a_target_hits_the_target)
{
	const struct entry entries[] = {
		{ "tmpfs", "tmpfs", "", { "size=64k" } },
		{ "bind", "/tmp/t/src", "/", { "rbind", "ro" } },
	};
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/src");
	CHECK(apply(entries, 2, &err) == 0);
	CHECK(mounted_count() == 2);
	CHECK(mkdir("/tmp/t/rootfs/x", 0700) < 0 && errno == EROFS);
	remove_all();
	CHECK(mounted_count() == 0);
}

TEST(stacks_and_what_lies_below_are_removed)
{
	if (!scratch(__func__))
		return;
	for (int i = 0; i < 3; i++)
		CHECK(mount("tmpfs", rootfs, "tmpfs", 0, NULL) == 0);
	make_dir("/tmp/t/rootfs/a b");
	CHECK(mount("tmpfs", "/tmp/t/rootfs/a b", "tmpfs", 0, NULL) == 0);
	make_dir("/tmp/t/rootfs/a b/c");
	CHECK(mount("tmpfs", "/tmp/t/rootfs/a b/c", "tmpfs", 0, NULL) == 0);
	CHECK(mounted_count() == 5);
	remove_all();
	CHECK(mounted_count() == 0);
}

TEST(mounts_below_a_rootfs_that_is_none_are_removed)
{
	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/rootfs/sub");
	CHECK(mount("tmpfs", "/tmp/t/rootfs/sub", "tmpfs", 0, NULL) == 0);
	remove_all();
	CHECK(mounted_count() == 0);
}

TEST(what_an_rbind_brought_stays_where_it_came_from)
{
	if (!scratch(__func__))
		return;
	CHECK(mount(NULL, "/tmp/t", NULL, MS_SHARED, NULL) == 0);
	make_dir("/tmp/t/src");
	make_dir("/tmp/t/src/sub");
	CHECK(mount("tmpfs", "/tmp/t/src/sub", "tmpfs", 0, NULL) == 0);
	APPLY_OK(.type = "bind", .source = "/tmp/t/src", .options = { "rbind", "rw" });
	CHECK(mounts_is_mounted("/tmp/t/rootfs/sub"));
	remove_all();
	CHECK(mounted_count() == 0);
	CHECK(mounts_is_mounted("/tmp/t/src/sub"));
}

TEST(a_busy_mount_is_named_and_not_detached)
{
	struct err err = { 0 };
	int fd;

	if (!scratch(__func__))
		return;
	CHECK(mount("tmpfs", rootfs, "tmpfs", 0, NULL) == 0);
	make_dir("/tmp/t/rootfs/sub");
	CHECK(mount("tmpfs", "/tmp/t/rootfs/sub", "tmpfs", 0, NULL) == 0);
	fd = open("/tmp/t/rootfs/sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mounts_remove(rootfs, &err) == -EBUSY);
	CHECK_TEXT(err.msg, "unmount /tmp/t/rootfs: /tmp/t/rootfs/sub is busy: a process still "
			    "uses it");
	CHECK(mounted_count() == 2);
	(void)close(fd);
	remove_all();
}

TEST(a_mount_that_is_busy_for_a_moment_goes)
{
	pid_t pid;
	int status;

	if (!scratch(__func__))
		return;
	CHECK(mount("tmpfs", rootfs, "tmpfs", 0, NULL) == 0);
	pid = fork();
	if (pid == 0) {
		if (chdir(rootfs) == 0)
			usleep(150 * 1000);
		_exit(0);
	}
	usleep(30 * 1000);
	remove_all();
	CHECK(waitpid(pid, &status, 0) == pid);
}

TEST(nothing_to_unmount_is_no_error)
{
	struct err err = { 0 };

	CHECK(mounts_remove("", &err) == 0);
	CHECK(mounts_remove("/", &err) == -EINVAL);
	CHECK(mounts_remove("//", &err) == -EINVAL);
	CHECK(mounts_remove("relative", &err) == -EINVAL);
	CHECK(mounts_remove("/nonexistent-directory/rootfs", &err) == 0);
	CHECK(!mounts_is_mounted("/nonexistent-directory/rootfs"));
	if (scratch(__func__))
		CHECK(mounts_remove(rootfs, &err) == 0);
}

/* Make an ext4 image. Returns false, said why, when that cannot be. */
static bool image_make(const char *test, const char *path)
{
	char name[LOOPDEV_NAME_MAX];
	struct err err = { 0 };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int code = ftruncate(fd, 4 << 20);

	(void)close(fd);
	fd = loopdev_open(path, false, false, name, &err);
	if (code < 0 || fd < 0) {
		printf("# SKIP %s: %s\n", test, err.msg);
		return false;
	}
	(void)close(fd);
	if (system(text("mke2fs -q -F -t ext4 %s >/dev/null 2>&1", path)) != 0) {
		printf("# SKIP %s: no mke2fs\n", test);
		return false;
	}
	return true;
}

TEST(an_image_is_mounted_through_a_loop_device_that_goes_with_it)
{
	static const char image[] = "/tmp/t/an-image-with-a-name-that-is-longer-than-what-a-loop-"
				    "device-can-remember.img";
	char source[256] = "";
	FILE *table;
	char line[4096];

	if (!scratch(__func__) || !image_make(__func__, image))
		return;
	APPLY_OK(.type = "ext4", .source = image, .options = { "loop", "direct-io" });
	make_file("/tmp/t/rootfs/inside", "x");
	table = fopen("/proc/self/mountinfo", "re");
	while (table && fgets(line, sizeof(line), table))
		if (strstr(line, " /tmp/t/rootfs "))
			CHECK(sscanf(strstr(line, " - "), " - ext4 %255s", source) == 1);
	if (table)
		(void)fclose(table);
	CHECK(strncmp(source, "/dev/loop", 9) == 0);
	remove_all();
	for (int i = 0; i < 2000 && exists(text("/sys/block/%s/loop", source + 5)); i++)
		usleep(10 * 1000);
	CHECK(!exists(text("/sys/block/%s/loop", source + 5)));
	APPLY_OK(.type = "ext4", .source = image, .options = { "loop", "ro" });
	CHECK(exists("/tmp/t/rootfs/inside"));
	CHECK(mkdir("/tmp/t/rootfs/x", 0700) < 0 && errno == EROFS);
	remove_all();
}

TEST(a_loop_mount_says_what_it_misses)
{
	struct err err;

	if (!scratch(__func__))
		return;
	CHECK(apply_one(&(struct entry){ "ext4", "/tmp/t/none.img", "", { "loop" } }, &err) ==
	      -ENOENT);
	CHECK(strstr(err.msg, "open backing file /tmp/t/none.img: ") != NULL);
	make_file("/tmp/t/file", "no block device");
	CHECK(apply_one(&(struct entry){ "ext4", "/tmp/t/file", "", { NULL } }, &err) < 0);
	CHECK(strstr(err.msg, "option \"loop\" missing?") != NULL);
}

static uid_t owner(const char *path)
{
	struct stat info = { .st_uid = 4242 };

	(void)lstat(path, &info);
	return info.st_uid;
}

TEST(an_id_mapped_overlay_shows_other_owners)
{
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/1");
	make_dir("/tmp/t/2");
	make_dir("/tmp/t/u");
	make_dir("/tmp/t/w");
	make_file("/tmp/t/1/root", "x");
	make_file("/tmp/t/2/five", "x");
	CHECK(chown("/tmp/t/2/five", 5, 5) == 0);
	if (apply_one(&(struct entry){ "overlay",
				       "overlay",
				       "",
				       { "workdir=/tmp/t/w", "upperdir=/tmp/t/u",
					 "lowerdir=/tmp/t/2:/tmp/t/1", "uidmap=0:100000:65536",
					 "gidmap=0:100000:65536" } },
		      &err) < 0) {
		if (strstr(err.msg, "can its file system be id-mapped?"))
			printf("# SKIP %s: %s\n", __func__, err.msg);
		else
			CHECK_TEXT(err.msg, "no failure");
		CHECK(mounted_count() == 0);
		return;
	}
	CHECK(owner("/tmp/t/rootfs/root") == 100000);
	CHECK(owner("/tmp/t/rootfs/five") == 100005);
	CHECK(owner("/tmp/t/2/five") == 5);
	CHECK(mounted_count() == 1);
	make_file("/tmp/t/rootfs/new", "x");
	CHECK(exists("/tmp/t/u/new"));
	remove_all();
}

TEST(an_id_mapped_bind_shows_other_owners_and_can_be_read_only)
{
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/src");
	make_file("/tmp/t/src/f", "x");
	if (apply_one(&(struct entry){ "bind",
				       "/tmp/t/src",
				       "",
				       { "rbind", "ro", "uidmap=0:7000:10", "gidmap=0:7000:10" } },
		      &err) < 0) {
		if (strstr(err.msg, "can its file system be id-mapped?"))
			printf("# SKIP %s: %s\n", __func__, err.msg);
		else
			CHECK_TEXT(err.msg, "no failure");
		return;
	}
	CHECK(owner("/tmp/t/rootfs/f") == 7000);
	CHECK(mounted_count() == 1);
	CHECK(mkdir("/tmp/t/rootfs/x", 0700) < 0 && errno == EROFS);
	remove_all();
}

TEST(an_id_mapped_overlay_that_fails_leaves_nothing)
{
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/1");
	CHECK(apply_one(&(struct entry){ "overlay",
					 "overlay",
					 "",
					 { "lowerdir=/tmp/t/1:/tmp/t/gone", "uidmap=0:1000:10",
					   "gidmap=0:1000:10" } },
			&err) == -ENOENT);
	CHECK(strstr(err.msg, "lowerdir /tmp/t/gone") != NULL);
	CHECK(mounted_count() == 0);
	CHECK(apply_one(&(struct entry){ "tmpfs", "tmpfs", "", { "uidmap=0:x:1", "gidmap=0:1:1" } },
			&err) == -EINVAL);
	CHECK(strstr(err.msg, "\"0:x:1\" is no list of CONTAINER:HOST:SIZE") != NULL);
}

TEST(a_helper_mounts_and_its_words_are_told)
{
	const char *path = getenv("PATH");
	char before[1024];
	struct err err;

	if (!scratch(__func__))
		return;
	(void)snprintf(before, sizeof(before), "%s", path ? path : "");
	make_dir("/tmp/t/bin");
	make_file("/tmp/t/bin/mount.fuse3",
		  "#!/bin/sh\necho \"$@\" >/tmp/t/args\n"
		  "[ \"$1\" = bad ] && { echo 'no such server'; exit 3; }\n"
		  "sleep 2 & exec mount -t tmpfs helper \"$2\"\n");
	CHECK(setenv("PATH", text("/tmp/t/bin:%s", before), 1) == 0);
	APPLY_OK(.type = "fuse3.thing", .source = "src", .options = { "ro", "a=b,c" });
	CHECK(mounts_is_mounted(rootfs));
	{
		char args[256] = "";

		CHECK(fd_read_text(AT_FDCWD, "/tmp/t/args", args, sizeof(args)) > 0);
		CHECK_TEXT(args, "src /tmp/t/rootfs -o ro -o a=b,c -t thing");
	}
	remove_all();
	CHECK(apply_one(&(struct entry){ "fuse3.thing", "bad", "", { NULL } }, &err) == -EIO);
	CHECK(strstr(err.msg,
		     "mount helper mount.fuse3 failed: \"no such server\": exit status 3"));
	CHECK(apply_one(&(struct entry){ "fuse.thing", "bad", "", { NULL } }, &err) == -EIO);
	CHECK(strstr(err.msg, "mount helper mount.fuse failed: \"no such file or directory\""));
	CHECK(setenv("PATH", before, 1) == 0);
}

TEST(a_rootfs_that_is_a_link_is_refused)
{
	struct err err;

	if (!scratch(__func__))
		return;
	make_dir("/tmp/t/elsewhere");
	CHECK(rmdir(rootfs) == 0 && symlink("/tmp/t/elsewhere", rootfs) == 0);
	CHECK(apply_one(&(struct entry){ "tmpfs", "tmpfs", "", { NULL } }, &err) < 0);
	CHECK(!mounts_is_mounted("/tmp/t/elsewhere"));
	CHECK(mounts_remove(rootfs, &err) == 0);
}
