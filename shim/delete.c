/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `delete` command. containerd runs it after every container that it started through `start`,
 * so it mostly finds nothing to do; and after a shim died, when it finds everything. It has 5 s.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"
#include "config/json.h"
#include "shim/args.h"
#include "shim/cleanup.h"
#include "shim/commands.h"
#include "shim/options.h"
#include "shim/proto/task.pb-c.h"
#include "shim/runc.h"
#include "shim/runtime_id.h"
#include "shim/runtime_store.h"
#include "shim/socket.h"
#include "shim/spawn.h"
#include "shim/spec.h"
#include "shim/switches.h"

enum {
	DELETE_LIMIT_MS = 4000, /* of the 5 s that containerd allows */
	DELETE_KILLED = 137,	/* 128 + SIGKILL: what its own shim reports */
	DELETE_TEXT_MAX = 512,
	DELETE_BOOTSTRAP_MAX = 4096,
};

/* May this container's cgroup and state go without runc? As shim/fast_delete.c, from the outside.
 */
static bool may_be_fast(const struct cleanup *cleanup, const struct spec *spec)
{
	struct runtime_version version;
	struct statfs at;
	struct err ignored;
	char program[PATH_MAX];
	uint8_t off = 0;

	if (switches_read(SWITCHES_HOST_CONFIG, &off, &ignored) < 0 ||
	    (off | spec->fast_off) & 1U << FAST_DELETE || cleanup->systemd_cgroup ||
	    spec->has_poststop || spec->has_intel_rdt)
		return false;
	return statfs("/sys/fs/cgroup", &at) == 0 && at.f_type == CGROUP2_SUPER_MAGIC &&
	       spawn_find_program(cleanup->runc_name, program, sizeof(program), &ignored) == 0 &&
	       runtime_id_find(RUNTIME_STORE_PATH, program, &version, &ignored) == 0 &&
	       runtime_is_known(&version);
}

/* Clean up one bundle; what goes wrong is a warning. */
static void clean_bundle(const char *ns, const char *id, const char *bundle, int bundle_fd)
{
	struct options options = { 0 };
	struct spec spec = { 0 };
	struct err err = { 0 };
	own_mem char *rootfs = NULL;
	own_mem char *root = NULL;
	bool spec_known;
	struct cleanup cleanup = { .id = id, .bundle = bundle, .bundle_fd = bundle_fd };

	if (options_read(bundle_fd, &options, &err) < 0)
		(void)fprintf(stderr, "%s: %s\n", id, err.msg);
	/* none, or broken: then runc never used it */
	spec_known = spec_read(bundle_fd, &spec, &err) == 0;
	root = cleanup_runc_root(options.root, ns);
	if (asprintf(&rootfs, "%s/rootfs", bundle) < 0)
		rootfs = NULL;
	cleanup.runc_name = options.binary_name ? options.binary_name : "runc";
	cleanup.runc_root = root;
	cleanup.systemd_cgroup = options.systemd_cgroup || spec.systemd_cgroup;
	cleanup.cgroups_path = spec.cgroups_path;
	cleanup.rootfs = rootfs;
	(void)runc_read_pid(bundle_fd, "init.pid", &cleanup.init, &err); /* none: it stays 0 */
	cleanup.limit_ms = DELETE_LIMIT_MS;
	cleanup.fast = spec_known && may_be_fast(&cleanup, &spec);
	if (!root || !rootfs)
		(void)fprintf(stderr, "%s: no memory\n", id);
	else if (cleanup_run(&cleanup, &err) < 0)
		(void)fprintf(stderr, "%s: %s\n", id, err.msg);
	spec_done(&spec);
	options_done(&options);
}

static int on_version(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	bool *is_v3 = owner;
	uint64_t version;

	if (type == JSON_NUMBER && json_path_is(path, "version", NULL) &&
	    num_u64_parse(text, len, &version) == 0)
		*is_v3 = version >= 3;
	return 0;
}

/* True when containers may have been connected to this bundle's shim without `start`. */
static bool may_have_siblings(int bundle_fd)
{
	bool is_v3 = false;
	struct err ignored;

	return json_scan_file(bundle_fd, "bootstrap.json", DELETE_BOOTSTRAP_MAX, on_version, &is_v3,
			      &ignored) >= 0 &&
	       is_v3;
}

/* True when the bundle's shim does not answer any more. */
static bool is_shim_dead(int bundle_fd)
{
	static const char scheme[] = "unix://";
	char address[DELETE_TEXT_MAX];
	const char *path = address + sizeof(scheme) - 1;

	if (fd_read_text(bundle_fd, "address", address, sizeof(address)) <=
		    (ssize_t)sizeof(scheme) ||
	    strncmp(address, scheme, sizeof(scheme) - 1) != 0 || path[0] != '/' ||
	    socket_is_alive(path))
		return false;
	if (access(path, F_OK) == 0) /* it was killed: otherwise it had removed it */
		socket_remove_dead(path);
	return true;
}

/*
 * containerd 2 connects a pod's further containers straight to the shim of the first, and runs no
 * `delete` for them. When that shim is dead, nobody else cleans up after it (containerd issue
 * 10727).
 */
static void clean_siblings(const char *ns, const char *id, int bundle_fd)
{
	int parent = openat(bundle_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = parent < 0 ? NULL : fdopendir(parent);
	const struct dirent *entry;

	if (!dir) {
		(void)fd_close(parent);
		return;
	}
	while ((entry = readdir(dir))) {
		char sandbox[DELETE_TEXT_MAX];
		char bundle[PATH_MAX];
		char link[64];
		own_fd int fd = -1;
		ssize_t len;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, id) == 0)
			continue;
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fd_read_text(fd, "sandbox", sandbox, sizeof(sandbox)) < 0 ||
		    strcmp(sandbox, id) != 0)
			continue;
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, bundle, sizeof(bundle) - 1);
		if (len <= 0)
			continue;
		bundle[len] = '\0';
		clean_bundle(ns, entry->d_name, bundle, fd);
	}
	(void)closedir(dir);
}

static int print_response(int bundle_fd)
{
	uint8_t bytes[128];
	struct timespec now;
	struct err ignored;
	pid_t pid = 0;
	Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
	Pb__DeleteResponse response = PB__DELETE_RESPONSE__INIT;

	(void)runc_read_pid(bundle_fd, "init.pid", &pid, &ignored);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	exited_at.seconds = now.tv_sec;
	exited_at.nanos = (int32_t)now.tv_nsec;
	response.pid = (uint32_t)pid;
	response.exit_status = DELETE_KILLED;
	response.exited_at = &exited_at;
	return fd_write_all(STDOUT_FILENO, bytes, protobuf_c_message_pack(&response.base, bytes));
}

int command_delete(const struct args *args)
{
	char here[PATH_MAX];
	const char *bundle = *args->bundle ? args->bundle : getcwd(here, sizeof(here));
	own_fd int bundle_fd = bundle ? open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (bundle_fd < 0) {
		(void)fprintf(stderr, "open bundle %s: %s\n", bundle ? bundle : ".",
			      err_reason(errno));
		return 1;
	}
	clean_bundle(args->ns, args->id, bundle, bundle_fd);
	if (is_shim_dead(bundle_fd) && may_have_siblings(bundle_fd))
		clean_siblings(args->ns, args->id, bundle_fd);
	return print_response(bundle_fd) < 0;
}
