/* SPDX-License-Identifier: Apache-2.0 */
/* Source: libcgroup 2.0 and later, which know cgroup v2. */
#include "config/azlctl/slices.h"

#include <errno.h>
#include <libcgroup.h>
#include <stdio.h>
#include <string.h>

#include "config/base/err.h"

enum { NAME_ROOM = 64 };

static int fail(struct err *err, const char *what, const char *group, int code)
{
	return err_set(err, code == ECGROUPNOTEXIST ? -ENOENT : -EIO, "%s cgroup /%s: %s", what,
		       group, code == ECGOTHER ? err_reason(errno) : cgroup_strerror(code));
}

/* The library's picture of a cgroup: it knows the controllers that are named here. */
static struct cgroup *picture(const char *group, const char *controllers, struct err *err)
{
	struct cgroup *cgroup;
	int code = cgroup_init();

	if (code != 0) {
		(void)fail(err, "libcgroup does not find", group, code);
		return NULL;
	}
	cgroup = cgroup_new_cgroup(*group ? group : "/");
	for (const char *at = controllers; cgroup && *at;) {
		char name[NAME_ROOM];
		size_t len = strcspn(at, " ");

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
		if (len > 0 && !cgroup_add_controller(cgroup, name)) {
			cgroup_free(&cgroup);
			break;
		}
		at += len;
		at += strspn(at, " ");
	}
	if (!cgroup)
		(void)err_set(err, -ENOMEM, "no memory for cgroup /%s", group);
	return cgroup;
}

int slices_make(const char *group, const char *controllers, struct err *err)
{
	struct cgroup *cgroup = picture(group, controllers, err);
	int code;

	if (!cgroup)
		return err->code;
	code = cgroup_create_cgroup(cgroup, 1);
	cgroup_free(&cgroup);
	return code ? fail(err, "make", group, code) : 0;
}

int slices_remove(const char *group, struct err *err)
{
	struct cgroup *cgroup = picture(group, "memory", err);
	int code;

	if (!cgroup)
		return err->code;
	code = cgroup_delete_cgroup_ext(cgroup, CGFLAG_DELETE_EMPTY_ONLY);
	cgroup_free(&cgroup);
	return code && code != ECGROUPNOTEXIST ? fail(err, "remove", group, code) : 0;
}

int slices_set(const char *group, const char *file, const char *value, struct err *err)
{
	char controller[NAME_ROOM];
	struct cgroup *cgroup;
	struct cgroup_controller *its;
	int code;

	(void)snprintf(controller, sizeof(controller), "%.*s", (int)strcspn(file, "."), file);
	cgroup = picture(group, controller, err);
	if (!cgroup)
		return err->code;
	its = cgroup_get_controller(cgroup, controller);
	code = its ? cgroup_add_value_string(its, file, value) : ECGINVAL;
	if (code == 0)
		code = cgroup_modify_cgroup(cgroup);
	cgroup_free(&cgroup);
	return code ? fail(err, "set a value of", group, code) : 0;
}

int slices_move(const char *group, pid_t pid, struct err *err)
{
	struct cgroup *cgroup = picture(group, "memory", err);
	int code;

	if (!cgroup)
		return err->code;
	code = cgroup_attach_task_pid(cgroup, pid);
	cgroup_free(&cgroup);
	return code ? fail(err, "move a process to", group, code) : 0;
}
