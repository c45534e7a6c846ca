/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon tells the joiner, and what comes back: one memory file and one socket.
 *
 * The joiner (shim/join/main.c) enters a container and becomes a process in it, as `runc exec`
 * would make one. The plan is a struct plan followed by what its spans name. It is made by the
 * daemon (shim/exec_plan.c) and trusted by the joiner; nothing in a container can reach it.
 *
 * Both programs are of one build, so the layout is theirs alone.
 */
#pragma once

#include <stdint.h>

enum { PLAN_MAGIC = 0x317a6c61 };

/* Descriptors that the joiner is started with; everything else is closed. */
enum plan_fd {
	PLAN_FD_STDIN, /* 0, 1, 2: those of the process; /dev/null where a terminal takes their
			  place */
	PLAN_FD_STDOUT,
	PLAN_FD_STDERR,
	PLAN_FD_PLAN,	 /* the plan, read-only */
	PLAN_FD_CONTROL, /* SOCK_SEQPACKET */
	PLAN_FD_INIT,	 /* pidfd of the container's init */
	PLAN_FD_CGROUP,	 /* folder of the container's cgroup, O_PATH */
	PLAN_FD_MAX,
};

enum plan_flag {
	PLAN_USER_NAMESPACE = 1 << 0, /* join init's; limits are then set by the daemon */
	PLAN_NO_NEW_PRIVS = 1 << 1,
	PLAN_TERMINAL = 1 << 2,
	PLAN_CAPS = 1 << 3,  /* caps[] are to be set; otherwise they stay */
	PLAN_UMASK = 1 << 4, /* umask is to be set */
	PLAN_OOM_SCORE_ADJ = 1 << 5,
	PLAN_SCHEDULER = 1 << 6,
	PLAN_IO_PRIORITY = 1 << 7,
	PLAN_PERSONALITY = 1 << 8,
	PLAN_SECCOMP = 1 << 9,
	PLAN_ENV = 1 << 10,  /* the process object has an env array, even an empty one */
	PLAN_HOME = 1 << 11, /* HOME is missing or empty in env: take it from /etc/passwd */
	PLAN_AFFINITY_RESET = 1 << 12, /* without a final mask: allow every CPU */
	PLAN_STDIO_GROUP = 1 << 13, /* runc <= 1.3: the owner's group of stdio is given again, and
				       EINVAL ignored */
	PLAN_EXEC_FAILS_WITH_1 = 1 << 14, /* runc 1.1: a failed execve ends with 1, not 255 */
	PLAN_SETGROUPS_DENIED = 1 << 15,  /* init's user namespace denies setgroups: none are set */
};

/* Bytes in the plan: offset from its beginning, length. Zero length: none. */
struct plan_span {
	uint32_t offset;
	uint32_t bytes;
};

/* Sets of capabilities as bits, in this order. */
enum plan_cap {
	PLAN_CAP_BOUNDING,
	PLAN_CAP_EFFECTIVE,
	PLAN_CAP_INHERITABLE,
	PLAN_CAP_PERMITTED,
	PLAN_CAP_AMBIENT,
	PLAN_CAP_MAX
};

struct plan_limit {
	uint64_t soft;
	uint64_t hard;
	uint32_t resource; /* RLIMIT_* */
	uint32_t unused;
};

struct plan {
	uint32_t magic;
	uint32_t size;	     /* bytes, all of it */
	uint32_t flags;	     /* enum plan_flag */
	uint32_t namespaces; /* CLONE_NEW* to join, without CLONE_NEWUSER */
	int32_t oom_score_adj;
	uint32_t umask;
	uint32_t uid;
	uint32_t gid;
	uint64_t caps[PLAN_CAP_MAX];
	uint32_t personality;
	uint32_t io_priority; /* as ioprio_set takes it: class << 13 | level */
	uint16_t rows;	      /* of the terminal; both zero: as it comes */
	uint16_t columns;
	uint32_t argc;
	uint32_t envc;
	uint32_t seccomp_flags; /* SECCOMP_FILTER_FLAG_* */
	struct {
		uint32_t policy;
		int32_t nice;
		uint32_t priority;
		uint32_t unused;
		uint64_t flags;
		uint64_t runtime;
		uint64_t deadline;
		uint64_t period;
	} scheduler;	       /* as struct sched_attr */
	struct plan_span argv; /* argc strings, NUL-terminated, one behind the other */
	struct plan_span env;  /* envc strings, likewise; later duplicates were already dropped or
				  kept as this version of runc does */
	struct plan_span cwd;  /* NUL-terminated */
	struct plan_span keyring; /* name of the session keyring, NUL-terminated; none: keep ours */
	struct plan_span groups;  /* uint32_t each; always set, even when there are none */
	struct plan_span limits;  /* struct plan_limit each, 8-byte aligned */
	struct plan_span initial_cpus; /* affinity mask before the container is entered */
	struct plan_span final_cpus;   /* affinity mask in the container's cgroup */
	struct plan_span seccomp;      /* struct sock_filter each, 8-byte aligned */
	struct plan_span apparmor;     /* "exec PROFILE", NUL-terminated; none: no profile is set */
	struct plan_span apparmor_folder; /* how runc calls the folder of its own process in /proc
					     when it tells an error; NUL-terminated */
};

enum plan_msg_kind {
	PLAN_MSG_PID = 'p', /* from the joiner: the process exists; value is its pid. It comes
			       before anything from the process, and before its end can be seen */
	PLAN_MSG_TTY = 't', /* from the process: its terminal's master comes as SCM_RIGHTS */
	PLAN_MSG_LIMITS =
		'l',	    /* from the process: it waits for its limits and one byte of answer */
	PLAN_MSG_RUN = 'r', /* from the process: its program comes next. Without it, and without an
			       error, a process that was killed never came so far */
	PLAN_MSG_ERROR = 'e', /* from either: it failed; value is an errno; text says what */
};

enum plan_stage {
	PLAN_STAGE_JOIN, /* nothing of the process has run in the container: the runtime may try */
	PLAN_STAGE_BECOME, /* the error is the answer */
};

enum { PLAN_TEXT_MAX = 1000 };

/* One message; only what `text` holds is sent of it. */
struct plan_msg {
	uint8_t kind;  /* enum plan_msg_kind */
	uint8_t stage; /* enum plan_stage, of an error */
	uint16_t unused;
	int32_t value;
	char text[PLAN_TEXT_MAX]; /* runc's words; NUL-terminated */
};
