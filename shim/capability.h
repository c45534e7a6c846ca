/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of capabilities by the names that the OCI specification uses, from libcap. Pure.
 *
 * The Makefile prefers libcap's archive: as a shared library it is 15 more system calls at each
 * start of a shim and 4 kB of its private memory.
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
