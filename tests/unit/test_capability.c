/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/capability.h"

#include <errno.h>
#include <sys/capability.h>

#include "tests/unit/test.h"

static int number(const char *name)
{
	return capability_number(name, strlen(name));
}

TEST(names_have_the_numbers_of_the_kernel)
{
	CHECK(number("CAP_CHOWN") == CAP_CHOWN);
	CHECK(number("CAP_SETPCAP") == CAP_SETPCAP);
	CHECK(number("CAP_NET_BIND_SERVICE") == CAP_NET_BIND_SERVICE);
	CHECK(number("CAP_SYS_ADMIN") == CAP_SYS_ADMIN);
	CHECK(number("CAP_SYS_TTY_CONFIG") == CAP_SYS_TTY_CONFIG);
	CHECK(number("CAP_SETFCAP") == CAP_SETFCAP);
	CHECK(number("CAP_AUDIT_READ") == CAP_AUDIT_READ);
	CHECK(number("CAP_PERFMON") == CAP_PERFMON);
	CHECK(number("CAP_CHECKPOINT_RESTORE") == CAP_CHECKPOINT_RESTORE);
	CHECK(number("CAP_CHECKPOINT_RESTORE") == CAP_LAST_CAP);
}

TEST(every_name_is_taken_in_upper_case_alone)
{
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		char *name = cap_to_name(i);
		char upper[64] = "";

		for (size_t at = 0; at < sizeof(upper) - 1 && name[at]; at++)
			upper[at] = (char)(name[at] == '_' ? '_' : name[at] - 'a' + 'A');
		CHECK(number(upper) == i);
		CHECK(number(name) == -ENOENT);
		(void)cap_free(name);
	}
}

TEST(what_is_no_name_is_told)
{
	static const char *const wrong[] = {
		"",
		"CAP_",
		"CHOWN",
		"cap_chown",
		"CAP_CHOWN ",
		"CAP_CHOW",
		"CAP_CHOWNX",
		"CAP_41",
		"7",
		"CAP_NO_SUCH_THING",
		"CAP_CHECKPOINT_RESTORE_AND_MORE",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(number(wrong[i]) == -ENOENT);
	CHECK(capability_number("CAP_CHOWN\0", 10) == -ENOENT);
	CHECK(capability_number("CAP_CHOWNING", 9) == CAP_CHOWN);
}
