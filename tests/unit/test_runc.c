/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runc.h"

#include <string.h>

#include "config/base/err.h"
#include "shim/shim.h"
#include "shim/status.h"
#include "tests/unit/test.h"

static void on_done(struct runc_call *call, const struct err *failed)
{
	(void)call, (void)failed;
	CHECK(!"called");
}

TEST(appends_arguments_and_skips_those_that_are_not_there)
{
	struct runc_request request = runc_request_blank();

	runc_arg(&request, "state");
	runc_arg(&request, NULL);
	runc_arg(&request, "c1");
	CHECK_TEXT(request.args[0], "state");
	CHECK_TEXT(request.args[1], "c1");
	CHECK(!request.args[2] && !request.too_many);
}

/* Half of what a client asked for is not what it asked for. */
TEST(refuses_a_call_with_more_arguments_than_there_is_room_for)
{
	struct runc_request request = runc_request_blank();
	struct runc runc = { .name = (char *)(uintptr_t) "true", .bundle_fd = -1 };
	struct shim shim = { 0 };
	struct runc_call call;
	struct err err = { 0 };

	for (int i = 0; i < RUNC_ARGS_MAX - 1; i++)
		runc_arg(&request, "checkpoint");
	CHECK(!request.too_many && !request.args[RUNC_ARGS_MAX - 1]);
	runc_arg(&request, "c1");
	CHECK(request.too_many && !request.args[RUNC_ARGS_MAX - 1]);
	CHECK(runc_start(&call, &shim, &runc, &request, on_done, &err) == STATUS_E_INVALID);
	CHECK(strstr(err.msg, "true checkpoint: more than 39 arguments"));
	CHECK(!runc_is_running(&call) && runc.calls == 0);
}
