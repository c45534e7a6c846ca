/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "config/base/err.h"
#include "shim/idmap.h"
#include "shim/mount_helper.h"
#include "shim/mount_options.h"

enum { TEXTS_MAX = 16 };

/* Parse a NULL-terminated list; the words joined come back in data (owned by the caller). */
static int parse(const char *const *list, struct mount_options *options, char **data,
		 struct err *err)
{
	char *texts[TEXTS_MAX];
	size_t n = 0;
	int code;

	for (; list[n]; n++)
		texts[n] = strdup(list[n]);
	code = mount_options_parse(texts, n, options, err);
	*data = mount_options_join(options->words, options->n_words);
	options->uidmap = options->uidmap ? "set" : NULL;
	options->gidmap = options->gidmap ? "set" : NULL;
	while (n-- > 0)
		free(texts[n]);
	return code;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void expect(const char *const *list, unsigned long flags, const char *data)
{
	struct mount_options options;
	struct err err = { 0 };
	char *got = NULL;

	CHECK(parse(list, &options, &got, &err) == 0);
	CHECK(options.flags == flags);
	CHECK_TEXT(got, data);
	CHECK(mount_options_size(NULL, 0) == 0);
	free(got);
	mount_options_done(&options);
}

TEST(flags_are_set_and_cleared_in_order)
{
	expect(LIST("rbind", "rw"), MS_BIND | MS_REC, "");
	expect(LIST("bind", "ro"), MS_BIND | MS_RDONLY, "");
	expect(LIST("ro", "rw"), 0, "");
	expect(LIST("rw", "ro"), MS_RDONLY, "");
	expect(LIST("nosuid", "nodev", "noexec", "suid"), MS_NODEV | MS_NOEXEC, "");
	expect(LIST("sync", "dirsync", "mand", "async", "nomand"), MS_DIRSYNC, "");
	expect(LIST("noatime", "nodiratime", "relatime", "strictatime", "atime", "norelatime"),
	       MS_NODIRATIME | MS_STRICTATIME, "");
	expect(LIST("remount", "exec", "dev", "diratime", "nostrictatime"), MS_REMOUNT, "");
}

TEST(defaults_and_empty_options_reach_nobody)
{
	expect(LIST("defaults", "", "discard"), 0, "discard");
}

TEST(what_is_unknown_is_data_in_order_and_untouched)
{
	expect(LIST("index=off", "workdir=/w", "ro", "context=\"a:b:c0,c1\"", "lowerdir=/a:/b"),
	       MS_RDONLY, "index=off,workdir=/w,context=\"a:b:c0,c1\",lowerdir=/a:/b");
	expect(LIST("BIND", "roo", "x-thing"), 0, "BIND,roo,x-thing");
}

TEST(propagation_is_no_data_and_its_last_word_counts)
{
	struct mount_options options;
	struct err err = { 0 };
	char *data = NULL;

	CHECK(parse(LIST("rprivate", "bind", "rslave"), &options, &data, &err) == 0);
	CHECK(options.flags == MS_BIND);
	CHECK(options.propagation == (MS_SLAVE | MS_REC));
	CHECK_TEXT(data, "");
	free(data);
	mount_options_done(&options);
}

TEST(direct_io_is_an_instruction_only_beside_loop)
{
	struct mount_options options;
	struct err err = { 0 };
	char *data = NULL;

	CHECK(parse(LIST("direct-io", "loop", "discard"), &options, &data, &err) == 0);
	CHECK(options.loop && options.direct_io);
	CHECK_TEXT(data, "discard");
	free(data);
	mount_options_done(&options);
	CHECK(parse(LIST("direct-io"), &options, &data, &err) == 0);
	CHECK(!options.loop && !options.direct_io);
	CHECK_TEXT(data, "direct-io");
	free(data);
	mount_options_done(&options);
}

TEST(id_maps_come_in_pairs)
{
	struct mount_options options;
	struct err err = { 0 };
	char *data = NULL;

	CHECK(parse(LIST("uidmap=0:1:2", "gidmap=0:1:2", "x"), &options, &data, &err) == 0);
	CHECK(options.uidmap && options.gidmap);
	CHECK_TEXT(data, "x");
	free(data);
	mount_options_done(&options);
	CHECK(parse(LIST("gidmap=0:1:2"), &options, &data, &err) == -EINVAL);
	CHECK_TEXT(err.msg, "option gidmap needs uidmap beside it");
	free(data);
	mount_options_done(&options);
}

TEST(instructions_for_the_mount_manager_are_refused)
{
	struct mount_options options;
	struct err err = { 0 };
	char *data = NULL;

	CHECK(parse(LIST("ro", "X-containerd.mkdir.path=/x"), &options, &data, &err) == -EINVAL);
	CHECK(strstr(err.msg, "mount was not prepared") != NULL);
	CHECK(strstr(err.msg, "X-containerd.mkdir.path=/x") != NULL);
	free(data);
	mount_options_done(&options);
}

TEST(no_options_are_no_options)
{
	struct mount_options options;
	struct err err = { 0 };
	char *data;

	CHECK(mount_options_parse(NULL, 0, &options, &err) == 0);
	data = mount_options_join(options.words, options.n_words);
	CHECK_TEXT(data, "");
	free(data);
	mount_options_done(&options);
}

TEST(locked_flags_stay_and_atime_is_not_named)
{
	const unsigned long ro_bind = MS_BIND | MS_RDONLY;

	CHECK(mount_options_keep_locked(ro_bind, ST_NOSUID | ST_NODEV | ST_RELATIME) ==
	      (ro_bind | MS_NOSUID | MS_NODEV));
	CHECK(mount_options_keep_locked(ro_bind | MS_STRICTATIME, ST_NOEXEC | ST_NOATIME) ==
	      (ro_bind | MS_NOEXEC));
}

TEST(flags_become_attributes)
{
	CHECK(mount_options_attributes(0) == 0);
	CHECK(mount_options_attributes(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC) ==
	      (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
	CHECK(mount_options_attributes(MS_NOATIME | MS_NODIRATIME) ==
	      (MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME));
	CHECK(mount_options_attributes(MS_STRICTATIME | MS_NOATIME) == MOUNT_ATTR_STRICTATIME);
}

TEST(id_maps_are_said_as_the_kernel_reads_them)
{
	char text[64];

	CHECK(idmap_parse("0:65536:65536", text, sizeof(text)) == 14);
	CHECK_TEXT(text, "0 65536 65536\n");
	CHECK(idmap_parse("0:1000:1,1:100000:10", text, sizeof(text)) > 0);
	CHECK_TEXT(text, "0 1000 1\n1 100000 10\n");
	CHECK(idmap_parse("0:0:4294967295", text, sizeof(text)) > 0);
}

TEST(id_maps_that_are_none_are_refused)
{
	static const char *const bad[] = { "",
					   "0",
					   "0:1",
					   "0:1:2:3",
					   "0:1:2,",
					   ",0:1:2",
					   "a:1:2",
					   "0:-1:2",
					   "0:1:0",
					   "0: 1:2",
					   "0:0:4294967296",
					   "1:0:4294967295",
					   "0:4294967295:1",
					   "0:99999999999999999999:1" };
	char text[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(idmap_parse(bad[i], text, sizeof(text)) == -EINVAL);
	CHECK(idmap_parse("0:1:2", text, 6) == -E2BIG);
	CHECK(idmap_parse("0:1:2", text, 7) == 6);
}

TEST(helpers_are_chosen_by_the_whole_prefix)
{
	CHECK(mount_helper_is_for("fuse3.fuse-overlayfs"));
	CHECK(mount_helper_is_for("fuse.sshfs"));
	CHECK(!mount_helper_is_for("fuse"));
	CHECK(!mount_helper_is_for("fuseblk"));
	CHECK(!mount_helper_is_for("overlay"));
	CHECK(!mount_helper_is_for(""));
}
