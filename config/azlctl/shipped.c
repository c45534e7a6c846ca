/* SPDX-License-Identifier: Apache-2.0 */
/* The Makefile names these files as prerequisites of this object. */
#include "config/azlctl/shipped.h"

#include <string.h>

/* NUL-terminated. */
#define SHIPPED(name, path)                                                                        \
	__asm__(".pushsection .rodata, \"a\"\n"                                                    \
		".global " #name "\n"                                                              \
		".type " #name ", %object\n" #name ":\n"                                           \
		".incbin \"" path "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".size " #name ", . - " #name "\n"                                                 \
		".popsection\n")

SHIPPED(shipped_sysctl, "config/etc/sysctl.d/90-azl.conf");
SHIPPED(shipped_modules, "config/etc/modules-load.d/azl.conf");
SHIPPED(shipped_containerd_2, "config/etc/containerd/azl-v2.toml");
SHIPPED(shipped_conflist_aks, "config/etc/cni/azl-aks.conflist");
SHIPPED(shipped_conflist_vm, "config/etc/cni/azl-vm.conflist");
SHIPPED(shipped_conflist_local, "config/etc/cni/azl-local.conflist");
SHIPPED(shipped_nic_rules, "config/etc/udev/90-azl-nic.rules");
SHIPPED(shipped_containerd_3, "config/etc/containerd/azl-v3.toml");

bool shipped_sets(const char *name)
{
	size_t len = strlen(name);

	for (const char *line = shipped_sysctl; *line; line += *line == '\n') {
		line += *line == '-';
		if (strncmp(line, name, len) == 0 && strncmp(line + len, " =", 2) == 0)
			return true;
		line += strcspn(line, "\n");
	}
	return false;
}
