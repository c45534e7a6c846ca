/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim needs to know of a bundle's config.json; unknown keys never fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SPEC_LIMIT_BYTES = 16 << 20,
	SPEC_GROUP_ROOM = 512, /* longest name of a group, NUL included */
};

/* Source: OCI runtime-spec config.md, config-linux.md. */
struct spec {
	bool pid_namespace_private; /* linux.namespaces has a pid entry without a path */
	bool user_namespace;	    /* linux.namespaces has a user entry, new or joined */
	bool terminal;		    /* process.terminal */
	bool labelled;		    /* process.selinuxLabel is not empty */
	bool systemd_cgroup;	    /* cgroups_path looks like slice:prefix:name */
	bool has_poststart;	    /* hooks.poststart is not empty */
	bool has_poststop;	    /* hooks.poststop is not empty */
	bool has_intel_rdt;	    /* linux.intelRdt is there */
	bool has_seccomp;	    /* linux.seccomp is there */
	bool fast_misspelt;	    /* annotation io.azl.fastpaths makes no sense */
	uint8_t fast_off;	    /* bits by enum fast_act, from that annotation */
	uint32_t uid;		    /* process.user.uid */
	uint32_t gid;		    /* process.user.gid */
	char *cgroups_path;	    /* owned; linux.cgroupsPath, NULL when absent or empty */
};

/* Free what the struct owns; it is empty afterwards. */
void spec_done(struct spec *spec);

/*
 * Read config.json of a bundle.
 *
 * bundle_dir   directory descriptor, borrowed
 * spec         written only on success; the caller calls spec_done
 *
 * Returns 0 or
 *   -ENOENT    there is none
 *   -EFBIG     larger than SPEC_LIMIT_BYTES
 *   -EBADMSG   not JSON
 *   -EINVAL    one of the values above has another type; the text names it
 *   -ENOMEM
 */
int spec_read(int bundle_dir, struct spec *spec, struct err *err);

/*
 * Find the group whose shim a container joins: annotation io.containerd.runc.v2.group, else
 * io.kubernetes.cri.sandbox-id.
 *
 * group, room   NUL-terminated name, written only with 1
 *
 * Returns 1 when found, 0 for neither annotation or no config.json, else as spec_read;
 *   -EINVAL    the name does not fit or holds a NUL byte
 *
 * Source: containerd runtime/v2/runc/manager/manager_linux.go, groupLabels.
 */
int spec_read_group(int bundle_dir, char *group, size_t room, struct err *err);
