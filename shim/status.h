/* SPDX-License-Identifier: Apache-2.0 */
/* The border between our errors and gRPC status codes: one table, here. */
#pragma once

/* google/rpc/code.proto */
enum status_code {
	STATUS_OK = 0,
	STATUS_CANCELLED = 1,
	STATUS_UNKNOWN = 2,
	STATUS_INVALID_ARGUMENT = 3,
	STATUS_DEADLINE_EXCEEDED = 4,
	STATUS_NOT_FOUND = 5,
	STATUS_ALREADY_EXISTS = 6,
	STATUS_PERMISSION_DENIED = 7,
	STATUS_RESOURCE_EXHAUSTED = 8,
	STATUS_FAILED_PRECONDITION = 9,
	STATUS_UNIMPLEMENTED = 12,
	STATUS_INTERNAL = 13,
};

/*
 * What a handler puts into struct err when clients depend on the code. Every other errno value, and
 * so every failure that merely passed through, is STATUS_UNKNOWN, as with containerd's own shim.
 */
enum status_errno {
	STATUS_E_NOT_FOUND = -1005,
	STATUS_E_NO_FILE = -1105, /* of a file: Go's os.ErrNotExist */
	STATUS_E_EXISTS = -1006,
	STATUS_E_PRECONDITION = -1009,
	STATUS_E_INVALID = -1003,
	STATUS_E_UNIMPLEMENTED = -1012,
	STATUS_E_INTERNAL = -1013,
	STATUS_E_EXHAUSTED = -1008,
	STATUS_E_DEADLINE = -1004,
	STATUS_E_CANCELLED = -1001,
};

/* The code that a client sees for err.code. */
enum status_code status_of(int code);

/*
 * What containerd's errdefs puts behind a message of this code, ": not found" for example; its
 * clients cut it off again. "" for codes that have none.
 */
const char *status_suffix(int code);
