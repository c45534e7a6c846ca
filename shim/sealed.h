/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runc in sealed memory. So that a container cannot write to the host's runc through /proc/PID/exe,
 * runc 1.1 copies itself into a sealed memfd at each create and each exec: a third of what create
 * costs. It does not when it was started from such a memfd. So one copy per host is kept, and runc
 * is started from that.
 *
 * It is the same protection: the copy has the same seals (no writing, no growing, no shrinking, no
 * further seals), and only root can reach it. Later versions of runc protect themselves without a
 * copy; they are left alone.
 *
 * Sealed memory cannot be mounted, it lives as long as somebody has it open: a process of its own,
 * `azl-sealed`, started when a copy is first missed. It ends, and the memory (10 to 14 MB) with it,
 * when nobody used the copy for SEALED_IDLE_S, when the program's file changes and somebody copies
 * the new one, or when it is killed. Who wants the copy opens /proc/PID/fd/N; where that is written
 * in KEY.sealed of the folder that runtime_store.h tells of.
 *
 * One thing is different: who gets hold of the copy, in a container that makes runc run a program
 * of its own inside, can open it for writing. Nothing can be written, but until it is closed the
 * copy cannot be executed (ETXTBSY). So who starts it must be ready to start the program itself
 * instead.
 *
 * Not done where a program's path decides what it may do: with SELinux, and with an AppArmor
 * profile for the runtime; nor where memfds may not be executed.
 *
 * Source: runc 1.1.15 libcontainer/nsenter/cloned_binary.c, is_self_cloned; runc 1.2
 * contrib/cmd/memfd-bind ("memfds cannot be bind-mounted directly").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shim/runtime_version.h"

struct err;

enum {
	SEALED_MISSING = 1, /* there is no copy: sealed_hold() */
	SEALED_BUSY = 2,    /* somebody is making one */
	SEALED_REFUSED = 3, /* not on this host */

	SEALED_FD_MIN = 64, /* above every number that a child is given (shim/spawn.h) */
	SEALED_PATH_ROOM = 32,
	SEALED_IDLE_S = 30,
	SEALED_LOOK_S = 5, /* how often the holder looks whether it is still wanted */
};

/* Whether this version copies itself each time, and takes a sealed copy of ours instead. */
bool sealed_is_wanted(const struct runtime_version *version);

/*
 * Open the host's copy of a program. Never waits.
 *
 * store     RUNTIME_STORE_PATH but for tests
 * program   absolute path, as spawn_find_program() finds it
 * fd        written only when the result is 0: close-on-exec, at least SEALED_FD_MIN; the caller
 *           closes it once the runtime was started
 * path      SEALED_PATH_ROOM bytes, written only when the result is 0: what to execute in a child
 *           that inherits fd; argv[0] stays the runtime's own name
 *
 * Returns 0, SEALED_MISSING, or a negative errno value with err filled: no such program, or what is
 * in the folder is not to be believed.
 */
int sealed_open(const char *store, const char *program, int *fd, char *path, struct err *err);

/*
 * Make the copy and hold it. For a child of its own that has nothing open of the daemon's
 * (shim/runtime_learn.h): copies (some 5 ms), tries the copy with --version, and stays until nobody
 * needs it.
 *
 * Returns when it is over: 0; SEALED_BUSY; SEALED_REFUSED; or a negative errno value with err
 * filled. The caller then ends the process.
 */
int sealed_hold(const char *store, const char *program, struct err *err);

/*
 * End all holders of a host, which gives their memory back. Runtimes under way keep what they have
 * open.
 *
 * Returns how many were ended, or a negative errno value with err filled; no folder: 0.
 */
int sealed_remove_all(const char *store, struct err *err);
