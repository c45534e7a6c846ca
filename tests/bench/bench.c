/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench -w WORK -r ROOTFS -s SPECS -a REFERENCE -b SHIM [-v] COMMAND
 *
 *   steps N        N lives of a container for each shim, engine and profile, in turn
 *   fast N         the same with runc alone, and without what no fast path changes
 *   memory N       the memory of N shims side by side
 *   density N R    N containers, R times
 *   soak N E       E execs in one of N containers of SHIM
 *   lives N        N lives of a container under SHIM, one after the other
 *
 * See bench.h for what is printed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/bench.h"

static const char *const engines[] = { "runc", "crun" };

static void one_life(struct bench *bench, const struct side *side, const char *engine, bool seccomp,
		     bool silent)
{
	struct life life;
	double from;
	double execs;
	double cpu;

	life_prepare(&life, bench, side, engine, seccomp);
	life.silent = silent;
	from = host_cpu_ms();
	life_shim(&life);
	life_create(&life);
	life_start(&life);
	cpu = host_cpu_ms();
	for (int i = 0; i < BENCH_EXECS; i++)
		life_exec(&life);
	execs = host_cpu_ms() - cpu;
	life_kill(&life);
	life_shutdown(&life);
	life_delete_command(&life, "delete_command");
	life_sample(&life, "cpu_exec", execs / BENCH_EXECS);
	life_sample(&life, "cpu_life", host_cpu_ms() - from - execs);
	life_clean(&life);
}

/* The shim is killed; `delete` finds its container running. */
static void killed_life(struct bench *bench, const struct side *side, const char *engine)
{
	struct life life;

	life_prepare(&life, bench, side, engine, false);
	life.silent = true;
	life_shim(&life);
	life_create(&life);
	life_start(&life);
	(void)kill((pid_t)life.client.shim_pid, SIGKILL);
	(void)host_reap((pid_t)life.client.shim_pid);
	client_close(&life.client);
	life.silent = false;
	life_delete_command(&life, "delete_command_left");
	life_clean(&life);
}

/*
 * A B, B A, A B, ...: what changes with time changes both, and so does what one leaves to the next
 * in caches.
 */
static void both(struct bench *bench, const char *engine, bool seccomp, int round)
{
	for (int s = 0; s < 2; s++)
		one_life(bench, &bench->sides[(s + round + 2) % 2], engine, seccomp, round < 0);
}

static void steps(struct bench *bench)
{
	for (int round = -1; round < bench->rounds; round++) { /* the first warms up */
		for (size_t e = 0; e < sizeof(engines) / sizeof(engines[0]); e++) {
			for (int seccomp = 0; seccomp < 2; seccomp++) {
				both(bench, engines[e], seccomp, round);
				if (round >= 0)
					life_bare(bench, engines[e], seccomp);
			}
			for (int s = 0; s < 2 && round >= 0; s++)
				killed_life(bench, &bench->sides[s], engines[e]);
		}
	}
}

static void fast(struct bench *bench)
{
	for (int round = -1; round < bench->rounds; round++)
		for (int seccomp = 0; seccomp < 2; seccomp++)
			both(bench, engines[0], seccomp, round);
}

/* What a life leaves behind is for the caller to find. */
static void lives(struct bench *bench)
{
	for (int i = 0; i < bench->rounds; i++) {
		struct life life;

		life_prepare(&life, bench, &bench->sides[1], engines[0], false);
		life.silent = true;
		life_shim(&life);
		life_create(&life);
		life_start(&life);
		life_kill(&life);
		life_shutdown(&life);
		life_delete_command(&life, "delete_command");
		life_clean(&life);
	}
}

/* What containerd adds to its own environment for its shims. */
static void set_environment(const struct bench *bench)
{
	char path[PATH_MAX];

	(void)setenv("GOMAXPROCS", "2", 1);
	(void)setenv("MAX_SHIM_VERSION", "2", 1);
	(void)snprintf(path, sizeof(path), "%s/ctrd.ttrpc", bench->work);
	(void)setenv("TTRPC_ADDRESS", path, 1);
	publisher_start(path);
	(void)snprintf(path, sizeof(path), "%s/ctrd", bench->work);
	(void)setenv("GRPC_ADDRESS", path, 1);
}

static void make_dirs(const struct bench *bench)
{
	static const char *const names[] = { "", "/state", "/lib", "/engine" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", bench->work, names[i]);
		if (mkdir(path, 0711) < 0 && errno != EEXIST)
			fail("mkdir %s: %s", path, strerror(errno));
	}
}

static int number(char *const *argv, int at)
{
	int value = argv[at] ? atoi(argv[at]) : 0;

	if (value < 1)
		fail("not a count: %s", argv[at] ? argv[at] : "");
	return value;
}

static void run(struct bench *bench, char *const *argv)
{
	if (!argv[0] || !argv[1])
		fail("usage: bench OPTIONS steps N | fast N | memory N | density N R | soak N E | "
		     "lives N");
	bench->rounds = bench->containers = number(argv, 1);
	if (strcmp(argv[0], "steps") == 0) {
		steps(bench);
	} else if (strcmp(argv[0], "fast") == 0) {
		fast(bench);
	} else if (strcmp(argv[0], "memory") == 0) {
		many_memory(bench);
	} else if (strcmp(argv[0], "density") == 0) {
		bench->rounds = number(argv, 2);
		many_density(bench);
	} else if (strcmp(argv[0], "soak") == 0) {
		many_soak(bench, number(argv, 2));
	} else if (strcmp(argv[0], "lives") == 0) {
		lives(bench);
	} else {
		fail("no such command: %s", argv[0]);
	}
}

int main(int argc, char *argv[])
{
	struct bench bench = { .sides = { { .name = "reference" }, { .name = "azl" } } };
	int option;

	while ((option = getopt(argc, argv, "w:r:s:a:b:v")) != -1) {
		switch (option) {
		case 'w':
			bench.work = optarg;
			break;
		case 'r':
			bench.rootfs = optarg;
			break;
		case 's':
			bench.specs = optarg;
			break;
		case 'a':
			bench.sides[0].shim = optarg;
			break;
		case 'b':
			bench.sides[1].shim = optarg;
			break;
		case 'v':
			bench.verbose = true;
			break;
		default:
			return 2;
		}
	}
	if (!bench.work || !bench.rootfs || !bench.specs || !bench.sides[0].shim ||
	    !bench.sides[1].shim)
		fail("-w, -r, -s, -a and -b are needed");
	(void)signal(SIGPIPE, SIG_IGN);
	make_dirs(&bench);
	set_environment(&bench); /* before the next two: the publisher is none of ours */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		fail("prctl: %s", strerror(errno));
	host_enter_cgroup();
	run(&bench, argv + optind);
	(void)alarm(0);
	return 0;
}
