/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that containerd gives its shims. Pure. */
#pragma once

#include <stdbool.h>

struct err;

enum { ARGS_ID_MAX_BYTES = 76 }; /* containerd identifiers/validate.go */

enum args_action {
	ARGS_NONE, /* no action given */
	ARGS_START,
	ARGS_DELETE,
};

/* Texts are borrowed from argv; "" when not given. */
struct args {
	const char *ns;		    /* -namespace */
	const char *address;	    /* -address: containerd's own socket */
	const char *publish_binary; /* -publish-binary */
	const char *id;		    /* -id */
	const char *bundle;	    /* -bundle */
	const char *socket;	    /* -socket */
	const char *debug_socket;   /* -debug-socket */
	const char *unknown;	    /* first flag that nobody knows, for the log; NULL: none */
	bool debug;
	bool version; /* -v, -version */
	bool info;    /* -info */
	bool help;    /* -h, -help */
	enum args_action action;
};

/*
 * Parse a command line in the syntax of Go's flag package: -x, --x, -x v, -x=v, up to the first
 * argument that is no flag or to "--".
 *
 * An unknown flag is skipped, with its value if one follows, so that a newer containerd may pass
 * more than we know. For start and delete the namespace and the id must be valid identifiers.
 *
 * args   written only on success
 *
 * Returns 0, or -EINVAL with err filled.
 *
 * Source: containerd runtime/v2/shim/shim.go, parseFlags; Go flag package.
 */
int args_parse(int argc, char *const *argv, struct args *args, struct err *err);

/*
 * Check an identifier of containerd: 1 to ARGS_ID_MAX_BYTES letters and digits, with single '.',
 * '_' or '-' between them. Such a name is safe as one component of a path and as an argument.
 *
 * what   names it in the error: "container id"
 *
 * Returns 0, or -EINVAL with err filled.
 *
 * Source: containerd identifiers/validate.go.
 */
int args_check_id(const char *what, const char *id, struct err *err);
