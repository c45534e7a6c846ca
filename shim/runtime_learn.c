/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runtime_learn.h"

#include <fcntl.h>
#include <unistd.h>

#include "config/base/err.h"
#include "shim/runtime_id.h"
#include "shim/sealed.h"
#include "shim/spawn.h"

struct lesson {
	const char *store;
	const char *program;
	bool seal;
};

/* Nothing of the daemon's may stay open: the other end of a stream would not see its end. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3 && null >= 0; i++)
		(void)dup2(null, i);
	(void)close_range(3, ~0U, 0);
	(void)setsid();
	if (chdir("/") < 0)
		return; /* it holds a folder of ours a while longer */
}

/* In the child. */
static int learn(void *owner, struct err *err)
{
	const struct lesson *lesson = owner;
	struct runtime_version version;
	int code;

	detach();
	code = runtime_id_find(lesson->store, lesson->program, &version, err);
	if (code == RUNTIME_ID_MISSING)
		code = runtime_id_probe(lesson->store, lesson->program, &version, err);
	if (code == 0 && lesson->seal && sealed_is_wanted(&version))
		code = sealed_hold(lesson->store, lesson->program, err);
	return code < 0 ? code : 0;
}

pid_t runtime_learn_start(const char *store, const char *program, bool seal, struct err *err)
{
	struct lesson lesson = { .store = store, .program = program, .seal = seal };
	struct spawn spawn = spawn_blank();

	spawn.prepare = learn;
	spawn.owner = &lesson;
	spawn.outlives = true;
	return spawn_start(&spawn, err);
}
