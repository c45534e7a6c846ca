/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of a short text. Pure; a library for it would cost more than the whole start. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* Hash bytes in one piece. Source: FIPS 180-4, section 6.2. */
void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_BYTES]);
