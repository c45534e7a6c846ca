/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joiner: enters a container and becomes a process in it.
 *
 * Three processes, one after the other, with the daemon S as parent of each:
 *   J   started by S, in S's cgroup and namespaces: prepares what needs the host
 *   K   made by J inside the container's cgroup; shares J's memory while J waits for its end; no
 *       longer has the folder of the cgroup when it enters the namespaces
 *   P   made by K: the first that the container can see, and the one that becomes the program
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/join/plan.h"
#include "shim/join/text.h"

struct join {
	const struct plan *plan;
	enum plan_stage stage; /* of the errors from here on */
	char **argv;	       /* of the program, NULL at its end */
	char **envp;	       /* likewise; has room for one more */
	uint32_t envc;	       /* how many are in envp */
	bool old_attribute;    /* of AppArmor: the file that all security modules share */
};

enum { JOIN_EXIT_FAILED = 255 };

/* Where P keeps its attribute of AppArmor until it has a profile; the plan is not there any more.
 */
enum { JOIN_FD_PROFILE = PLAN_FD_PLAN };

/* The bytes that a span names; NULL when it has none. */
const void *join_span(const struct join *join, struct plan_span span);

/* Send one message; text may be NULL. */
void join_say(enum plan_msg_kind kind, enum plan_stage stage, int32_t value,
	      const struct text *text);

/* Report the error `said`, in runc's words, and end. `value` is a positive errno value. */
void __attribute__((noreturn))
join_fail_text(const struct join *join, int value, const struct text *said);

/* The same: "what: what errno means". */
void __attribute__((noreturn)) join_fail(const struct join *join, long code, const char *what);

/* As P, in the namespaces already but for those that only P can join: become the program. */
void __attribute__((noreturn)) join_become(struct join *join, int go);

/* A terminal of the container's devpts: its master to S, its slave as 0, 1, 2 and controlling. */
void join_terminal(const struct join *join);

/* Drop what is not in the bounding set. */
void join_bound(const struct join *join);

/* Ids and groups of the process; owners of its standard streams before. */
void join_user(const struct join *join);

/* Capabilities of the process, after its ids. */
void join_capabilities(const struct join *join);

/*
 * Open P's own attribute of AppArmor, before the user namespace is joined. Returns a descriptor,
 * 0 when the plan names no profile, or a negative errno value.
 */
long join_profile_open(struct join *join);

/* The profile takes effect with the program. Closes JOIN_FD_PROFILE. */
void join_profile(const struct join *join);

/* HOME=... of a user by the container's /etc/passwd. Static. */
char *join_home(uint32_t uid);

/* The value of a variable in envp, or NULL. */
const char *join_variable(const struct join *join, const char *name);

/*
 * The path of the program as Go's exec.LookPath finds it, in PATH of the process's environment.
 * Static, or argv[0] itself; ends with an error when there is none.
 */
const char *join_lookup(const struct join *join);
