/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/task.h"

#include <errno.h>

#include "config/base/err.h"
#include "shim/status.h"
#include "tests/unit/test.h"

/* One letter per act, in the order of enum task_act; '.' is refused. */
static void check_row(enum task_kind kind, enum task_state state, const char *want)
{
	static const char letters[] = "sprucekzd";
	char got[TASK_ACT_MAX + 1] = { 0 };

	for (int act = 0; act < TASK_ACT_MAX; act++) {
		struct err err = { 0 };
		int code = task_may(kind, state, (enum task_act)act, &err);

		got[act] = code == 0 ? letters[act] : '.';
		CHECK(code == err.code);
		CHECK(code == 0 || err.msg[0] != '\0');
	}
	CHECK_TEXT(got, want);
}

/* containerd pkg/process/init_state.go: start pause resume update checkpoint exec kill resize
 * delete */
TEST(allows_init_what_containerds_states_allow)
{
	check_row(TASK_INIT, TASK_CREATING, ".........");
	check_row(TASK_INIT, TASK_CREATED, "s..u.ekzd");
	check_row(TASK_INIT, TASK_RESTORABLE, "s..u..kzd");
	check_row(TASK_INIT, TASK_RUNNING, ".p.ucekz.");
	check_row(TASK_INIT, TASK_PAUSED, "..ruc.kz.");
	check_row(TASK_INIT, TASK_STOPPED, "......kzd");
	check_row(TASK_INIT, TASK_DELETED, ".........");
}

/* containerd pkg/process/exec_state.go */
TEST(allows_added_processes_what_containerds_states_allow)
{
	check_row(TASK_ADDED, TASK_CREATED, "s.....kzd");
	check_row(TASK_ADDED, TASK_RUNNING, "......kz.");
	check_row(TASK_ADDED, TASK_STOPPED, "......k.d");
	check_row(TASK_ADDED, TASK_DELETED, ".........");
}

static void check_text(enum task_kind kind, enum task_state state, enum task_act act,
		       const char *want)
{
	struct err err = { 0 };

	CHECK(task_may(kind, state, act, &err) < 0);
	CHECK_TEXT(err.msg, want);
}

TEST(refuses_in_the_words_that_clients_match)
{
	check_text(TASK_INIT, TASK_RUNNING, TASK_START, "cannot start a running process");
	check_text(TASK_INIT, TASK_RUNNING, TASK_DELETE, "cannot delete a running process");
	check_text(TASK_INIT, TASK_RUNNING, TASK_RESUME, "cannot resume a running process");
	check_text(TASK_INIT, TASK_PAUSED, TASK_PAUSE, "cannot pause a paused container");
	check_text(TASK_INIT, TASK_PAUSED, TASK_START, "cannot start a paused process");
	check_text(TASK_INIT, TASK_PAUSED, TASK_DELETE, "cannot delete a paused process");
	check_text(TASK_INIT, TASK_PAUSED, TASK_EXEC, "cannot exec in a paused state");
	check_text(TASK_INIT, TASK_STOPPED, TASK_START, "cannot start a stopped process");
	check_text(TASK_INIT, TASK_STOPPED, TASK_PAUSE, "cannot pause a stopped container");
	check_text(TASK_INIT, TASK_STOPPED, TASK_RESUME, "cannot resume a stopped container");
	check_text(TASK_INIT, TASK_STOPPED, TASK_UPDATE, "cannot update a stopped container");
	check_text(TASK_INIT, TASK_STOPPED, TASK_EXEC, "cannot exec in a stopped state");
	check_text(TASK_INIT, TASK_CREATED, TASK_PAUSE, "cannot pause task in created state");
	check_text(TASK_INIT, TASK_CREATED, TASK_CHECKPOINT,
		   "cannot checkpoint a task in created state");
	check_text(TASK_ADDED, TASK_STOPPED, TASK_RESIZE, "cannot resize a stopped container");
	check_text(TASK_ADDED, TASK_RUNNING, TASK_DELETE, "cannot delete a running process");
	check_text(TASK_ADDED, TASK_RUNNING, TASK_START, "cannot start a running process");
}

TEST(tells_a_container_that_is_not_there_yet_from_one_that_is_gone)
{
	struct err err = { 0 };

	CHECK(task_may(TASK_INIT, TASK_CREATING, TASK_START, &err) == STATUS_E_PRECONDITION);
	CHECK(task_may(TASK_INIT, TASK_DELETED, TASK_DELETE, &err) == STATUS_E_NOT_FOUND);
	CHECK(task_may(TASK_INIT, TASK_RUNNING, TASK_START, &err) == -EPERM);
}

/* containerd api/types/task/task.proto: CREATED 1, RUNNING 2, STOPPED 3, PAUSED 4, PAUSING 5 */
TEST(names_and_numbers_states_as_containerd_does)
{
	CHECK(task_status(TASK_CREATED) == 1 && task_status(TASK_RESTORABLE) == 1);
	CHECK(task_status(TASK_RUNNING) == 2 && task_status(TASK_STOPPED) == 3);
	CHECK(task_status(TASK_PAUSED) == 4 && task_status(TASK_PAUSING) == 5);
	for (int state = 0; state < TASK_STATE_MAX; state++)
		CHECK(task_status((enum task_state)state) > 0 &&
		      task_state_name((enum task_state)state));
}
