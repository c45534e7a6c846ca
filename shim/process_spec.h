/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI process object of an Exec: checked when it arrives, kept as JSON until Start. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

enum { PROCESS_SPEC_MAX_BYTES = 4 << 20 };

/*
 * Check the types of a process object and write it again with `terminal` set. The runtime would
 * refuse a wrong one only at Start; containerd's own shim does at Exec.
 *
 * json, len   borrowed; "null" counts as an empty object, unknown keys are kept
 * out         appended to
 *
 * Returns 0 or
 *   -EBADMSG   not JSON, or no object
 *   -EINVAL    a known key has another type; the text names it
 *   -EFBIG, -EMSGSIZE, -ENOMEM
 *
 * Source: OCI runtime-spec config.md, "Process"; specs-go Process as Go's encoding/json reads it.
 */
int process_spec_write(const char *json, size_t len, bool terminal, struct buf *out,
		       struct err *err);
