/* SPDX-License-Identifier: Apache-2.0 */
/* Which acts may take their fast path: by the host's configuration, by a container's annotation. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

#define SWITCHES_HOST_CONFIG "/etc/azl/host.json"

enum fast_act {
	FAST_START,
	FAST_EXEC,
	FAST_KILL,
	FAST_PAUSE, /* and resume */
	FAST_DELETE,
	FAST_CREATE, /* what is prepared for the runtime */
	FAST_ACT_MAX,
};

/* "start", "exec", ...: as in the configuration and in texts. */
const char *switches_name(enum fast_act act);

/*
 * Parse the annotation io.azl.fastpaths: "all", "none", or names with commas between, which stay
 * on. Pure.
 *
 * off   bits by enum fast_act; written only on success
 *
 * Returns 0, or -EINVAL (a name is unknown).
 */
int switches_parse(const char *text, size_t len, uint8_t *off);

/*
 * Read "fastPaths" of the host's configuration: false, or an object of names with true or false.
 * Other keys of the file are not looked at.
 *
 * path   of the file; one that is not there switches nothing off
 * off    bits by enum fast_act; written only on success
 *
 * Returns 0 or negative, err filled.
 */
int switches_read(const char *path, uint8_t *off, struct err *err);
