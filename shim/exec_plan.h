/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of an exec: what the joiner is told, from the process object and the container. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shim/runtime_version.h"

struct buf;
struct err;
struct exec_facts;

enum {
	EXEC_PLAN_MAX_BYTES = 8 << 20,	 /* plan and all that its spans name */
	EXEC_PLAN_STRINGS_MAX = 1 << 16, /* of args, and of env; more are the runtime's */
	EXEC_PLAN_GROUPS_MAX = 4096,	 /* additional groups; more are the runtime's */
	EXEC_PLAN_LIMITS_MAX = 64,
	EXEC_PLAN_ID_MAX = 1024, /* bytes of a container's id */
};

struct exec_plan_input {
	const char *process; /* borrowed; as process_spec_write wrote it */
	size_t process_len;
	const struct exec_facts *facts; /* borrowed */
	struct runtime_version version; /* of the runc that would run this exec */
	const char *id;			/* borrowed; of the container */
	bool apparmor;			/* AppArmor is on: a profile can be set */
	bool no_new_keyring;		/* option of the shim: keep our session keyring */
	bool setgroups_denied;		/* by init's user namespace */
	const void *seccomp;		/* borrowed; struct sock_filter each, as init has them */
	size_t seccomp_len;		/* bytes; 0: none at hand */
};

/*
 * Make the plan that runs a process as `runc exec --process` of that version would.
 *
 * out   empty; a struct plan and its bytes, spans aligned to 8. On failure it stays empty
 *
 * Returns 0 or
 *   -EINVAL       runc would fail, and err is its text as far as "OCI runtime exec failed: " is in
 *                 front of it: "exec failed: args must not be empty"
 *   -EOPNOTSUPP   let runc do this one: the text says why (for a log). Also where runc would fail
 *                 with a text that is hard to foresee
 *   -ENOMEM, -EMSGSIZE
 *
 * Source: runc utils_linux.go, newProcess and validateProcessSpec; libcontainer/container_linux.go,
 * newInitConfig; libcontainer/env.go (>= 1.3) and populateProcessEnvironment (<= 1.2).
 */
int exec_plan_make(const struct exec_plan_input *input, struct buf *out, struct err *err);
