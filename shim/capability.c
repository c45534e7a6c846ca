/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/capability.h"

#include <errno.h>
#include <string.h>

enum { CAPABILITY_BYTES = 19 };

/* In the order of their numbers, without "CAP_". In place and not as pointers: nothing is relocated
 * when the shim starts. */
static const char names[][CAPABILITY_BYTES] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

int capability_number(const char *name, size_t len)
{
	static const char prefix[] = "CAP_";
	const size_t prefix_len = sizeof(prefix) - 1;

	if (len <= prefix_len || len > prefix_len + CAPABILITY_BYTES - 1 ||
	    memcmp(name, prefix, prefix_len) != 0)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len - prefix_len &&
		    memcmp(names[i], name + prefix_len, len - prefix_len) == 0)
			return (int)i;
	}
	return -ENOENT;
}
