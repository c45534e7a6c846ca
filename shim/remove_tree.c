/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/remove_tree.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>

#include "config/base/err.h"

enum { REMOVE_TREE_FDS = 16 };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

int remove_tree(const char *path, struct err *err)
{
	if (nftw(path, remove_one, REMOVE_TREE_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
	    errno == ENOENT)
		return 0;
	return err_errno(err, "remove %s", path);
}
