/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/apparmor.h"

#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static void make_folders(const struct folder *folder, const char *const *names)
{
	for (size_t i = 0; names[i]; i++)
		CHECK(mkdirat(folder->fd, names[i], 0700) == 0);
}

static void remove_folders(const struct folder *folder, const char *const *names)
{
	size_t count = 0;

	while (names[count])
		count++;
	while (count-- > 0)
		CHECK(unlinkat(folder->fd, names[count], AT_REMOVEDIR) == 0);
}

TEST(it_is_on_when_the_module_and_its_files_say_so)
{
	static const char *const module[] = { "sys", "sys/module", "sys/module/apparmor",
					      "sys/module/apparmor/parameters", NULL };
	static const char *const files[] = { "sys/kernel", "sys/kernel/security",
					     "sys/kernel/security/apparmor", NULL };
	static const char enabled[] = "sys/module/apparmor/parameters/enabled";
	struct folder folder = folder_new();

	CHECK(!apparmor_is_on(folder.fd));
	make_folders(&folder, module);
	folder_put_text(&folder, enabled, "Y\n");
	CHECK(!apparmor_is_on(folder.fd));
	make_folders(&folder, files);
	CHECK(apparmor_is_on(folder.fd));
	folder_put_text(&folder, enabled, "N\n");
	CHECK(!apparmor_is_on(folder.fd));
	folder_put_text(&folder, enabled, "Y");
	CHECK(!apparmor_is_on(folder.fd));
	folder_put_text(&folder, enabled, "");
	CHECK(!apparmor_is_on(folder.fd));
	CHECK(unlinkat(folder.fd, enabled, 0) == 0);
	CHECK(!apparmor_is_on(folder.fd));
	remove_folders(&folder, files);
	remove_folders(&folder, module);
	folder_done(&folder);
}

TEST(the_host_is_asked_by_its_own_root)
{
	bool there = access("/sys/kernel/security/apparmor", F_OK) == 0;

	CHECK(!apparmor_is_on(AT_FDCWD) || there);
}

TEST(each_version_of_runc_has_its_own_name_for_proc)
{
	static const struct {
		struct runtime_version version;
		const char *folder;
	} cases[] = {
		{ { 1, 1, 15 }, "/proc/self/" },
		{ { 1, 2, 0 }, "/proc/thread-self/" },
		{ { 1, 2, 7 }, "/proc/thread-self/" },
		{ { 1, 2, 8 }, "fsmount:fscontext:proc/thread-self/" },
		{ { 1, 3, 0 }, "/proc/thread-self/" },
		{ { 1, 3, 2 }, "/proc/thread-self/" },
		{ { 1, 3, 3 }, "fsmount:fscontext:proc/thread-self/" },
		{ { 1, 4, 0 }, "fsmount:fscontext:proc/thread-self/" },
		{ { 1, 5, 1 }, "fsmount:fscontext:proc/thread-self/" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_TEXT(apparmor_runc_folder(&cases[i].version), cases[i].folder);
}
