/* SPDX-License-Identifier: Apache-2.0 */
/* The Task service: method name to handler, in one table, for containerd.task.v2 and v3. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct call;

/* The server's handler; owner is the struct shim. */
void service_handle(void *owner, struct call *call, const char *service, const char *name,
		    const uint8_t *payload, size_t payload_bytes);
