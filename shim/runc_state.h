/* SPDX-License-Identifier: Apache-2.0 */
/* The folder in which runc keeps what it knows of one container: ROOT/ID with state.json,
 * exec.fifo, and state-* while it writes. Source: runc libcontainer/factory_linux.go,
 * container_linux.go. */
#pragma once

struct err;

/*
 * Is there nothing in it but what runc writes?
 *
 * dir   the folder, borrowed
 *
 * Returns 0, -ENOTEMPTY (the text names the first foreign file), or negative.
 */
int runc_state_check(int dir, struct err *err);

/*
 * Remove it with what runc wrote.
 *
 * root   the folder above, borrowed
 * id     its name
 * dir    the folder itself, borrowed
 *
 * Returns 0 or negative; what is foreign stays, and the folder with it.
 */
int runc_state_remove(int root, const char *id, int dir, struct err *err);
