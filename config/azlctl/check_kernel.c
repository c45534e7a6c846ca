/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"

enum { KERNEL_TEXT_ROOM = 4096 };

/* A number that must be at least so large. Source of each: the reason, told with it. */
struct kernel_limit {
	const char *id;
	const char *path;
	const char *name;
	uint64_t least;
	uint64_t bytes; /* of memory for each, where the kernel counts by it; 0: as many everywhere
			 */
	enum check_level level;
	const char *reason;
};

static const struct kernel_limit kernel_limits[] = {
	{ "kernel.inotify", "proc/sys/fs/inotify/max_user_instances",
	  "fs.inotify.max_user_instances", 1024, 0, CHECK_FAIL,
	  "each shim has an instance, all of root's" },
	{ "kernel.inotify_watches", "proc/sys/fs/inotify/max_user_watches",
	  "fs.inotify.max_user_watches", 65536, 0, CHECK_WARN, "each container has two" },
	{ "kernel.pid_max", "proc/sys/kernel/pid_max", "kernel.pid_max", 131072, 0, CHECK_WARN,
	  "250 pods with 100 threads each are 25,000, and ids of the dead are not reused at once" },
	/* A boot gives one for each 128 KiB, so that stacks are an eighth of the memory
	 * (kernel/fork.c, set_max_threads); memory may be added later. azl leaves that as it is. */
	{ "kernel.threads_max", "proc/sys/kernel/threads-max", "kernel.threads-max", 32768,
	  256 << 10, CHECK_WARN, "the whole host's threads" },
	{ "kernel.keys", "proc/sys/kernel/keys/root_maxkeys", "kernel.keys.root_maxkeys", 10000, 0,
	  CHECK_WARN, "runc makes a keyring for each container" },
	{ "kernel.file_max", "proc/sys/fs/file-max", "fs.file-max", 500000, 0, CHECK_WARN,
	  "all open files of the host" },
};

/*
 * Distributions keep a release's last number at 0 and say elsewhere what they build: Debian in
 * "uname -v" ("#1 SMP Debian 6.1.55-1 (2023-09-29)"), Ubuntu in /proc/version_signature
 * ("Ubuntu 6.8.0-31.31-generic 6.8.1").
 */
static void find_built_version(const struct checks *checks, struct check_version *version)
{
	char text[256];
	const char *at = NULL;

	if (version->part[2] != 0)
		return;
	if (check_read(checks, "proc/version_signature", text, sizeof(text)) > 0)
		at = strrchr(text, ' ');
	else if (check_read(checks, "proc/sys/kernel/version", text, sizeof(text)) > 0)
		at = strstr(text, "Debian ");
	if (at)
		(void)check_version_find(at, version);
}

static void check_release(struct checks *checks)
{
	static const struct check_version floor = { { 6, 1, 0 } };
	struct check_version version;
	char release[128];

	if (check_read(checks, "proc/sys/kernel/osrelease", release, sizeof(release)) < 0 ||
	    check_version_find(release, &version) < 0) {
		check_say(checks, CHECK_FAIL, "kernel.version",
			  "the kernel does not say its version");
		check_fix(checks, "mount /proc");
		return;
	}
	if (check_version_compare(&version, &floor) < 0) {
		check_say(checks, CHECK_FAIL, "kernel.version", "Linux %s is older than 6.1",
			  release);
		check_fix(checks, "boot a newer kernel: Azure Linux 3 has 6.6");
		return;
	}
	check_say(checks, CHECK_OK, "kernel.version", "Linux %s", release);
	find_built_version(checks, &version);
	check_known(checks, "kernel", "kernel.version", &version);
}

/* Is a word a line's last one in /proc/filesystems? */
static bool has_file_system(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at += len)
		if ((at[len] == '\n' || at[len] == '\0') && at > list && at[-1] == '\t')
			return true;
	return false;
}

static void check_overlay(struct checks *checks)
{
	char list[KERNEL_TEXT_ROOM];

	if (check_read(checks, "proc/filesystems", list, sizeof(list)) >= 0 &&
	    has_file_system(list, "overlay")) {
		check_say(checks, CHECK_OK, "kernel.overlay", "overlay is there");
		return;
	}
	check_say(checks, CHECK_WARN, "kernel.overlay",
		  "overlay is not loaded: containerd would use a slower snapshotter, or none");
	check_fix(checks, "modprobe overlay; azlctl apply keeps it loaded");
}

/* UINT64_MAX: not known. */
static uint64_t memory_bytes(const struct checks *checks)
{
	char text[KERNEL_TEXT_ROOM];
	const char *at = NULL;

	if (check_read(checks, "proc/meminfo", text, sizeof(text)) > 0)
		at = strstr(text, "MemTotal:");
	return at ? strtoull(at + strlen("MemTotal:"), NULL, 10) * 1024 : UINT64_MAX;
}

static uint64_t least_of(const struct kernel_limit *limit, uint64_t memory)
{
	return limit->bytes && memory / limit->bytes < limit->least ? memory / limit->bytes
								    : limit->least;
}

static void check_limits(struct checks *checks)
{
	uint64_t memory = memory_bytes(checks);

	for (size_t i = 0; i < sizeof(kernel_limits) / sizeof(kernel_limits[0]); i++) {
		const struct kernel_limit *limit = &kernel_limits[i];
		uint64_t value = check_number(checks, limit->path, UINT64_MAX);
		uint64_t least = least_of(limit, memory);

		if (value == UINT64_MAX) {
			check_say(checks, CHECK_NOTE, limit->id, "this kernel has no %s",
				  limit->name);
		} else if (value >= least) {
			check_say(checks, CHECK_OK, limit->id, "%s is %" PRIu64, limit->name,
				  value);
		} else {
			check_say(checks, limit->level, limit->id,
				  "%s is %" PRIu64 ", less than %" PRIu64 ": %s", limit->name,
				  value, least, limit->reason);
			check_fix_sysctl(checks, limit->name, least);
		}
	}
}

/* Where semodule keeps a module; the priority is 400, of a distribution's package 200 or 100. */
static bool has_selinux_module(const struct checks *checks)
{
	static const char *const places[] = { "var/lib/selinux", "etc/selinux" };
	static const char *const types[] = { "targeted", "default", "mls" };
	static const char *const priorities[] = { "400", "300", "200", "100" };
	char path[128];

	for (size_t i = 0; i < 2 * 3 * 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/active/modules/%s/azl", places[i / 12],
			       types[i / 4 % 3], priorities[i % 4]);
		if (check_exists(checks, path))
			return true;
	}
	return false;
}

static void check_modules(struct checks *checks)
{
	uint64_t enforcing = check_number(checks, "sys/fs/selinux/enforce", UINT64_MAX);
	bool has_module = enforcing != UINT64_MAX && has_selinux_module(checks);
	char text[8];

	if (enforcing == UINT64_MAX) {
		check_say(checks, CHECK_OK, "security.selinux", "SELinux is off");
	} else if (has_module) {
		check_say(checks, CHECK_OK, "security.selinux",
			  "SELinux is %s, with the policy module azl",
			  enforcing == 1 ? "enforcing: execs into containers go to runc"
					 : "permissive");
	} else {
		check_say(checks, CHECK_NOTE, "security.selinux",
			  "SELinux is %s, without the policy module azl",
			  enforcing == 1 ? "enforcing: execs into containers go to runc"
					 : "permissive");
		check_fix(checks, "install the package azl-selinux");
	}
	if (check_read(checks, "sys/module/apparmor/parameters/enabled", text, sizeof(text)) > 0 &&
	    text[0] == 'Y')
		check_say(checks, CHECK_OK, "security.apparmor",
			  "AppArmor is on; profiles are set in execs, too");
}

void check_kernel(struct checks *checks)
{
	check_release(checks);
	check_overlay(checks);
	check_limits(checks);
	check_modules(checks);
}
