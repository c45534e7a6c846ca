/* SPDX-License-Identifier: Apache-2.0 */
/* Take over a process that the engine has made: its terminal, its streams, its exit. */
#pragma once

struct err;
struct operation;

/*
 * Start copying, watch the process: operation->pid and ->master_fd, which is consumed.
 *
 * Returns 0 or negative, err filled; then the process may exist, and be unknown.
 */
int adopt_process(struct operation *operation, struct err *err);
