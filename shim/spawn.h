/* SPDX-License-Identifier: Apache-2.0 */
/* Start a child: descriptors, working directory, clean signals; what it inherits is listed here
 * alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/base/err.h"

enum { SPAWN_EXTRA_MAX = 4 };

/* What a child that never became the program says. */
struct spawn_report {
	int prepared; /* prepare() was done: the program itself could not be started */
	struct err err;
};

struct spawn {
	const char *program; /* absolute path; NULL: prepare() is all that the child does */
	int program_fd; /* borrowed; the program itself, then `program` only names it; -1: none */
	const char *fallback;	    /* absolute path; started when program cannot be; NULL: none */
	const char *const *argv;    /* NULL-terminated */
	char *const *envp;	    /* NULL: spawn_environment() */
	int stdio[3];		    /* borrowed; -1: /dev/null */
	int extra[SPAWN_EXTRA_MAX]; /* borrowed; become descriptors 3, 4, ... */
	int n_extra;
	int cwd_fd;    /* borrowed; -1: stay */
	int report_fd; /* borrowed; a failure before exec is written here as struct err; -1: nobody
			  asks */
	bool outlives; /* keep running when the daemon dies; otherwise it is killed */
	bool sibling;  /* our parent's child instead of ours: nobody here can wait for it */
	/* Runs in the child before exec, in a copy of the memory; may block. */
	int (*prepare)(void *owner, struct err *err);
	void *owner;
};

/* A spawn that starts nothing yet: no descriptors, no preparation. */
struct spawn spawn_blank(void);

/*
 * Start the child. It gets default signals, dies with the daemon (PR_SET_PDEATHSIG), and has
 * nothing open but what is listed. A failure before exec ends it with status 127 after the report
 * was written.
 *
 * Returns the pid, or a negative errno value with err filled (no process, no memory).
 */
pid_t spawn_start(const struct spawn *spawn, struct err *err);

/*
 * Find a program as exec does: a name with '/' as it is, else along PATH.
 *
 * Failure texts are those of Go's os/exec, which clients of containerd know:
 *   -ENOENT   exec: "name": executable file not found in $PATH
 *   -EACCES   exec: "name": permission denied
 */
int spawn_find_program(const char *name, char *path, size_t room, struct err *err);

/* The environment for runc: ours without NOTIFY_SOCKET, LISTEN_FDS and LISTEN_PID. Borrowed,
 * static. */
char *const *spawn_environment(void);
