/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime says in the environment. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cni/address.h"

struct err;

enum cni_verb { CNI_ADD, CNI_DEL, CNI_CHECK, CNI_GC, CNI_STATUS, CNI_VERSION };

/* Strings are borrowed from the environment, never NULL. */
struct cni_args {
	enum cni_verb verb;
	const char *container; /* CNI_CONTAINERID */
	const char *netns;     /* CNI_NETNS; "" allowed for DEL */
	const char *ifname;    /* CNI_IFNAME */
	const char *path;      /* CNI_PATH */
	const char *text;      /* CNI_ARGS */
	bool netns_override;   /* CNI_NETNS_OVERRIDE */
	/* From CNI_ARGS; unknown keys are always accepted. */
	struct address ip; /* IP=; family 0: none */
	bool has_mac;
	struct mac mac;		 /* MAC= */
	char pod[254];		 /* K8S_POD_NAME; empty: none */
	char pod_namespace[254]; /* K8S_POD_NAMESPACE */
	char pod_uid[64];	 /* K8S_POD_UID */
};

/*
 * Read the variables that the verb needs and check them.
 *
 * get   as getenv(3)
 *
 * Returns 0, 1 (no CNI_COMMAND at all: somebody at a shell), or CNI_ENVIRONMENT_INVALID with every
 * missing name in the text.
 *
 * Source: CNI spec 1.1.0, "Parameters"; cni pkg/skel/skel.go.
 */
int cni_args_read(const char *(*get)(const char *name), struct cni_args *args, struct err *err);
