/* SPDX-License-Identifier: Apache-2.0 */
/* A lease as JSON, and back. Pure. */
#pragma once

#include <stddef.h>

struct buf;
struct err;
struct lease;

/*
 * Read a lease.
 *
 * lease   written only on success; to be freed with lease_done
 *
 * Returns 0, -EBADMSG (not a whole lease, or of a format that is not known) or -ENOMEM.
 */
int lease_text_parse(const char *text, size_t len, struct lease *lease, struct err *err);

/* Append a lease. Returns 0, or -ENOMEM / -EMSGSIZE. */
int lease_text_write(const struct lease *lease, struct buf *out, size_t limit);
