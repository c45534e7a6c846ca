/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learn, beside the daemon, what is not known yet of a runtime on this host: which one it is
 * (shim/runtime_id.h), and if that helps a copy of it in sealed memory (shim/sealed.h). The
 * container that is being created does without; the next one, of whichever shim, finds both.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* argv[0] of the child: what it does, and no shim's command line, is what people see in ps. */
#define RUNTIME_LEARN_NAME "azl-sealed"

/*
 * Start a child that learns: this program again, under that name. It shares nothing with the
 * daemon, outlives it, and is a child of the daemon's parent (init, or containerd), who reaps it.
 *
 * store     RUNTIME_STORE_PATH but for tests
 * program   absolute path, as spawn_find_program() finds it
 * seal      make a sealed copy of a runtime that profits, and stay to hold it
 *
 * Returns its pid, or a negative errno value with err filled.
 */
pid_t runtime_learn_start(const char *store, const char *program, bool seal, struct err *err);

/* The child's main: STORE PROGRAM [seal]. Returns its exit status. */
int runtime_learn_run(int argc, char **argv);
