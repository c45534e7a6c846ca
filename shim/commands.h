/* SPDX-License-Identifier: Apache-2.0 */
/* What the program does when containerd calls it. Each returns the process's exit status. */
#pragma once

struct args;

/* `start`: find or become the shim of this container, print its address. */
int command_start(const struct args *args);

/* `delete`: remove what a dead shim left behind; print a DeleteResponse. */
int command_delete(const struct args *args);

/* `-info`: print a containerd.types.RuntimeInfo. */
int command_info(void);

struct daemon_config {
	const char *ns;
	const char *ttrpc_address; /* of containerd; NULL: no events */
	const char *socket_path;
	int listen_fd; /* consumed */
	int log_fd;    /* consumed; -1: none */
	int debug;
};

/* Serve until the last container is gone. */
int daemon_run(const struct daemon_config *config);
