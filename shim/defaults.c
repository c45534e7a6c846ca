/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/defaults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "cgroups/limits.h"
#include "cgroups/root.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "config/base/num.h"
#include "config/base/tasks.h"
#include "config/container_defaults.h"
#include "config/json_edit.h"
#include "shim/defaults_spec.h"
#include "shim/spec.h"

enum {
	UPDATE_MAX_BYTES = 4 << 20,
	NAMES_ROOM = 160, /* of all defaults, with spaces */
};

static const char config_name[] = "config.json";

static uint64_t memory_bytes(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

static bool is_any_set(const struct container_defaults *defaults)
{
	for (int key = 0; key < DEFAULT_MAX; key++)
		if (defaults->of[key].is_set)
			return true;
	return false;
}

/* What the annotations make of the host's defaults; what makes no sense in them is told. */
static void override(const char *id, const struct defaults_spec *spec,
		     struct container_defaults *wanted)
{
	if (spec->is_misspelt)
		log_warn(id, "annotation io.azl.defaults is ignored: it must be all or none");
	if (*spec->unknown)
		log_warn(id, "annotation io.azl.defaults.%s is ignored: there is no such default",
			 spec->unknown);
	for (int i = 0; i < DEFAULT_MAX; i++) {
		enum container_default key = (enum container_default)i;

		if (spec->misspelt & 1U << i)
			log_warn(id, "annotation io.azl.defaults.%s is ignored: it must be off, %s",
				 container_default_name(key),
				 host_type_range(container_default_type(key)));
		else if (spec->overridden & 1U << i)
			wanted->of[i] = spec->override.of[i];
	}
}

/* Where the container's cgroup is to be. Returns 0 or negative, err filled. */
static int find_site(const struct defaults_target *target, struct cg_site *site, struct err *err)
{
	own_fd int root = -1;
	/* systemd enables for a scope what it asks for, all the way down. */
	const char *path = target->systemd_cgroup ? "" : target->cgroups_path;

	if (!path || (path[0] != '/' && !target->systemd_cgroup))
		return err_set(err, -EINVAL, "linux.cgroupsPath does not begin at the root");
	if (cg_root_open_unified(&root, err) < 0)
		return err->code;
	return cg_site_find(root, path, site, err);
}

/* A score can be raised by anybody. What the container would inherit from here is enough, if it is
 * as high; and lowering it takes a capability that may be missing. */
static bool raises_score(const struct host_value *wanted)
{
	char text[16];
	int64_t score;
	ssize_t len = fd_read_text(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text));

	return len > 0 && num_i64_parse(text, (size_t)len, &score) == 0 &&
	       score < (int64_t)wanted->number;
}

/* Take back what the container's cgroup will not have; one line tells. */
static void drop_absent(const char *id, const struct cg_site *site,
			struct container_defaults *wanted)
{
	char names[NAMES_ROOM] = "";
	size_t used = 0;

	for (int i = 0; i < DEFAULT_OOM_SCORE_ADJ; i++) {
		const char *name = container_default_name((enum container_default)i);

		if (!wanted->of[i].is_set || cg_site_has(site, name))
			continue;
		wanted->of[i].is_set = false;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", name);
	}
	if (used)
		log_info(id, "defaults that its cgroup cannot have are left out:%s", names);
}

/* Note beside config.json what is put into it: there, it looks like the user's. */
static void leave_note(const struct defaults_target *target,
		       const struct container_defaults *wanted)
{
	char names[NAMES_ROOM] = "";
	size_t used = 0;
	struct err err;

	for (int i = 0; i < DEFAULT_MAX && used < sizeof(names); i++)
		if (wanted->of[i].is_set)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s\n",
						 container_default_name((enum container_default)i));
	if (fd_replace_file(target->bundle_dir, DEFAULTS_NOTE, names, strlen(names), 0600, &err) <
	    0)
		log_warn(target->id, "azlctl explain will not know the defaults: %s", err.msg);
}

/* said: bits of what is not the host's to decide. */
static void forget(struct container_defaults *defaults, uint32_t said)
{
	for (int key = 0; key < DEFAULT_MAX; key++)
		if (said & 1U << key)
			defaults->of[key].is_set = false;
}

/* Read the spec and decide; what somebody said is wanted no more. Returns 1: there is an edit to
 * make; 0, or negative, err filled. */
static int decide(const struct defaults_target *target, struct container_defaults *wanted,
		  struct json_edit *edit, struct err *err)
{
	struct defaults_spec spec = { .depth = 2 };
	struct cg_site site;
	int code = json_scan_file(target->bundle_dir, config_name, SPEC_LIMIT_BYTES,
				  defaults_spec_value, &spec, err);

	if (code < 0)
		return code;
	if (spec.is_sandbox || spec.is_none)
		return 0;
	/* kubelet decides it for its pods, and its "no" is to write nothing (singleProcessOOMKill).
	 */
	if (spec.is_pods)
		forget(wanted, 1U << DEFAULT_MEMORY_OOM_GROUP);
	override(target->id, &spec, wanted);
	forget(wanted, spec.said);
	if (!raises_score(&wanted->of[DEFAULT_OOM_SCORE_ADJ]))
		forget(wanted, 1U << DEFAULT_OOM_SCORE_ADJ);
	if (!is_any_set(wanted))
		return 0;
	code = find_site(target, &site, err);
	if (code < 0)
		return code;
	drop_absent(target->id, &site, wanted);
	cg_site_done(&site);
	if (defaults_spec_edit(&spec, wanted, memory_bytes(), edit) < 0)
		return err_set(err, -EINVAL, "%s is written in an unusual way", config_name);
	return edit->count > 0 || is_any_set(wanted);
}

void defaults_apply(const char *host_config, const struct defaults_target *target,
		    struct container_defaults *kept)
{
	struct container_defaults wanted;
	struct json_edit edit;
	struct err err;
	int code = container_defaults_read(AT_FDCWD, host_config, &wanted, &err);
	bool is_read = code == 0;

	*kept = (struct container_defaults){ 0 };
	if (code > 0)
		return;
	if (code == 0) {
		container_defaults_fit(&wanted, tasks_max());
		code = decide(target, &wanted, &edit, &err);
	}
	if (code == 0)
		return;
	if (code > 0 && edit.count > 0)
		code = json_edit_file(&edit, target->bundle_dir, config_name, &err);
	if (code < 0) {
		log_warn(target->id, "defaults are not applied: %s%s", err.msg,
			 is_read ? "" : "; azlctl check says what is wrong with it");
		return;
	}
	if (edit.count > 0)
		leave_note(target, &wanted);
	/* Fields, unlike the others: the runtime remembers them. */
	forget(&wanted, 1U << DEFAULT_PIDS_MAX | 1U << DEFAULT_OOM_SCORE_ADJ);
	*kept = wanted;
}

int defaults_update(struct container_defaults *kept, const char *json, size_t len, struct buf *out)
{
	struct defaults_spec spec = { 0 };
	struct json_edit edit;
	struct err ignored;

	if (!is_any_set(kept) || json_scan(json, len, defaults_spec_value, &spec, &ignored) < 0)
		return 0;
	forget(kept, spec.said);
	return defaults_spec_edit(&spec, kept, memory_bytes(), &edit) == 0 && edit.count > 0 &&
	       json_edit_bytes(&edit, json, len, out, UPDATE_MAX_BYTES) == 0;
}
