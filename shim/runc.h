/* SPDX-License-Identifier: Apache-2.0 */
/* Drive the OCI runtime: arguments out; exit status, output and its log in. Never waits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/loop.h"
#include "shim/reaper.h"

struct runc_call;
struct shim;

enum {
	RUNC_ARGS_MAX = 40,
	RUNC_OUTPUT_MAX_BYTES = 16 << 10, /* kept of what it prints; more is read and thrown away */
	RUNC_LOG_KEEP_BYTES = 64 << 10, /* of log.json; a larger one starts afresh between calls */
	RUNC_BACKGROUND_MS = 10000,	/* for calls that no client limits */
};

/* One container's view of the runtime. */
struct runc {
	char *name;	/* owned; as the options say, "runc" by default */
	char *root;	/* owned; state folder of this namespace */
	char *log_path; /* owned; log.json in the bundle */
	bool systemd_cgroup;
	bool sealed;	    /* start the host's sealed copy where there is one (shim/sealed.h) */
	int bundle_fd;	    /* borrowed */
	unsigned int calls; /* under way */
};

/* What one call is to do. Pointers are borrowed until runc_start returns. */
struct runc_request {
	const char *args[RUNC_ARGS_MAX]; /* behind the global options; NULL-terminated; none:
					    prepare() is all that the child does */
	bool too_many;			 /* runc_arg had no room: the call is refused */
	const int *stdio;   /* three descriptors that become the runtime's and so the container's;
			       NULL: its   output is captured */
	int stdin_fd;	    /* with captured output; -1: /dev/null */
	int extra_fd;	    /* becomes descriptor 3; -1: none */
	int64_t timeout_ms; /* then it is killed; 0: no limit */
	int (*prepare)(void *owner, struct err *err); /* in the child, before the runtime */
	void *owner;
};

/* failed: NULL when the runtime ended with status 0. */
typedef void runc_fn(struct runc_call *call, const struct err *failed);

/* A call under way; sits inside its owner, who must keep it until done ran. */
struct runc_call {
	struct shim *shim;
	struct child child;
	struct loop_source output;
	struct loop_timer timeout;
	int output_fd; /* owned */
	int report_fd; /* owned; struct err of a child that never became the runtime */
	struct buf captured;
	off_t log_from; /* only what is appended from here on belongs to this call */
	struct runc *runc;
	bool timed_out;
	bool cancelled;
	runc_fn *done;
	struct err failed; /* why, in go-runc's words: "runc did not terminate successfully: ..." */
	bool prepare_failed; /* `failed` is what prepare() said */
};

struct runc_request runc_request_blank(void);

/* Append an argument; NULL is skipped. */
void runc_arg(struct runc_request *request, const char *arg);

/*
 * Start a call. done runs exactly once, from the loop, when the runtime has ended.
 *
 * Returns 0; or negative with err filled (program not found, no process): then done will not run.
 */
int runc_start(struct runc_call *call, struct shim *shim, struct runc *runc,
	       const struct runc_request *request, runc_fn *done, struct err *err);

/* Kill it; done still runs. Harmless when it is not under way. */
void runc_cancel(struct runc_call *call);

/* Give a call that is under way at most so long from now; harmless when it is not. */
void runc_limit(struct runc_call *call, int64_t limit_ms);

/* True until done ran. */
bool runc_is_running(const struct runc_call *call);

/*
 * Fill err with what clients of containerd know: "PREFIX: message of the runtime's last logged
 * error", or what is known without one (containerd pkg/process/init.go, runtimeError).
 *
 * Returns err's code, -EIO.
 */
int runc_error(const struct runc_call *call, const char *prefix, const struct err *failed,
	       struct err *err);

/* Read a pid file of the bundle. Returns 0 or negative, err filled; never a pid below 2. */
int runc_read_pid(int bundle_fd, const char *name, pid_t *pid, struct err *err);
