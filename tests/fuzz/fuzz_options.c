/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the shape of the options; what can be read must survive the bundle. */
#include "tests/fuzz/fuzz.h"

#include "config/base/err.h"
#include "shim/options.h"
#include "shim/proto/types.pb-c.h"

enum { SHAPE_TOML = 6, SHAPE_FILE = 7, SHAPE_COUNT = 8 };

static char *const type_urls[] = {
	(char[]){ "containerd.runc.v1.Options" },
	(char[]){ "type.googleapis.com/runtimeoptions.v1.Options" },
	(char[]){ "containerd.linux.runc.CreateOptions" },
	(char[]){ "containerd.linux.runc.RuncOptions" },
	(char[]){ "containerd.runc.v1.CheckpointOptions" },
	(char[]){ "containerd.linux.runc.CheckpointOptions" },
};

static bool same(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

/* Keep the options in a bundle and read them back. */
static void check_bundle(const struct options *options)
{
	struct options back = { 0 };
	struct err err = { 0 };
	int code = options_write(fuzz_folder(), options, &err);

	FUZZ_CHECK(code == 0);
	code = options_read(fuzz_folder(), &back, &err);
	if (code < 0) { /* longer than what we read */
		FUZZ_CHECK(strstr(err.msg, "larger than") || strstr(err.msg, "File too large"));
		return;
	}
	FUZZ_CHECK(code == 0);
	FUZZ_CHECK(back.no_pivot_root == options->no_pivot_root);
	FUZZ_CHECK(back.no_new_keyring == options->no_new_keyring);
	FUZZ_CHECK(back.systemd_cgroup == options->systemd_cgroup);
	FUZZ_CHECK(back.io_uid == options->io_uid && back.io_gid == options->io_gid);
	FUZZ_CHECK(same(back.shim_cgroup, options->shim_cgroup));
	FUZZ_CHECK(same(back.root, options->root));
	FUZZ_CHECK(same(back.criu_path, options->criu_path));
	FUZZ_CHECK(same(back.criu_image_path, options->criu_image_path));
	FUZZ_CHECK(same(back.criu_work_path, options->criu_work_path));
	options_done(&back);
}

static void try_any(int shape, uint8_t *data, size_t size)
{
	Pb__Any any = PB__ANY__INIT;
	struct checkpoint_options checkpoint = { 0 };
	struct options options = { 0 };
	struct err err = { 0 };

	any.type_url = type_urls[shape];
	any.value.data = data;
	any.value.len = size;
	if (options_parse(&any, &options, &err) >= 0)
		check_bundle(&options);
	else
		FUZZ_CHECK(err.code < 0 && !options.root && !options.empty_namespaces);
	options_done(&options);
	(void)checkpoint_options_parse(&any, &checkpoint, &err);
	checkpoint_options_done(&checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options options = { 0 };
	struct err err = { 0 };
	uint8_t *copy;
	int shape;

	if (size < 1)
		return 0;
	shape = data[0] % SHAPE_COUNT;
	copy = fuzz_copy(data + 1, size - 1);
	if (shape == SHAPE_TOML) {
		if (options_parse_toml((char *)copy, size - 1, &options, &err) == 0)
			check_bundle(&options);
		options_done(&options);
	} else if (shape == SHAPE_FILE) {
		fuzz_put("options.json", copy, size - 1);
		fuzz_put("runtime", copy, 0);
		if (options_read(fuzz_folder(), &options, &err) >= 0)
			check_bundle(&options);
		options_done(&options);
	} else {
		try_any(shape, copy, size - 1);
	}
	free(copy);
	return 0;
}
