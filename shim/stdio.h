/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams of one process: what the client named, what runc is given, and what moves between.
 *
 *   1. stdio_init     remember what the client asked for
 *   2. stdio_open     open the client's ends and make ours; waits for the client's reader (<= 30 s)
 *   3. runc runs with stdio.child[]
 *   4. stdio_started  the shim's copies of child[] are closed, copying begins
 *   5. stdio_exited   the process is gone: terminals are drained
 *   6. stdio_done     everything is closed
 *
 * Output of a process whose private PID namespace ends with it goes straight into the client's
 * FIFO: the shim only keeps a reader of its own, so that the container survives a client that goes
 * away. Everything else passes through a pipe, by splice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/copier.h"
#include "shim/loop.h"

struct err;
struct logger;
struct reaper;
struct stdio;

enum stdio_index { STDIO_IN, STDIO_OUT, STDIO_ERR, STDIO_MAX };

/* err is NULL when everything is open. */
typedef void stdio_fn(struct stdio *stdio, const struct err *err);

/* What decides how streams are made; borrowed during stdio_open. */
struct stdio_context {
	struct loop *loop;
	struct reaper *reaper;
	const char *id; /* container id, or exec id: CONTAINER_ID of a logging program */
	const char *ns;
	uint32_t uid; /* owner of pipes; io_uid and io_gid of the options */
	uint32_t gid;
	bool direct; /* the client's FIFO may become the process's output */
	/* Nothing of the file systems may: SELinux takes from a process what its label may not use
	 * at the execve, and gives null for it; pipes are the runtime's. AppArmor lets through what
	 * an unconfined process opened. Source: security/selinux/hooks.c, flush_unauthorized_files;
	 * apparmor/file.c, aa_file_perm. */
	bool piped;
};

struct stdio {
	struct loop *loop;
	char *uri[STDIO_MAX]; /* owned; as the client sent them, never NULL */
	bool terminal;
	int child[STDIO_MAX];	  /* owned; -1: /dev/null */
	int shim_side[STDIO_MAX]; /* owned; other ends of the pipes in child[] until copying starts
				   */
	int client_side[STDIO_MAX]; /* owned; the client's FIFOs until copying starts */
	int spare[STDIO_MAX]; /* owned; readers that keep a FIFO alive; for stdin the writer */
	int master;	      /* owned; terminal, for resizing */
	struct copier copy[STDIO_MAX];
	struct logger *logger;	/* owned */
	struct loop_timer open; /* tries again to find the client's reader */
	int64_t open_until_ms;
	stdio_fn *on_open;
	stdio_fn *on_drained; /* set by stdio_drain */
	struct loop_timer drain;
	int64_t drain_until_ms;
	int64_t read_until_ms; /* 0: not all is copied yet */
};

/*
 * Remember the URIs (copied; NULL counts as empty). Returns 0 or -ENOMEM; then stdio_done is still
 * safe.
 */
int stdio_init(struct stdio *stdio, struct loop *loop, const char *in, const char *out,
	       const char *err_uri, bool terminal);

/*
 * Open everything that must exist before runc runs. on_open runs exactly once, perhaps before the
 * call returns.
 */
void stdio_open(struct stdio *stdio, const struct stdio_context *context, stdio_fn *on_open);

/*
 * runc has started the process. master: the terminal (consumed), -1 without one.
 *
 * Returns 0 or negative, err filled: the streams do not work, but nothing is lost by stdio_done.
 */
int stdio_started_take(struct stdio *stdio, int *master, struct err *err);

/* The process has ended. */
void stdio_exited(struct stdio *stdio);

/* Close the shim's writer of stdin: the process sees end of file once the client has closed, too.
 */
void stdio_close_stdin(struct stdio *stdio);

/* Set the terminal's size in characters; without a terminal nothing happens. Returns 0 or negative
 * errno. */
int stdio_resize(struct stdio *stdio, uint16_t columns, uint16_t rows);

/*
 * Wait until the client has all output: on_drained runs once, perhaps before the call returns, when
 * the pipes are at their end, or empty for a while although a stranger still holds them, or after 5
 * s; and when what is in its FIFOs is read, or nobody reads there, or after 1 s more. A client
 * closes its ends as soon as Delete is answered, and what it has not read by then is lost.
 *
 * Source: containerd client, process.go, Delete, and cio/io_unix.go, copyIO; measured: of 800 execs
 * by ctr on a busy host 2 to 4 lost their line, with every shim.
 */
void stdio_drain(struct stdio *stdio, stdio_fn *on_drained);

/* Close everything, but remember what the client asked for: stdio_open may be called again. */
void stdio_close(struct stdio *stdio);

/* Close and free everything. */
void stdio_done(struct stdio *stdio);
