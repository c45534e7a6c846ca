/* SPDX-License-Identifier: Apache-2.0 */
/* What containerd tells `start` on its standard input, what `start` answers, where the socket is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
typedef struct Pb__Any Pb__Any;

/*
 * The answer cannot tell containerd 1.7 from 2.0 to 2.2 by what they send. Whoever runs 2.0 to 2.2
 * may put AZL_BOOTSTRAP_VERSION=3 into [plugins."io.containerd.shim.v1.manager"] env, so that
 * version 3 is announced to them too; =2 announces version 2 to everyone. Never set 3 for
 * containerd 1.7: it refuses such a shim.
 */
#define BOOTSTRAP_VERSION_ENV "AZL_BOOTSTRAP_VERSION"

#define BOOTSTRAP_SOCKET_DIR "/run/containerd/s" /* containerd defaults.DefaultStateDir + "/s" */

enum {
	BOOTSTRAP_INPUT_MAX_BYTES = 4 << 20, /* of standard input */
	BOOTSTRAP_SOCKET_MAX_BYTES = 106,    /* containerd's limit for a socket path */
	BOOTSTRAP_SOCKET_ROOM = BOOTSTRAP_SOCKET_MAX_BYTES + 1,
};

struct bootstrap {
	bool versioned;	     /* BootstrapParams came: containerd 2.3 or newer */
	bool debug;	     /* they ask for debug lines */
	char *socket_dir;    /* owned; NULL: BOOTSTRAP_SOCKET_DIR */
	char *ttrpc_address; /* owned; NULL: as the environment says */
	Pb__Any *options;    /* owned; NULL: none */
};

/* Free what the struct owns; it is empty afterwards. */
void bootstrap_done(struct bootstrap *bootstrap);

/*
 * Decode the standard input of `start`.
 *
 * bytes, len   borrowed; may be empty
 * id, ns       of the command line: params count as such only when they name the same
 * bootstrap    written with 0 and 1; the caller calls bootstrap_done
 *
 * Returns 0, 1 when the bytes are neither params nor an Any (nothing known, go on), -ENOMEM.
 *
 * Source: containerd api/runtime/bootstrap/v1/bootstrap.proto, core/runtime/v2/binary.go.
 */
int bootstrap_parse(const uint8_t *bytes, size_t len, const char *id, const char *ns,
		    struct bootstrap *bootstrap, struct err *err);

/*
 * Write the answer of `start`: the plain address, or JSON of version 3.
 *
 * versioned   as decoded from the input
 * forced      value of BOOTSTRAP_VERSION_ENV, or NULL
 * address     "unix://..."
 * out         appended to
 *
 * Returns 0 or as buf_add.
 */
int bootstrap_answer(bool versioned, const char *forced, const char *address, struct buf *out);

/* True when that answer announces version 3: the peer may join containers without `start` and
 * `delete`. */
bool bootstrap_announces_v3(bool versioned, const char *forced);

/*
 * Compute where the socket of a shim is; its address is "unix://" and this path.
 *
 * dir       folder of sockets
 * address   containerd's address as on the command line
 * id        of the container, or the name of its group
 * out       NUL-terminated path, written only on success
 *
 * Returns 0 or -ENAMETOOLONG, err filled.
 *
 * Source: containerd runtime/v2/shim/util_unix.go, SocketAddress.
 */
int bootstrap_socket_path(const char *dir, const char *address, const char *ns, const char *id,
			  char out[BOOTSTRAP_SOCKET_ROOM], struct err *err);
