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

/* The library's picture of a cgroup: it knows the one controller that is named here. */
static struct cgroup *picture(const char *group, const char *controller, struct err *err)
{
	struct cgroup *cgroup;
	int code = cgroup_init();

	if (code != 0) {
		(void)fail(err, "libcgroup does not find", group, code);
		return NULL;
	}
	cgroup = cgroup_new_cgroup(group);
	if (!cgroup)
		(void)err_set(err, -ENOMEM, "no memory for cgroup /%s", group);
	else if (!cgroup_add_controller(cgroup, controller)) {
		cgroup_free(&cgroup);
		(void)err_set(
			err, -ENODEV,
			"cgroup /%s: the kernel has no controller %s here (cgroup_disable= on "
			"its command line, or cgroup v1 has it?)",
			group, controller);
	}
	return cgroup;
}

static int hand_down(const char *group, const char *controller, struct err *err)
{
	struct cgroup *cgroup = picture(group, controller, err);
	int code;

	if (!cgroup)
		return err->code;
	code = cgroup_create_cgroup(cgroup, 1);
	cgroup_free(&cgroup);
	if (code)
		return fail(err, "make", group, code);
	return 0;
}

int slices_make(const char *group, const char *controllers, struct err *err)
{
	char name[NAME_ROOM];
	size_t len;

	for (const char *at = controllers; *at; at += len, at += strspn(at, " ")) {
		len = strcspn(at, " ");
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
		if (len > 0 && hand_down(group, name, err) < 0)
			return err_wrap(err, "controller %s", name);
	}
	return 0;
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
