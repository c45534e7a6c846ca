/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of capabilities by the names that the OCI specification uses. Pure.
 *
 * A table, and not libcap's cap_from_name: that takes lower case and bare numbers too, which runc
 * does not, and its shared library is 15 more system calls at each start of the shim. The test
 * holds the table against libcap.
 */
#pragma once

#include <stddef.h>

/*
 * Find a capability, "CAP_CHOWN" in upper case as runc takes it.
 *
 * name, len   borrowed
 *
 * Returns its number, or -ENOENT: no such name. A number may be above what the running kernel
 * knows.
 *
 * Source: linux/capability.h; runc libcontainer/capabilities/capabilities.go, capSlice.
 */
int capability_number(const char *name, size_t len);
