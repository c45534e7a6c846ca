/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/capability.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>

enum { CAPABILITY_NAME_ROOM = 32 };

int capability_number(const char *name, size_t len)
{
	static const char prefix[] = "CAP_";
	char copy[CAPABILITY_NAME_ROOM] = "";
	cap_value_t value;

	if (len >= sizeof(copy) || len < sizeof(prefix) ||
	    memcmp(name, prefix, sizeof(prefix) - 1) != 0)
		return -ENOENT;
	/* libcap takes lower case and bare numbers too; runc takes neither */
	for (size_t i = 0; i < len; i++) {
		if ((name[i] < 'A' || name[i] > 'Z') && name[i] != '_')
			return -ENOENT;
		copy[i] = name[i];
	}
	return cap_from_name(copy, &value) == 0 ? (int)value : -ENOENT;
}
