/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runtime_learn.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config/base/err.h"
#include "shim/runtime_id.h"
#include "shim/sealed.h"
#include "shim/spawn.h"

static const char seal_word[] = "seal";

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

int runtime_learn_run(int argc, char **argv)
{
	const char *store = argc > 2 ? argv[1] : "";
	const char *program = argc > 2 ? argv[2] : "";
	bool seal = argc > 3 && strcmp(argv[3], seal_word) == 0;
	struct runtime_version version;
	struct err err;
	int code;

	detach();
	code = runtime_id_find(store, program, &version, &err);
	if (code == RUNTIME_ID_MISSING)
		code = runtime_id_probe(store, program, &version, &err);
	if (code == 0 && seal && sealed_is_wanted(&version))
		code = sealed_hold(store, program, &err);
	return code < 0;
}

pid_t runtime_learn_start(const char *store, const char *program, bool seal, struct err *err)
{
	const char *argv[] = { RUNTIME_LEARN_NAME, store, program, seal ? seal_word : NULL, NULL };
	struct spawn spawn = spawn_blank();

	spawn.program = "/proc/self/exe";
	spawn.argv = argv;
	spawn.outlives = true;
	spawn.sibling = true; /* a shim has its containers for children, and nobody else */
	return spawn_start(&spawn, err);
}
