/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes of the CNI specification, carried by struct err. */
#pragma once

#include "config/base/err.h"

/* Source: CNI spec 1.1.0, "Error"; cni pkg/types/types.go. */
enum cni_code {
	CNI_VERSION_INCOMPATIBLE = 1,
	CNI_FIELD_UNSUPPORTED = 2, /* the text must name key and value */
	CNI_CONTAINER_UNKNOWN = 3,
	CNI_ENVIRONMENT_INVALID = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_CONFIG_INVALID = 7,
	CNI_NETNS_INVALID = 8,
	CNI_TRY_AGAIN = 11,
	CNI_UNAVAILABLE = 50,	      /* STATUS: no ADD can be served */
	CNI_UNAVAILABLE_LIMITED = 51, /* and what runs may have lost connectivity */
	CNI_INTERFACE_EXISTS = 100,   /* from here on ours */
	CNI_ADDRESS_EXHAUSTED = 101,
	CNI_ADDRESS_IN_USE = 102, /* routed to somebody who lives: never handed out twice */
	CNI_CNS_REFUSED = 103,	  /* CNS does not take the request; the text has its words */
	CNI_CHECK_FAILED = 104,
	CNI_INTERNAL = 999,
};

enum { CNI_ERR_BASE = 100000 };

/* Fill err with a CNI code; err->code is -(CNI_ERR_BASE + code). Returns it. */
#define cni_err(err, code, ...) err_set((err), -(CNI_ERR_BASE + (int)(code)), __VA_ARGS__)

/*
 * The CNI code of any error: those above as they are; errno values by kind (EAGAIN, ETIMEDOUT,
 * ECONNREFUSED, ENOBUFS: try again later; EBADMSG: decode; everything else: I/O).
 */
enum cni_code cni_code_of(const struct err *err);
