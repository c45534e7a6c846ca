/* SPDX-License-Identifier: Apache-2.0 */
/* The version of runc that a container runs with: what an exec does depends on it. */
#pragma once

#include <stdbool.h>

/* As the first line of `runc --version` tells it, "runc version 1.3.3". */
struct runtime_version {
	unsigned int major;
	unsigned int minor;
	unsigned int patch;
};

/* Whether a version is the named one or newer. */
static inline bool runtime_version_at_least(const struct runtime_version *version,
					    unsigned int major, unsigned int minor,
					    unsigned int patch)
{
	if (version->major != major)
		return version->major > major;
	if (version->minor != minor)
		return version->minor > minor;
	return version->patch >= patch;
}
