/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which runtime a program is. Who knows takes the runtime's work over; so "known" is said of
 * released versions of runc alone, of a program that is no script (a wrapper may do things of its
 * own), and once per host: asking `runc --version` takes some milliseconds, reading the answer of
 * another shim some microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shim/runtime_version.h"

struct err;

/* Answers besides 0, "a released runc". */
enum {
	RUNTIME_ID_MISSING = 1, /* nobody has asked it yet: runtime_id_probe() */
	RUNTIME_ID_OTHER = 2,	/* it is something else: another runtime, a script, a pre-release */
};

/*
 * Read what `runc --version` prints. Pure.
 *
 * Only the first line counts: "runc version X.Y.Z". Distributions append their own numbers:
 * "1.1.15+ds1" (Debian), "1.1.12-0ubuntu2" (Ubuntu). "-rc.1", "~rc1", "+dev" and what nobody knows
 * are no releases.
 *
 * version   written only when the result is 0
 *
 * Returns 0 or RUNTIME_ID_OTHER.
 *
 * Source: runc main.go, printVersion; runc VERSION file.
 */
int runtime_id_parse(const char *text, size_t len, struct runtime_version *version);

/*
 * Whether the shim knows this version's ways well enough to do its work: 1.1.0 <= version < 1.6.0.
 *
 * Source: runc 1.1.15 to 1.5.1, libcontainer; later ones may run poststart hooks in `runc start`.
 */
bool runtime_is_known(const struct runtime_version *version);

/*
 * Look up which runtime a program is. Never waits, starts nothing.
 *
 * store     path of the folder; RUNTIME_STORE_PATH but for tests
 * program   absolute path, as spawn_find_program() finds it
 * version   written only when the result is 0
 *
 * Returns 0, RUNTIME_ID_MISSING, RUNTIME_ID_OTHER, or a negative errno value with err filled: no
 * such program, or what is in the folder is not to be believed (-EPERM).
 */
int runtime_id_find(const char *store, const char *program, struct runtime_version *version,
		    struct err *err);

/*
 * Ask the program, and keep the answer for all shims of the host. For a child: waits for the
 * program, some milliseconds, RUNTIME_ID_PROBE_MS at most. The program starts as the runtime does
 * (shim/spawn.h).
 *
 * Returns and arguments as runtime_id_find(), never RUNTIME_ID_MISSING. Nothing is kept when the
 * program was replaced meanwhile (-EAGAIN), said nothing at all and failed, or had to be killed at
 * the end of its time (-ETIMEDOUT), as it may on a host that is busy.
 */
int runtime_id_probe(const char *store, const char *program, struct runtime_version *version,
		     struct err *err);

enum { RUNTIME_ID_PROBE_MS = 5000 };
