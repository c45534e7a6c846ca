/* SPDX-License-Identifier: Apache-2.0 */
/* What an exec without the runtime needs to know of a container's config.json and of the host. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/exec_attributes.h"

struct err;

/* Source: OCI runtime-spec config.md, config-linux.md; what runc keeps of it for an exec is in its
 * libcontainer/specconv/spec_linux.go, CreateLibcontainerConfig. */
struct exec_facts {
	uint32_t namespaces; /* CLONE_NEW* listed in linux.namespaces, CLONE_NEWUSER among them */
	/* Container ids 0 to this are known to be mapped; 0: not known (the user namespace is
	 * another's). UINT32_MAX without a user namespace. */
	uint32_t uids;
	uint32_t gids;
	bool has_oom_score_adj;
	bool has_umask;
	bool has_personality;
	bool has_cpuset; /* linux.resources.cpu.cpus */
	bool has_seccomp;
	bool has_seccomp_flags; /* an array, even an empty one; without it runc >= 1.2 sets
				   SPEC_ALLOW */
	uint32_t seccomp_flags; /* SECCOMP_FILTER_FLAG_* */
	int32_t oom_score_adj;
	uint32_t umask;
	uint32_t personality;
	struct exec_attributes attributes;
};

/* Free what the struct owns; it is empty afterwards. */
void exec_facts_done(struct exec_facts *facts);

/*
 * Read config.json of a bundle.
 *
 * bundle_dir   directory descriptor, borrowed
 * facts        written only on success; the caller calls exec_facts_done
 *
 * Returns 0 or
 *   -EOPNOTSUPP   an exec in this container is the runtime's, always: it sets what is not done here
 *                 or a key that is not known; the text says which
 *   -ENOMEM
 *   as spec_read for a file that is missing or broken
 */
int exec_facts_read(int bundle_dir, struct exec_facts *facts, struct err *err);

/*
 * Say whether the host lets a process be made without the runtime.
 *
 * Returns 0, or -EOPNOTSUPP: SELinux is in use, and a process would need its label.
 *
 * Source: selinuxfs; runc libcontainer/setns_init_linux.go.
 */
int exec_facts_host(struct err *err);
