/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a config.json. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/err.h"
#include "shim/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec = { 0 };
	struct err err = { 0 };
	char group[SPEC_GROUP_ROOM];
	int code;

	fuzz_put("config.json", data, size);
	code = spec_read(fuzz_folder(), &spec, &err);
	FUZZ_CHECK(code == 0 || code == -EBADMSG || code == -EINVAL);
	FUZZ_CHECK(code == 0 || (err.code == code && strncmp(err.msg, "config.json: ", 13) == 0));
	FUZZ_CHECK(code == 0 || !spec.cgroups_path);
	FUZZ_CHECK(!spec.systemd_cgroup || strchr(spec.cgroups_path, ':'));
	spec_done(&spec);
	code = spec_read_group(fuzz_folder(), group, sizeof(group), &err);
	FUZZ_CHECK(code == 0 || code == 1 || code == -EBADMSG || code == -EINVAL);
	FUZZ_CHECK(code != 1 || strlen(group) < sizeof(group));
	return 0;
}
