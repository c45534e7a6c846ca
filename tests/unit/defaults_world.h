/* SPDX-License-Identifier: Apache-2.0 */
/* config.json before and after, with a host that is a folder. */
#pragma once

#include <errno.h>

#include "cgroups/root.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "config/base/tasks.h"
#include "config/container_defaults.h"
#include "shim/defaults.h"
#include "shim/defaults_spec.h"
#include "tests/unit/failing.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

enum { TEXT_ROOM = 4096 };

static struct tree cgroups;
static bool is_v2;
static struct folder folder;
static char host_path[96];
static char said[TEXT_ROOM]; /* in the log */
static struct container_defaults kept;
static const char *cgroups_path;
static bool systemd_cgroup;
static uint64_t host_tasks; /* that the kernel allows */
static bool fails;	    /* one allocation of the next apply() */

int __wrap_cg_root_open_unified(int *dir, struct err *err);

int __wrap_cg_root_open_unified(int *dir, struct err *err)
{
	if (!is_v2)
		return err_set(err, -ENOENT, "no cgroup v2 hierarchy at /sys/fs/cgroup");
	*dir = openat(cgroups.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir < 0 ? err_errno(err, "open") : 0;
}

uint64_t __wrap_tasks_max(void);

uint64_t __wrap_tasks_max(void)
{
	return host_tasks;
}

static inline void world_begin(const char *host)
{
	static const char *const files[] = { "pids.max",    "memory.swap.max",	"memory.oom.group",
					     "memory.high", "memory.zswap.max", "io.weight",
					     "cpu.weight" };

	is_v2 = true;
	host_tasks = UINT64_MAX;
	cgroups_path = "/default/c";
	systemd_cgroup = false;
	tree_init(&cgroups);
	tree_file(&cgroups, "cgroup.controllers", "cpu io memory pids\n");
	tree_file(&cgroups, "cgroup.subtree_control", "cpu io memory pids\n");
	tree_file(&cgroups, "cgroup.procs", "1\n");
	tree_dir(&cgroups, "slice");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "slice/%s", files[i]);
		tree_file(&cgroups, name, "");
	}
	folder = folder_new();
	(void)snprintf(host_path, sizeof(host_path), "%s/host.json", folder.path);
	if (host)
		folder_put_text(&folder, "host.json", host);
}

static inline void world_end(void)
{
	tree_done(&cgroups);
	folder_done(&folder);
}

static inline void take_log(void)
{
	int fd = openat(folder.fd, "log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		abort();
	log_init(fd, false);
}

static inline void read_log(void)
{
	struct buf text = { 0 };

	log_init(-1, false);
	CHECK(fd_read_file(folder.fd, "log", TEXT_ROOM - 1, &text) == 0);
	(void)snprintf(said, sizeof(said), "%s", (const char *)text.data);
	buf_done(&text);
	(void)unlinkat(folder.fd, "log", 0);
}

/* What config.json is afterwards; valid until the next call. */
static inline const char *apply(const char *config)
{
	static char after[TEXT_ROOM];
	struct defaults_target target = { .id = "c",
					  .bundle_dir = folder.fd,
					  .cgroups_path = cgroups_path,
					  .systemd_cgroup = systemd_cgroup };
	struct buf text = { 0 };
	int files;

	folder_put_text(&folder, "config.json", config);
	files = folder_count(&folder);
	take_log();
	failing_armed = fails;
	defaults_apply(host_path, &target, &kept);
	failing_armed = false;
	read_log();
	CHECK(fd_read_file(folder.fd, "config.json", TEXT_ROOM - 1, &text) == 0);
	(void)snprintf(after, sizeof(after), "%s", (const char *)text.data);
	buf_done(&text);
	/* the note for azlctl explain is there when something was put in */
	if (!fails)
		CHECK((folder_mode(&folder, DEFAULTS_NOTE) == 0600) ==
		      (strcmp(after, config) != 0));
	(void)unlinkat(folder.fd, DEFAULTS_NOTE, 0);
	CHECK(folder_count(&folder) == files);
	return after;
}

/* What the runtime gets; valid until the next call. */
static inline const char *update(const char *resources)
{
	static char text[TEXT_ROOM];
	struct buf out = { 0 };
	int code = defaults_update(&kept, resources, strlen(resources), &out);

	CHECK(code == (out.len > 0));
	(void)snprintf(text, sizeof(text), "%.*s", code ? (int)out.len : (int)strlen(resources),
		       code ? (const char *)out.data : resources);
	buf_done(&out);
	return text;
}

#define CONFIG(resources) "{\"ociVersion\":\"1.0.2\",\"linux\":{" resources "}}"

#define OURS_OF_MEMORY "\"memory.swap.max\":\"0\",\"memory.oom.group\":\"1\""
#define OUR_WEIGHT     "\"cpu.weight\":\"10\""
#define OURS	       OURS_OF_MEMORY "," OUR_WEIGHT
#define ALL_DEFAULTS   "\"pids\":{\"limit\":4096},\"unified\":{" OURS "}"
