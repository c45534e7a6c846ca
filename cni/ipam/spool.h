/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases that could not be told: kept until they can. A release is told under the lock of its
 * attachment, so that it never overtakes an ADD of the same one.
 *
 *   DIR/spool/KEY    what to say, written aside and renamed
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

enum { SPOOL_MAX_BYTES = 64 << 10 };

/* Azure CNS tells what lies in here by itself, every 15 s. */
#define SPOOL_AZURE "/var/run/azure-vnet/deleteIDs"

/* Keep a release. Returns 0 or negative. */
int spool_put(int dir, const char *key, const void *bytes, size_t len, struct err *err);

/* Forget one; there may be none. Returns 0 or negative: it is still there. */
int spool_cancel(int dir, const char *key, struct err *err);

/*
 * Call tell for each release kept, of attachments that nobody works on and that have no lease.
 *
 * own_key    left out: its lock is held by the caller
 * until_ms   CLOCK_MONOTONIC: none is begun after it
 * tell       0: told, and forgotten; nonzero: kept, and the walk ends
 *
 * Returns 0 or negative.
 */
int spool_replay(int dir, const char *own_key, int64_t until_ms,
		 int (*tell)(void *owner, const char *bytes, size_t len), void *owner,
		 struct err *err);

/*
 * Keep a release where CNS itself tells it: a file named after the container, holding the id of
 * the pod's interface.
 *
 * azure    the folder, SPOOL_AZURE
 *
 * Returns 0, 1 (no such folder, or the name is taken by another interface), or negative.
 *
 * Source: Azure/azure-container-networking: cns/fsnotify/fsnotify.go.
 */
int spool_azure_put(const char *azure, const char *container, const char *interface_id,
		    struct err *err);

/* Forget one there; there may be none. Returns 0 or negative. */
int spool_azure_cancel(const char *azure, const char *container, const char *interface_id,
		       struct err *err);
