/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a host.json. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/err.h"
#include "config/host.h"
#include "shim/switches.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_config config = { 0 };
	struct err err = { 0 };
	uint8_t off = 0;
	int code;

	code = host_config_parse((const char *)data, size, &config, &err);
	FUZZ_CHECK(code == 0 || code == -EBADMSG || code == -EINVAL);
	FUZZ_CHECK(code == 0 || (err.code == code && *err.msg));
	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_value *value = &config.values[i];
		enum host_type type = host_keys[i].type;

		FUZZ_CHECK(!value->is_percent || type == HOST_BYTES || type == HOST_LIMIT ||
			   type == HOST_TASKS);
		FUZZ_CHECK(!value->is_percent || value->number <= HOST_WHOLE);
		FUZZ_CHECK(type != HOST_WEIGHT || value->number <= HOST_WEIGHT_MAX);
		FUZZ_CHECK(type != HOST_CONFLIST || value->number < HOST_CONFLISTS);
		FUZZ_CHECK(host_value_number(value, 1 << 30) <= (uint64_t)INT64_MAX ||
			   value->number == UINT64_MAX || type == HOST_SCORE);
	}
	for (size_t i = 0; i < config.n_sysctls; i++)
		FUZZ_CHECK(!strstr(config.sysctls[i].name, ".."));
	host_config_done(&config);
	/* What azlctl takes, the shim takes. */
	if (code == 0) {
		char path[sizeof(fuzz_folder_path) + 16];

		fuzz_put("config.json", data, size);
		(void)snprintf(path, sizeof(path), "%s/config.json", fuzz_folder_path);
		FUZZ_CHECK(switches_read(path, &off, &err) == 0);
	}
	return 0;
}
