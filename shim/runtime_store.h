/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shims of a host know of its runtimes: one folder for all, which only root may use.
 *
 *   KEY.version         which runtime the program is (shim/runtime_id.h)
 *   KEY.sealed          where the program is in sealed memory (shim/sealed.h)
 *
 * KEY is the identity of a program's file: it changes when the program does, and what is kept under
 * the old one is then never asked for again.
 */
#pragma once

#include <stdbool.h>

struct err;

#define RUNTIME_STORE_PATH "/run/azl/runtimes"

enum { RUNTIME_KEY_ROOM = 128 }; /* seven numbers of at most 16 digits, and what is between them */

/*
 * Open the folder.
 *
 * path   absolute; RUNTIME_STORE_PATH but for tests
 * make   create it, and its parent, when it is not there
 * dir    written only on success; the caller closes it
 *
 * Returns 0, -ENOENT (not there), -EPERM (the folder or its parent is a link, belongs to another
 * user, or others may write there: nothing in it is to be believed), or another negative errno
 * value.
 */
int runtime_store_open(const char *path, bool make, int *dir, struct err *err);

/*
 * Tell the identity of a program: device, inode, size, time of change of its content and of its
 * inode.
 *
 * program   absolute path; a link is followed
 * key       RUNTIME_KEY_ROOM bytes, written only on success
 *
 * Returns 0 or a negative errno value with err filled.
 */
int runtime_store_key(const char *program, char *key, struct err *err);
