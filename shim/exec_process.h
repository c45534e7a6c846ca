/* SPDX-License-Identifier: Apache-2.0 */
/* An OCI process object as an exec takes it. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"
#include "shim/exec_attributes.h"

struct err;

/* Strings are NUL-terminated, one behind the other. */
struct exec_process {
	struct buf args;
	struct buf env;
	struct buf cwd;	   /* one string, or empty */
	struct buf groups; /* uint32_t each */
	struct buf limits; /* struct plan_limit each */
	uint32_t argc;
	uint32_t envc;
	uint32_t uid;
	uint32_t gid;
	uint16_t rows;
	uint16_t columns;
	struct buf apparmor; /* name of a profile, one string, or empty */
	bool has_env;	     /* an array, even an empty one */
	bool terminal;
	bool no_new_privs;
	struct buf wrong_limit; /* NUL-terminated name of the first limit that nobody knows */
	struct exec_attributes attributes;
};

/* Free what the struct owns; it is empty afterwards. */
void exec_process_done(struct exec_process *process);

/*
 * Read a process object.
 *
 * json, len   borrowed
 * process     written only on success; the caller calls exec_process_done
 *
 * Returns 0 or
 *   -EOPNOTSUPP   it holds what is not known here, or what runc would refuse with a text of its
 *                 own: an unknown or doubled key, another type, a number out of range, a NUL byte,
 *                 a label; err says which
 *   -ENOMEM, -EBADMSG
 *
 * Source: OCI runtime-spec config.md, "Process"; runc utils_linux.go, newProcess.
 */
int exec_process_read(const char *json, size_t len, struct exec_process *process, struct err *err);
