/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `azlctl check`: each area adds its own, and says what to do where one is not right.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"

struct azlctl;
struct err;

struct check_version {
	unsigned int part[3];
};

enum check_level {
	CHECK_OK,
	CHECK_NOTE, /* worth knowing; changes no exit status */
	CHECK_WARN,
	CHECK_FAIL,
};

enum { CHECK_LINES_MAX = 128, CHECK_TEXT_ROOM = 256, CHECK_FILE_MAX_BYTES = 4 << 20 };

struct check_line {
	enum check_level level;
	const char *id; /* "kernel.version": stable, for machines */
	char text[CHECK_TEXT_ROOM];
	char fix[CHECK_TEXT_ROOM]; /* "" when there is nothing to do */
};

struct checks {
	const struct azlctl *ctl;	 /* borrowed */
	struct buf table;		 /* known-bad versions; empty: there is no table */
	struct check_version containerd; /* what is installed; zero: not known */
	struct check_line lines[CHECK_LINES_MAX];
	size_t n; /* more than CHECK_LINES_MAX are dropped, the last line says so */
};

/* Add a line; check_fix() then gives it its advice. */
void check_say(struct checks *checks, enum check_level level, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void check_fix(struct checks *checks, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The advice to set a sysctl: by azlctl apply, where that does it. */
void check_fix_sysctl(struct checks *checks, const char *name, uint64_t value);

/* ---- the areas, in the order of the answer ---- */

void check_kernel(struct checks *checks);    /* version, file systems, limits, security modules */
void check_cgroups(struct checks *checks);   /* the hierarchy, its controllers, pressure */
void check_slices(struct checks *checks);    /* containers outside, daemons without protection */
void check_runtimes(struct checks *checks);  /* containerd, runc, shim; known-bad versions */
void check_handler(struct checks *checks);   /* azl in containerd's configuration */
void check_network(struct checks *checks);   /* NIC and VF, forwarding, filters */
void check_conflists(struct checks *checks); /* the list of plugins that runtimes take */
void check_host(struct checks *checks);	     /* host.json, and whether it was applied */

/* ---- what they read with: links of a tree stay inside of it ---- */

/* A small file below the root as text, without its last newline. Returns its length or negative. */
long check_read(const struct checks *checks, const char *path, char *text, size_t room);

/* A file of any content, at most CHECK_FILE_MAX_BYTES, NUL-terminated behind its length; `text` is
 * appended to. Returns 0 or negative. */
int check_read_file(const struct checks *checks, const char *path, struct buf *text);

/* The number in a file; `missing` when there is none. */
uint64_t check_number(const struct checks *checks, const char *path, uint64_t missing);

bool check_exists(const struct checks *checks, const char *path);

/* ---- containerd's configuration ---- */

#define CHECK_CONFIG_PATH "etc/containerd/config.toml"

enum { CHECK_TABLE_ROOM = 256 };

typedef void check_config_take(void *owner, const char *file, const char *text);

/* Hand each file of it over, NUL-terminated: config.toml, then those of conf.d in their order,
 * whether or not containerd reads them. */
void check_config_each(const struct checks *checks, check_config_take *take, void *owner);

/* True when containerd reads a file of check_config_each(): config.toml, or what that imports. */
bool check_config_is_read(const struct checks *checks, const char *file);

/* Is a line a header? Its name, without brackets and blanks, is then in `table`. */
bool check_config_header(const char *line, size_t len, char table[CHECK_TABLE_ROOM]);

/* What stands behind "KEY =", up to the end of the file; NULL: the line is another key's. */
const char *check_config_value(const char *line, size_t len, const char *key);

/* ---- CNI plugins ---- */

enum { CHECK_PLUGIN_ROOM = 64, CHECK_DIRS_MAX = 8, CHECK_DIR_ROOM = 128 };

struct check_dirs {
	char dir[CHECK_DIRS_MAX][CHECK_DIR_ROOM]; /* "/opt/cni/bin" */
	size_t n;
};

/* The folders that a file of containerd's configuration names, if it does: in their place, what was
 * there before goes. Returns true when it names any. Pure. */
bool check_plugin_dirs(const char *text, struct check_dirs *dirs);

/* Are the plugins of a list (its name) where containerd looks for them? */
void check_plugins(struct checks *checks, const char *list, const char (*types)[CHECK_PLUGIN_ROOM],
		   size_t n);

/* ---- versions ---- */

/*
 * The first version in a text: "containerd github.com/containerd/containerd 1.7.24~ds1" is 1.7.24,
 * "6.18.2-azl" 6.18.2; a leading 'v' is passed over. What follows the digits is not looked at: a
 * release candidate counts as its release. Pure.
 *
 * Returns 0 or -EINVAL (there is none).
 */
int check_version_find(const char *text, struct check_version *version);

/* Negative, 0 or positive, as memcmp. */
int check_version_compare(const struct check_version *left, const struct check_version *right);

#define CHECK_VERSIONS_PATH "usr/share/azl/known-versions.json"

/*
 * Say what the table of versions knows against one.
 *
 * table, len   the file's content: { "versions": [ { "program", "from", "below", "level", "why",
 *              "fix", "source" } ] }; one entry is one range of versions; its sources, a list of
 *              addresses, are for who keeps the table
 *
 * Returns how many lines it added, or negative, err filled (the table is not as it should be).
 */
int check_known_versions(struct checks *checks, const char *table, size_t len, const char *program,
			 const char *id, const struct check_version *version, struct err *err);

/* The same with the host's table, read before the areas are; one that is not as it should be is a
 * line of its own. */
void check_known(struct checks *checks, const char *program, const char *id,
		 const struct check_version *version);
