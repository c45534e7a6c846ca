/* SPDX-License-Identifier: Apache-2.0 */
/* AppArmor, as far as an exec without the runtime must know of it. */
#pragma once

#include <stdbool.h>

#include "shim/runtime_version.h"

/* Bytes of a profile's name; longer ones are the runtime's. */
enum { APPARMOR_NAME_MAX = 1024 };

/*
 * Say whether AppArmor is on.
 *
 * root   directory descriptor of the host's root, borrowed; AT_FDCWD for the host itself
 *
 * Source: runc libcontainer/apparmor/apparmor_linux.go, isEnabled; containerd asks the same.
 */
bool apparmor_is_on(int root);

/*
 * What a version of runc calls the folder of its own process in /proc when it cannot write there:
 * "/proc/self/". Static.
 *
 * Source: runc libcontainer/apparmor/apparmor_linux.go, setProcAttr; since 1.2.8 and 1.3.3
 * filepath-securejoin, pathrs-lite/internal/procfs.
 */
const char *apparmor_runc_folder(const struct runtime_version *version);
