/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces of others: open one, act inside it, come back. */
#pragma once

#include <stdint.h>

struct err;

/*
 * Open a network namespace by its path.
 *
 * netns   written on success: a descriptor the caller owns, close-on-exec
 *
 * Returns 0; 1 when there is none any more (no file, or the plain file that a mount was on);
 * CNI_NETNS_INVALID: another kind of namespace, or the one we are in.
 *
 * Source: CNI spec 1.1.0, code 8; man 2 ioctl_ns.
 */
int netns_open(const char *path, int *netns, struct err *err);

/*
 * Call fn inside a namespace and come back; a process that cannot come back aborts.
 *
 * Returns what fn returned, or negative: could not enter.
 */
int netns_run(int netns, int (*fn)(void *owner, struct err *err), void *owner, struct err *err);

/*
 * The cookie of a namespace, which no other one has in this boot: numbers of inodes are used again
 * as soon as a namespace has ended.
 *
 * Returns it, or 0: not known (no network namespace; Linux before 5.14).
 *
 * Source: net/core/net_namespace.c, net_cookie; fs/proc/generic.c, proc_alloc_inum.
 */
uint64_t netns_cookie(int netns);

/*
 * Write a value to /proc/sys/NAME of the namespace that the caller is in.
 *
 * Returns 0; 1: no such setting; or negative.
 */
int netns_sysctl(const char *name, const char *value, struct err *err);

/* Read a number from /proc/sys/NAME. Returns it, or negative (-ENOENT: no such setting). */
int netns_sysctl_read(const char *name);
