/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/status.h"

#include <errno.h>

#include "tests/unit/test.h"

TEST(gives_each_code_that_clients_rely_on_its_status)
{
	CHECK(status_of(0) == STATUS_OK);
	CHECK(status_of(STATUS_E_NOT_FOUND) == STATUS_NOT_FOUND);
	CHECK(status_of(STATUS_E_NO_FILE) == STATUS_NOT_FOUND);
	CHECK(status_of(STATUS_E_EXISTS) == STATUS_ALREADY_EXISTS);
	CHECK(status_of(STATUS_E_PRECONDITION) == STATUS_FAILED_PRECONDITION);
	CHECK(status_of(STATUS_E_INVALID) == STATUS_INVALID_ARGUMENT);
	CHECK(status_of(STATUS_E_UNIMPLEMENTED) == STATUS_UNIMPLEMENTED);
	CHECK(status_of(STATUS_E_INTERNAL) == STATUS_INTERNAL);
	CHECK(status_of(STATUS_E_EXHAUSTED) == STATUS_RESOURCE_EXHAUSTED);
	CHECK(status_of(STATUS_E_DEADLINE) == STATUS_DEADLINE_EXCEEDED);
	CHECK(status_of(STATUS_E_CANCELLED) == STATUS_CANCELLED);
	CHECK(status_of(-ENOMEM) == STATUS_RESOURCE_EXHAUSTED);
}

/* With containerd's own shim an errno that merely passed through is Unknown, ENOENT included. */
TEST(calls_everything_else_unknown)
{
	CHECK(status_of(-ENOENT) == STATUS_UNKNOWN);
	CHECK(status_of(-EPERM) == STATUS_UNKNOWN);
	CHECK(status_of(-EINVAL) == STATUS_UNKNOWN);
	CHECK(status_of(-EIO) == STATUS_UNKNOWN);
	CHECK(status_of(-1) == STATUS_UNKNOWN);
	CHECK(status_of(-100000) == STATUS_UNKNOWN);
}

TEST(puts_the_words_of_errdefs_behind_a_message)
{
	CHECK_TEXT(status_suffix(STATUS_E_NOT_FOUND), ": not found");
	CHECK_TEXT(status_suffix(STATUS_E_EXISTS), ": already exists");
	CHECK_TEXT(status_suffix(STATUS_E_PRECONDITION), ": failed precondition");
	CHECK_TEXT(status_suffix(STATUS_E_INVALID), ": invalid argument");
	CHECK_TEXT(status_suffix(STATUS_E_NO_FILE), "");
	CHECK_TEXT(status_suffix(-EIO), "");
}
