/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/apparmor.h"

#include <fcntl.h>
#include <unistd.h>

#include "config/base/clean.h"

/* From AT_FDCWD these must begin at the root, and from a folder they must not. */
static const char *below(int root, const char *path)
{
	return root == AT_FDCWD ? path : path + 1;
}

bool apparmor_is_on(int root)
{
	const char *parameter = below(root, "/sys/module/apparmor/parameters/enabled");
	own_fd int fd = -1;
	char text[4];

	if (faccessat(root, below(root, "/sys/kernel/security/apparmor"), F_OK, 0) < 0)
		return false;
	fd = openat(root, parameter, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text)) > 1 && text[0] == 'Y';
}

const char *apparmor_runc_folder(const struct runtime_version *version)
{
	bool own_mount = runtime_version_at_least(version, 1, 3, 3) ||
			 (runtime_version_at_least(version, 1, 2, 8) &&
			  !runtime_version_at_least(version, 1, 3, 0));

	if (!runtime_version_at_least(version, 1, 2, 0))
		return "/proc/self/";
	return own_mount ? "fsmount:fscontext:proc/thread-self/" : "/proc/thread-self/";
}
