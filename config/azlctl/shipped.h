/* SPDX-License-Identifier: Apache-2.0 */
/* Files of config/etc that are inside the program, so that apply writes what a package ships. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

extern const char shipped_sysctl[];	  /* sysctl.d/90-azl.conf */
extern const char shipped_modules[];	  /* modules-load.d/azl.conf */
extern const char shipped_conflist_aks[]; /* cni/azl-aks.conflist */
extern const char shipped_conflist_vm[];
extern const char shipped_conflist_local[];
extern const char shipped_nic_rules[];	  /* udev/90-azl-nic.rules */
extern const char shipped_containerd_2[]; /* containerd/azl-v2.toml, for containerd 1.7 */
extern const char shipped_containerd_3[]; /* containerd/azl-v3.toml, for containerd 2 */

/* True when shipped_sysctl sets a value of this name. */
bool shipped_sets(const char *name);
