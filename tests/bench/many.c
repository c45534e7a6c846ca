/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "tests/bench/bench.h"

enum { SETTLE_MS = 500, WARM_EXECS = 100 };

static void settle(void)
{
	struct timespec pause = { .tv_nsec = SETTLE_MS * 1000000L };

	(void)nanosleep(&pause, NULL);
}

static struct life *lives_make(struct bench *bench, const struct side *side, int count)
{
	struct life *lives = calloc((size_t)count, sizeof(*lives));

	if (!lives)
		fail("out of memory");
	for (int i = 0; i < count; i++) {
		life_prepare(&lives[i], bench, side, "runc", false);
		lives[i].silent = true;
	}
	return lives;
}

static void lives_start(struct life *lives, int count)
{
	for (int i = 0; i < count; i++) {
		life_shim(&lives[i]);
		life_create(&lives[i]);
		life_start(&lives[i]);
	}
}

static void lives_end(struct life *lives, int count)
{
	for (int i = 0; i < count; i++) {
		(void)alarm(BENCH_LIMIT_S);
		life_kill(&lives[i]);
		life_shutdown(&lives[i]);
		life_clean(&lives[i]);
	}
}

void many_memory(struct bench *bench)
{
	for (int s = 0; s < 2; s++) {
		own_mem struct life *lives = lives_make(bench, &bench->sides[s], bench->containers);

		lives_start(lives, bench->containers);
		settle();
		for (int i = 0; i < bench->containers; i++) {
			struct memory memory = host_memory((pid_t)lives[i].client.shim_pid);

			lives[i].silent = false;
			life_sample(&lives[i], "pss", (double)memory.pss_kb);
			life_sample(&lives[i], "dirty", (double)memory.dirty_kb);
			lives[i].silent = true;
		}
		if (bench->verbose) {
			(void)fprintf(stderr, "memory of %s, one of %d:\n", bench->sides[s].name,
				      bench->containers);
			host_print_mappings((pid_t)lives[0].client.shim_pid);
		}
		lives_end(lives, bench->containers);
	}
}

static void density(struct bench *bench, const struct side *side)
{
	int count = bench->containers;
	own_mem struct life *lives = lives_make(bench, side, count);
	struct life *first = &lives[0];
	long before = host_available_kb();
	double from = now_ms();
	double took;
	long during;
	long pss = 0;

	lives_start(lives, count);
	took = now_ms() - from;
	settle();
	for (int i = 0; i < count; i++)
		pss += host_memory((pid_t)lives[i].client.shim_pid).pss_kb;
	during = host_available_kb();
	lives_end(lives, count);
	/* What others took meanwhile is half gone with the mean of before and after. */
	before = (before + host_available_kb()) / 2;
	first->silent = false;
	life_sample(first, "density_time", took / count);
	life_sample(first, "density_pss", (double)pss / count);
	life_sample(first, "density_memory", (double)(before - during) / count);
}

/* A B, then B A: what grows with time burdens both alike. */
void many_density(struct bench *bench)
{
	for (int i = 0; i < bench->rounds; i++) {
		density(bench, &bench->sides[i % 2]);
		density(bench, &bench->sides[1 - i % 2]);
	}
}

static void sample_memory(struct life *life, const char *when)
{
	struct memory memory = host_memory((pid_t)life->client.shim_pid);
	const struct {
		const char *name;
		long value;
	} figures[] = {
		{ "pss", memory.pss_kb },	 { "dirty", memory.dirty_kb },
		{ "data", memory.data_kb },	 { "descriptors", memory.fds },
		{ "children", memory.children },
	};

	life->silent = false;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		char step[64];

		(void)snprintf(step, sizeof(step), "soak_%s_%s", figures[i].name, when);
		life_sample(life, step, (double)figures[i].value);
	}
	life->silent = true;
}

void many_soak(struct bench *bench, int execs)
{
	own_mem struct life *lives = lives_make(bench, &bench->sides[1], bench->containers);

	lives_start(lives, bench->containers);
	for (int i = 0; i < WARM_EXECS; i++)
		life_exec(&lives[0]);
	settle();
	sample_memory(&lives[0], "before");
	for (int i = 0; i < execs; i++)
		life_exec(&lives[0]);
	settle();
	sample_memory(&lives[0], "after");
	if (bench->verbose)
		host_print_mappings((pid_t)lives[0].client.shim_pid);
	lives_end(lives, bench->containers);
}
