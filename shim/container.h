/* SPDX-License-Identifier: Apache-2.0 */
/* What one container owns: its first process, added processes, cgroup, and the work queued for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "config/base/buf.h"
#include "config/base/list.h"
#include "config/container_defaults.h"
#include "shim/console.h"
#include "shim/fast.h"
#include "shim/oom.h"
#include "shim/options.h"
#include "shim/reaper.h"
#include "shim/runc.h"
#include "shim/spec.h"
#include "shim/stdio.h"
#include "shim/task.h"

struct call;
struct container;
struct fast_exec;
struct operation;
struct shim;

/* The container's init, or a process added by Exec. */
struct process {
	struct container *container;
	enum task_kind kind;
	enum task_state state;
	char *id;  /* owned; container id, or exec id */
	pid_t pid; /* 0 until it is known; kept after the exit */
	struct child child;
	uint32_t exit_status;
	struct timespec exited_at; /* CLOCK_REALTIME; only with `exited` */
	bool exited;		   /* recorded and published */
	bool starting;		   /* runc is at work on its start: an exit is held back */
	bool counted;		   /* an added process that init's exit waits for */
	bool exit_held;
	struct child_exit held;
	struct stdio stdio;
	struct list waiters;		/* struct call, by `wait` */
	struct buf spec;		/* JSON of an added process until it is started */
	struct operation *starting_now; /* Start of an added process under way */
	bool start_failed;	    /* the last start of an added process: nobody waits for it */
	struct operation *deleting; /* Delete under way */
	struct list link;
};

struct container {
	struct shim *shim;
	char *id;	  /* owned */
	char *bundle;	  /* owned; absolute path */
	int bundle_fd;	  /* owned */
	bool has_rootfs;  /* we mount it, so we unmount it */
	char *rootfs;	  /* owned; bundle/rootfs */
	char *checkpoint; /* owned; restored from there at the first start; NULL: none */
	struct options options;
	struct spec spec;
	bool spec_known;
	struct container_defaults defaults; /* what its Updates are to keep */
	struct fast fast;
	struct runc runc;
	int cgroup_fd;	   /* owned; -1 unknown */
	char *cgroup_path; /* owned; below the cgroup2 mount */
	struct oom_watch oom;
	struct loop_timer oom_timer; /* looks whether containerd knows of the kill */
	int64_t oom_until_ms;	     /* init's exit waits no longer for that; 0: it does not wait */
	struct process init;
	struct list execs;	 /* struct process */
	unsigned int busy_execs; /* started or starting, not yet ended */
	bool init_gone;		 /* init was reaped: no more starts */
	struct operation *creating;
	struct operation *ending; /* what happens between init's exit and its publication */
	struct list queue;	  /* struct operation: one at a time works on init */
	unsigned int holders;	  /* operations, and who else must find the memory in place */
	bool retired;		  /* container_free was called */
	struct list link;
};

/*
 * Work for a container that takes time. Operations on init wait for each other; those on added
 * processes, and Kill, do not.
 */
typedef void operation_fn(struct operation *operation);

/* How an act of the engine has ended: failed is NULL, or what the client is told. */
typedef void operation_ended_fn(struct operation *operation, const struct err *failed);

struct operation {
	struct call *call; /* who asked; NULL: nobody, or answered */
	struct container *container;
	struct process *process;
	operation_fn *run; /* its turn has come */
	struct list link;
	operation_ended_fn *done; /* an act of the engine is under way for it */
	const char *prefix;	  /* of its failure's text; static */
	struct runc_call runc;
	struct fast_wait fast;
	struct fast_exec *fast_exec; /* owned; NULL: none under way */
	pid_t pid;		     /* of the process that was made */
	int master_fd;		     /* owned; its terminal, -1 without one */
	struct reaper_hold hold;
	uint32_t signal;
	bool all;
	char *path; /* owned; checkpoint image, or why a creation failed */
	int failure_code;
	char *work;	   /* owned; checkpoint work folder */
	bool work_is_ours; /* removed afterwards */
	struct checkpoint_options checkpoint;
	struct console console; /* owned */
	int64_t timeout_ms;
	struct Pb__CreateTaskRequest *create; /* owned; what Create asked */
	struct buf resources;		      /* of Update */
};

/* Find by id. NULL with err filled: STATUS_E_NOT_FOUND "container not created". */
struct container *container_find(struct shim *shim, const char *id, struct err *err);

/*
 * Find a process: "" is init. NULL with err filled: STATUS_E_NOT_FOUND, or STATUS_E_PRECONDITION
 * while the container is being created.
 */
struct process *container_process(struct container *container, const char *exec_id,
				  struct err *err);

/* Both at once. */
struct process *shim_process(struct shim *shim, const char *id, const char *exec_id,
			     struct err *err);

/* A container in no list, in state creating. NULL without memory or without its bundle, err filled.
 */
struct container *container_new(struct shim *shim, const char *id, const char *bundle,
				struct err *err);

/*
 * Forget it with all that it owns; waiters are released. A Kill that is still under way keeps the
 * memory, and nothing else. Tells the shim when it was the last container.
 */
void container_free(struct container *container);

/* The memory stays until the last holder lets go; `retired` says that nothing else does. */
void container_hold(struct container *container);
void container_release(struct container *container);

/* Content of a process; its stdio must be initialised by the caller. Returns 0 or -ENOMEM. */
int process_init(struct process *process, struct container *container, enum task_kind kind,
		 const char *id);

/* Unlink an added process and free it; waiters are released. */
void process_free(struct process *process);

/* Answer everybody who waits for a process. */
void process_release_waiters(struct process *process);

/* A blank operation, or NULL without memory (err filled). The call stays the caller's until then.
 */
struct operation *operation_new(struct container *container, struct process *process,
				struct call *call, struct err *err);

/* Free an operation; whoever asked must have been answered. */
void operation_free(struct operation *operation);

/* Queue work on init: run() is called when its turn has come, perhaps at once. */
void operation_queue(struct operation *operation, operation_fn *run);

/* The operation at work is over: free it and let the next one run. */
void operation_next(struct operation *operation);

/* The engine's act is over: its `done` runs, and the operation may be gone. */
void operation_ended(struct operation *operation, const struct err *failed);

/* Answer and forget the call, if somebody asked. err NULL: the empty message. */
void operation_answer(struct operation *operation, const struct err *err);
