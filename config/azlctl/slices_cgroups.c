/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/make.h"
#include "cgroups/root.h"
#include "config/azlctl/slices.h"
#include "config/base/clean.h"
#include "config/base/err.h"

int slices_make(const char *group, const char *controllers, struct err *err)
{
	own_fd int root = -1;
	int code = cg_root_open(&root, err);

	(void)controllers; /* all of them */
	return code < 0 ? code : cg_make(root, group, err);
}

int slices_set(const char *group, const char *file, const char *value, struct err *err)
{
	own_fd int root = -1;
	int code = cg_root_open(&root, err);

	return code < 0 ? code : cg_limit_set(root, group, file, value, err);
}
