/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from text: the whole text or nothing. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Parse an unsigned decimal number that fills the whole text: digits only, no sign, no space.
 *
 * text, len   borrowed
 * value       written only on success
 *
 * Returns 0, -EINVAL (not a number), -ERANGE (does not fit).
 */
int num_u64_parse(const char *text, size_t len, uint64_t *value);

/* As num_u64_parse with an optional '-' in front. */
int num_i64_parse(const char *text, size_t len, int64_t *value);
