/* SPDX-License-Identifier: Apache-2.0 */
/* `-info`: what containerd 2 wants to know of a runtime before it uses it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/commands.h"
#include "shim/message.h"
#include "shim/options.h"
#include "shim/proto/options.pb-c.h"
#include "shim/spawn.h"

enum { INFO_MAX_BYTES = 4 << 20 };

static int read_to_end(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *at = buf_reserve(out, 4096, INFO_MAX_BYTES);
		ssize_t n = at ? read(fd, at, 4096) : -1;

		if (n < 0 && at && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -EIO : 0;
		out->len += (size_t)n;
	}
}

/* `runc features`, as it prints them. */
static int read_features(const char *name, struct buf *out, struct err *err)
{
	const char *argv[] = { name, "features", NULL };
	char program[PATH_MAX];
	struct spawn spawn = spawn_blank();
	int ends[2];
	int status = 0;
	pid_t pid;
	int code;

	if (spawn_find_program(name, program, sizeof(program), err) < 0)
		return err->code;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	spawn.program = program;
	spawn.argv = argv;
	spawn.stdio[1] = ends[1];
	spawn.stdio[2] = STDERR_FILENO;
	pid = spawn_start(&spawn, err);
	(void)close(ends[1]);
	code = pid < 0 ? pid : read_to_end(ends[0], out);
	(void)close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && (code < 0 || status != 0))
		return err_set(err, -EIO, "%s features failed", name);
	return code;
}

static int print_info(const Pb__Any *options, struct buf *features)
{
	static char name[] = "io.containerd.azl.v2";
	static char version[] = AZL_VERSION;
	static char type_url[] =
		"types.containerd.io/opencontainers/runtime-spec/1/features/Features";
	Pb__RuntimeVersion runtime_version = PB__RUNTIME_VERSION__INIT;
	Pb__Any any = PB__ANY__INIT;
	Pb__RuntimeInfo info = PB__RUNTIME_INFO__INIT;
	struct buf out = { 0 };
	int code;

	runtime_version.version = version;
	any.type_url = type_url;
	any.value.data = features->data;
	any.value.len = features->len;
	info.name = name;
	info.version = &runtime_version;
	info.options = (Pb__Any *)(uintptr_t)options;
	info.features = features->len ? &any : NULL;
	code = message_pack(&info.base, &out, INFO_MAX_BYTES);
	if (code == 0)
		code = fd_write_all(STDOUT_FILENO, out.data, out.len);
	buf_done(&out);
	return code;
}

int command_info(void)
{
	struct buf input = { 0 };
	struct buf features = { 0 };
	struct options options = { 0 };
	struct err err;
	Pb__Any *any = NULL;
	int code;

	(void)read_to_end(STDIN_FILENO, &input);
	if (input.len > 0)
		any = message_unpack(&pb__any__descriptor, input.data, input.len, &err);
	code = options_parse(any, &options, &err);
	if (code >= 0)
		code = read_features(options.binary_name ? options.binary_name : "runc", &features,
				     &err);
	if (code >= 0)
		code = print_info(any, &features);
	else
		(void)fprintf(stderr, "%s\n", err.msg);
	message_free(any);
	options_done(&options);
	buf_done(&features);
	buf_done(&input);
	return code < 0;
}
