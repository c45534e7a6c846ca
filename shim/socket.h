/* SPDX-License-Identifier: Apache-2.0 */
/* The path at which containerd finds a shim, and who of several owns it. */
#pragma once

struct err;

/*
 * Become the shim behind a path, or find the one that is.
 *
 * The socket is bound and listening under a name of its own before it is linked to its path, so
 * nobody ever meets a path that refuses connections but is about to work. A dead one is replaced
 * under a lock on the folder.
 *
 * path        absolute; its folder is made when missing (0700)
 * listen_fd   written only with 0; non-blocking, mode 0600
 *
 * Returns 0 when it is ours now, 1 when a living shim answers there, or negative, err filled.
 */
int socket_claim(const char *path, int *listen_fd, struct err *err);

/* Remove a path that refuses connections; one that works is left alone. */
void socket_remove_dead(const char *path);

/* True unless it is certain that nobody accepts connections at this path. */
int socket_is_alive(const char *path);

/*
 * Take the path away in a way that can be undone, so that a newcomer either was seen or finds
 * nothing. Returns 0 or a negative errno value.
 */
int socket_retire(const char *path);
void socket_unretire(const char *path);
void socket_remove(const char *path);
