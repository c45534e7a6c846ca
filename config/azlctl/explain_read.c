/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/keyed.h"
#include "cgroups/root.h"
#include "config/azlctl/explain.h"
#include "config/azlctl/explain_spec.h"
#include "config/azlctl/proc.h"
#include "config/azlctl/tree.h"
#include "config/base/clean.h"
#include "config/base/err.h"

struct search {
	const char *wanted;
	struct explain *explain;
	struct explain_spec spec;
	pid_t pid;
	int found; /* how many fit */
	bool is_exact;
	char other[CONTAINERS_ID_ROOM];
	char other_name[2 * EXPLAIN_NAME_ROOM];
};

/* ---- which container ---- */

static void name_of(const struct explain_spec *spec, char name[2 * EXPLAIN_NAME_ROOM])
{
	if (spec->is_kubernetes)
		(void)snprintf(name, (size_t)2 * EXPLAIN_NAME_ROOM, "%s/%s%s%s", spec->pod_ns,
			       spec->pod, *spec->container ? "/" : "", spec->container);
	else
		(void)snprintf(name, (size_t)2 * EXPLAIN_NAME_ROOM, "%s", spec->nerdctl);
}

/* 2: exactly this one, 1: its id begins so, 0: another. */
static int fits(const char *wanted, const char *id, const struct explain_spec *spec)
{
	char name[2 * EXPLAIN_NAME_ROOM];
	size_t len = strlen(wanted);

	if (strcmp(wanted, id) == 0 || (*spec->nerdctl && strcmp(wanted, spec->nerdctl) == 0))
		return 2;
	name_of(spec, name);
	/* a pause container has no name of its own: "NAMESPACE/POD" is one of the others */
	if (spec->is_kubernetes && !spec->is_pause && strchr(wanted, '/') &&
	    strncmp(wanted, name, len) == 0 && (name[len] == '/' || name[len] == '\0'))
		return 2;
	return strncmp(wanted, id, len) == 0;
}

static int on_bundle(void *owner, const char *ns, const char *id, int bundle)
{
	struct search *search = owner;
	struct explain *explain = search->explain;
	struct explain_spec spec;
	struct err ignored;
	int fit;

	/* one that cannot be read can still be asked for by its id */
	(void)explain_spec_read(bundle, &spec, &ignored);
	fit = fits(search->wanted, id, &spec);
	if (fit == 0 || (fit == 1 && search->is_exact))
		return 0;
	if (fit == 2 && !search->is_exact)
		search->found = 0;
	search->is_exact = fit == 2;
	if (search->found++ > 0) {
		(void)snprintf(search->other, sizeof(search->other), "%.127s", id);
		name_of(&spec, search->other_name);
		return 0;
	}
	search->spec = spec;
	search->pid = containers_pid(bundle);
	explain->is_kubernetes = spec.is_kubernetes;
	(void)snprintf(explain->ns, sizeof(explain->ns), "%s", ns);
	(void)snprintf(explain->id, sizeof(explain->id), "%s", id);
	name_of(&spec, explain->name);
	return 0;
}

/* ---- its values ---- */

/* The content as one line. */
static int read_value(int dir, const char *file, char text[EXPLAIN_VALUE_ROOM])
{
	ssize_t len = tree_read_text(dir, file, text, EXPLAIN_VALUE_ROOM);

	if (len == -EFBIG) {
		(void)snprintf(text, EXPLAIN_VALUE_ROOM, "(long)");
		return 0;
	}
	if (len < 0)
		return (int)len;
	for (char *at = text; (at = strchr(at, '\n'));)
		*at = ';';
	return 0;
}

/* ---- the cgroups above ---- */

/* Do cgroups above narrow it? */
static bool is_limit(const char *file)
{
	return strcmp(file, "memory.max") == 0 || strcmp(file, "memory.high") == 0 ||
	       strcmp(file, "memory.swap.max") == 0 || strcmp(file, "memory.zswap.max") == 0 ||
	       strcmp(file, "pids.max") == 0 || strcmp(file, "memory.min") == 0 ||
	       strcmp(file, "memory.low") == 0 || strcmp(file, "cpu.max") == 0;
}

/* A limit as a number to compare: of cpu.max thousandths of a processor. */
static int limit_of(const char *file, const char *text, uint64_t *limit)
{
	struct cg_text rest = cg_keyed_text(text), quota_text, period_text;
	uint64_t quota, period;

	if (strcmp(file, "cpu.max") != 0)
		return cg_keyed_value(rest, limit);
	if (!cg_keyed_word(&rest, &quota_text) || !cg_keyed_word(&rest, &period_text) ||
	    cg_keyed_value(quota_text, &quota) < 0 || cg_keyed_value(period_text, &period) < 0 ||
	    period == 0)
		return -EINVAL;
	*limit = quota == UINT64_MAX ? UINT64_MAX : quota * 1000 / period;
	return 0;
}

static enum explain_who owner_of_slice(const char *path)
{
	return strncmp(path, "/kubepods", strlen("/kubepods")) == 0 ? EXPLAIN_KUBELET
								    : EXPLAIN_HOST;
}

/* memory.min and memory.low are protections: one above that is smaller narrows them as well. */
static void compare_above(struct explain_value *value, const char *text, const char *path,
			  uint64_t *least)
{
	uint64_t limit;

	if (limit_of(value->file, text, &limit) < 0 || limit >= *least)
		return;
	*least = limit;
	value->is_narrowed = true;
	value->above_who = owner_of_slice(path);
	(void)snprintf(value->effective, sizeof(value->effective), "%s", text);
	(void)snprintf(value->above, sizeof(value->above), "%s", path);
}

static void look_above(int cgroups, const struct explain *explain, struct explain_value *value)
{
	char path[EXPLAIN_PATH_ROOM], text[EXPLAIN_VALUE_ROOM];
	uint64_t least;

	memcpy(value->effective, value->here, sizeof(value->effective));
	if (!is_limit(value->file) || limit_of(value->file, value->here, &least) < 0)
		return;
	(void)snprintf(path, sizeof(path), "%s", explain->cgroup);
	for (char *slash; (slash = strrchr(path, '/')) && slash > path;) {
		own_fd int dir = -1;
		struct err ignored;

		*slash = '\0';
		if (cg_open_below(cgroups, path, &dir, &ignored) == 0 &&
		    read_value(dir, value->file, text) == 0)
			compare_above(value, text, path, &least);
	}
}

/* Of sets the kernel tells what is granted: what is asked for, as far as the cgroups above have it.
 */
static void look_granted(int dir, struct explain_value *value)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s.effective", value->file);
	if (strncmp(value->file, "cpuset.", strlen("cpuset.")) != 0 ||
	    read_value(dir, name, value->effective) < 0)
		return;
	value->is_narrowed = *value->here && !explain_same_set(value->here, value->effective);
	value->above_who = EXPLAIN_HOST;
}

static int read_score(int root, pid_t pid, char text[EXPLAIN_VALUE_ROOM])
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%d/" EXPLAIN_OOM_SCORE, (int)pid);
	return read_value(root, path, text);
}

static int read_values(int root, const struct search *search, struct err *err)
{
	struct explain *explain = search->explain;
	own_fd int cgroups = containers_cgroups(root);
	own_fd int dir = -1;

	if (cgroups < 0)
		return err_set(err, cgroups, "/sys/fs/cgroup: no hierarchy of version 2: %s",
			       err_reason(-cgroups));
	if (!search->pid ||
	    proc_cgroup(root, search->pid, explain->cgroup, sizeof(explain->cgroup)) < 0)
		return err_set(err, -ESRCH, "%s does not run", explain->id);
	if (cg_open_below(cgroups, explain->cgroup, &dir, err) < 0)
		return err->code;
	for (size_t i = 0; i < EXPLAIN_VALUES; i++) {
		struct explain_value *value = &explain->values[i];

		value->file = explain_file_name(i);
		value->is_there = (strcmp(value->file, EXPLAIN_OOM_SCORE) == 0
					   ? read_score(root, search->pid, value->here)
					   : read_value(dir, value->file, value->here)) == 0;
		if (!value->is_there)
			continue;
		explain_judge(root, explain, &search->spec.wishes[i], value);
		look_above(cgroups, explain, value);
		look_granted(dir, value);
	}
	return 0;
}

int explain_read(int root, const char *name, struct explain *explain, struct err *err)
{
	struct search *search = calloc(1, sizeof(*search));
	int code;

	*explain = (struct explain){ 0 };
	if (!search)
		return err_set(err, -ENOMEM, "no memory");
	search->wanted = name;
	search->explain = explain;
	code = containers_each(root, on_bundle, search, err);
	if (code == 0 && search->found == 0)
		code = err_set(err, -ENOENT, "\"%.128s\": no container has this id or name", name);
	else if (code == 0 && search->found > 1)
		code = err_set(err, -EEXIST,
			       "\"%.64s\": %.64s%s%.200s and %.64s%s%.200s, which one?", name,
			       explain->id, *explain->name ? " " : "", explain->name, search->other,
			       *search->other_name ? " " : "", search->other_name);
	if (code == 0)
		code = read_values(root, search, err);
	free(search);
	return code;
}
