/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those parts of an OCI process object that an exec takes from its own object or, where that has
 * none, from the container's: capabilities, scheduler, I/O priority, affinity. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/json.h"
#include "shim/join/plan.h"

enum {
	EXEC_CPUS_MAX = 1024, /* golang.org/x/sys/unix.CPUSet */
	EXEC_CPUS_WORDS = EXEC_CPUS_MAX / 64,
	EXEC_CPUS_TEXT_MAX = 4096, /* longest list of processors, bytes */
};

struct exec_scheduler {
	uint32_t policy; /* SCHED_* */
	int32_t nice;
	uint32_t priority;
	uint32_t flags; /* SCHED_FLAG_* */
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

struct exec_attributes {
	bool has_caps;
	bool has_scheduler;
	bool has_io_priority;
	bool has_affinity;
	uint64_t caps[PLAN_CAP_MAX]; /* bits; names that nobody knows are left out */
	struct exec_scheduler scheduler;
	uint32_t io_class; /* IOPRIO_CLASS_*; 0: none was named */
	uint32_t io_level;
	char *initial_cpus; /* owned; a list such as "0-3,7", NULL when absent or empty */
	char *final_cpus;   /* owned, likewise */
};

/* Free what the struct owns; it is empty afterwards. */
void exec_attributes_done(struct exec_attributes *attributes);

/*
 * Take one value of a process object.
 *
 * base   level of the object's keys in the path: 0 for a process object, 1 below "process"
 * type, text, len   as json_fn has them
 *
 * Returns 1 when it was one of these parts, 0 when it is of another key, or
 *   -EOPNOTSUPP   it says what this module does not know: another type, an unknown key, a policy
 *                 that needs more (SCHED_DEADLINE), a value out of range; err is filled
 *   -ENOMEM
 *
 * Source: OCI runtime-spec config.md; runc libcontainer/configs/config.go, ToSchedAttr.
 */
int exec_attributes_value(struct exec_attributes *attributes, const struct json_path *path,
			  int base, enum json_type type, const char *text, size_t len,
			  struct err *err);

/*
 * Read a list of processors as runc does: ranges and numbers between commas, spaces around them,
 * empty elements allowed.
 *
 * cpus   bits, written only on success
 *
 * Returns 0 or -EINVAL: not a list, none in it, or one above EXEC_CPUS_MAX.
 *
 * Source: runc libcontainer/configs/config.go, toCPUSet.
 */
int exec_cpus_parse(const char *text, uint64_t cpus[EXEC_CPUS_WORDS]);
