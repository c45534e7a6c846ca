/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/slices.h"

#include <errno.h>

#include "config/base/err.h"

static int cannot(struct err *err)
{
	return err_set(err, -ENOTSUP,
		       "this host has no systemd, and azlctl was built without libcgroup, which "
		       "would make its cgroups");
}

bool slices_can(void)
{
	return false;
}

int slices_make(const char *group, const char *controllers, struct err *err)
{
	(void)group;
	(void)controllers;
	return cannot(err);
}

int slices_remove(const char *group, struct err *err)
{
	(void)group;
	return cannot(err);
}

int slices_set(const char *group, const char *file, const char *value, struct err *err)
{
	(void)group;
	(void)file;
	(void)value;
	return cannot(err);
}

int slices_move(const char *group, pid_t pid, struct err *err)
{
	(void)group;
	(void)pid;
	return cannot(err);
}
