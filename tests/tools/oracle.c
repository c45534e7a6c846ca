/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays containerd to one shim: runs a script of calls and prints a transcript in which all that
 * may differ from run to run has been given a name. Two shims are alike when the transcripts are.
 *
 *   oracle SHIM SCRIPT WORK NAMESPACE ROOTFS
 *
 * SHIM       the shim's program, absolute
 * WORK       empty directory, absolute and short: sockets live in it
 * NAMESPACE  containerd namespace, unlike that of any other run
 * ROOTFS     directory with a busybox
 *
 * The acts of a script are described in tests/oracle/README.md. Exits with 0 when the script came
 * to its end, whatever the shim answered; with 2 when it could not go on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "tests/tools/oracle/world.h"

enum { LIMIT_MS = 30000 };

/* Limits are a host's; a machine whose processor is emulated says how much slower it is. */
static int slow_factor(void)
{
	const char *text = getenv("AZL_SLOW");
	int factor = text ? atoi(text) : 1;

	return factor > 0 ? factor : 1;
}

static void world_init(struct world *world, char *argv[])
{
	static char oracle[PATH_MAX];
	char *slash;

	*world = (struct world){
		.shim = argv[1], .rootfs = argv[5], .service = TASK_SERVICE, .slow = slow_factor()
	};
	world->limit_ms = LIMIT_MS * world->slow;
	if (!realpath(argv[2], oracle))
		exit(2);
	slash = strrchr(oracle, '/');
	*slash = '\0';
	world->oracle = oracle;
	(void)snprintf(world->work, sizeof(world->work), "%.3000s", argv[3]);
	(void)snprintf(world->ns, sizeof(world->ns), "%.200s", argv[4]);
	(void)snprintf(world->state, sizeof(world->state), "%.3000s/state/%.200s", argv[3],
		       argv[4]);
	(void)snprintf(world->io, sizeof(world->io), "%.3000s/io", argv[3]);
	list_init(&world->sources);
	list_init(&world->conns);
	list_init(&world->calls);
	list_init(&world->streams);
	list_init(&world->events);
	list_init(&world->publishers);
}

static void make_dirs(struct world *world)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.3000s/state", world->work);
	(void)mkdir(world->work, 0711);
	(void)mkdir(path, 0711);
	if (mkdir(world->state, 0711) < 0 || mkdir(world->io, 0711) < 0)
		fail(world, "cannot make the directories below %s", world->work);
}

/* What containerd adds to its own environment for `start` and `delete`. */
static void set_environment(const struct world *world)
{
	char text[PATH_MAX];

	(void)setenv("GOMAXPROCS", "2", 1);
	(void)setenv("MAX_SHIM_VERSION", "2", 1);
	(void)snprintf(text, sizeof(text), "%.3000s/ctrd.ttrpc", world->work);
	(void)setenv("TTRPC_ADDRESS", text, 1);
	(void)snprintf(text, sizeof(text), "%.3000s/ctrd", world->work);
	(void)setenv("GRPC_ADDRESS", text, 1);
	(void)setenv("NAMESPACE", world->ns, 1);
	/* For the helpers. */
	(void)setenv("WORK", world->work, 1);
	(void)setenv("BUNDLES", world->state, 1);
	(void)setenv("IO", world->io, 1);
	(void)snprintf(text, sizeof(text), "%.3000s/cgroup", world->work);
	(void)setenv("CGROUP", text, 1);
	(void)setenv("ORACLE", world->oracle, 1);
	(void)setenv("ROOTFS", world->rootfs, 1);
	(void)setenv("NS", world->ns, 1);
	(void)setenv("SHIM", world->shim, 1);
}

/* What a shim inherits is told by the scripts alone. The C library keeps two signals for itself
 * and will not touch them; who started us may have them ignored. */
static void reset_signals(void)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} plain = { 0 };

	for (int number = 1; number <= 64; number++)
		(void)syscall(SYS_rt_sigaction, number, &plain, NULL, sizeof(plain.mask));
}

int main(int argc, char *argv[])
{
	static struct world world;
	own_file FILE *script = NULL;
	char line[16384];

	if (argc != 6) {
		(void)fprintf(stderr, "usage: oracle SHIM SCRIPT WORK NAMESPACE ROOTFS\n");
		return 2;
	}
	script = fopen(argv[2], "re");
	if (!script) {
		perror(argv[2]);
		return 2;
	}
	reset_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	world_init(&world, argv);
	make_dirs(&world);
	set_environment(&world);
	publisher_start(&world);
	while (fgets(line, sizeof(line), script)) {
		line[strcspn(line, "\n")] = '\0';
		world.line++;
		act_run(&world, line);
	}
	world_clean(&world);
	return 0;
}
