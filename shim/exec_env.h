/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of an exec, as the versions of runc make it. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/runtime_version.h"

struct buf;
struct err;

/*
 * Check entries and drop duplicates: up to runc 1.2 the last value takes the place of the first,
 * from 1.3 on the last entry stays where it is and an empty HOME goes.
 *
 * entries      strings, each with its NUL, one behind the other; borrowed, NULL when there are none
 * limit        bytes in `out`
 * out          appended to in the same shape; on failure it is unchanged
 * count        of entries; in and out
 * needs_home   HOME is missing or empty
 *
 * Returns 0 or
 *   -EINVAL       an entry that runc <= 1.2 refuses; err holds its text: "invalid environment
 *                 variable: missing '='"
 *   -EOPNOTSUPP   as -EINVAL, but runc >= 1.3 looks at the environment only behind other steps that
 *                 can fail: let it tell
 *   -ENOMEM, -EMSGSIZE
 *
 * Source: runc libcontainer/init_linux.go, populateProcessEnvironment, with Go's os.Setenv (<=
 * 1.2); libcontainer/env.go, prepareEnv (>= 1.3).
 */
int exec_env_write(const char *entries, const struct runtime_version *version, size_t limit,
		   struct buf *out, uint32_t *count, bool *needs_home, struct err *err);
