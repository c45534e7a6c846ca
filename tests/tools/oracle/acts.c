/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of a script may say about calls, frames and the world around. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/tools/oracle/world.h"

static void need(struct world *world, const struct words *words, int count, const char *usage)
{
	if (words->count < count)
		fail(world, "usage: %s", usage);
}

static void act_limit(struct world *world, const struct words *words)
{
	need(world, words, 2, "limit SECONDS");
	world->limit_ms = atoi(words->word[1]) * 1000 * world->slow;
}

static void act_env(struct world *world, const struct words *words)
{
	char *value;

	need(world, words, 2, "env KEY=VALUE");
	value = strchr(words->word[1], '=');
	if (!value)
		(void)unsetenv(words->word[1]);
	else if (putenv(strdup(words->word[1])) != 0)
		fail(world, "putenv");
}

static void act_call(struct world *world, const struct words *words)
{
	call_join(world, call_send(world, words, 1, ""), world->limit_ms);
}

static void act_async(struct world *world, const struct words *words)
{
	need(world, words, 3, "async NAME METHOD key=value...");
	(void)call_send(world, words, 2, words->word[1]);
}

static void act_join(struct world *world, const struct words *words)
{
	need(world, words, 2, "join NAME");
	call_join(world, call_find(world, words->word[1]), world->limit_ms);
}

static bool is_answered(struct world *world, void *arg)
{
	const struct call *call = arg;

	(void)world;
	return call->answered;
}

static void act_pending(struct world *world, const struct words *words)
{
	struct call *call;

	need(world, words, 2, "pending NAME [ms=N]");
	call = call_find(world, words->word[1]);
	if (world_until(world, is_answered, call, (int)words_number(world, words, "ms", 150)))
		call_join(world, call, world->limit_ms);
	else
		say(world, "< %s: pending", call->label);
}

/* "create c1 ..." is "call Create id=c1 ..."; likewise exec c1/e1. */
static void act_short(struct world *world, const struct words *words)
{
	struct words longer = { .count = 2 };
	char id[NAME_MAX_BYTES + 4];
	char exec_id[NAME_MAX_BYTES + 16];
	char *slash;

	need(world, words, 2, "METHOD ID[/EXEC] key=value...");
	(void)snprintf(id, sizeof(id), "id=%.250s", words->word[1]);
	longer.word[0] = words->word[0];
	longer.word[1] = strdup(words->word[0]);
	if (!longer.word[1])
		abort();
	longer.word[1][0] = (char)(longer.word[1][0] & ~0x20);
	slash = strchr(id, '/');
	longer.word[longer.count++] = id;
	if (slash) {
		*slash = '\0';
		(void)snprintf(exec_id, sizeof(exec_id), "exec_id=%.250s", slash + 1);
		longer.word[longer.count++] = exec_id;
	}
	for (int i = 2; i < words->count && longer.count < WORDS_MAX; i++)
		longer.word[longer.count++] = words->word[i];
	act_call(world, &longer);
	free(longer.word[1]);
}

static void shell(struct world *world, const char *command, int limit_ms, struct outcome *outcome)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char *)(uintptr_t)command,
			 NULL };

	child_run(world, argv, world->work, NULL, true, limit_ms, outcome);
}

/* sh COMMAND: its output belongs to the transcript */
static void act_sh(struct world *world, const struct words *words)
{
	struct outcome outcome;

	need(world, words, 2, "sh \"COMMAND\"");
	shell(world, words->word[1], world->limit_ms, &outcome);
	say_bytes(world, "$ ", outcome.out.data, outcome.out.len);
	if (outcome.status != 0)
		say(world, "$ exit %d", outcome.status);
	outcome_done(&outcome);
}

static bool never(struct world *world, void *arg)
{
	(void)world;
	(void)arg;
	return false;
}

/* wait-for COMMAND: again and again until it succeeds */
static void act_wait_for(struct world *world, const struct words *words)
{
	int64_t end = now_ms() + world->limit_ms;

	need(world, words, 2, "wait-for \"COMMAND\"");
	for (;;) {
		struct outcome outcome;
		int status;

		shell(world, words->word[1], world->limit_ms, &outcome);
		status = outcome.status;
		outcome_done(&outcome);
		if (status == 0)
			return;
		if (now_ms() > end) {
			say(world, "! waited %d s for: %s", world->limit_ms / 1000, words->word[1]);
			return;
		}
		(void)world_until(world, never, NULL, 20);
	}
}

static void act_sleep(struct world *world, const struct words *words)
{
	need(world, words, 2, "sleep MS");
	(void)world_until(world, never, NULL, atoi(words->word[1]));
}

/* file PATH MODE TEXT */
static void act_file(struct world *world, const struct words *words)
{
	own_fd int fd = -1;

	need(world, words, 4, "file PATH MODE TEXT");
	fd = open(words->word[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, words->word[3], strlen(words->word[3])) < 0 ||
	    fchmod(fd, (mode_t)strtoul(words->word[2], NULL, 8)) < 0)
		fail(world, "write %s: errno %d", words->word[1], errno);
}

static void act_publisher(struct world *world, const struct words *words)
{
	const char *how = words->count > 1 ? words->word[1] : "";

	if (strcmp(how, "stop") == 0)
		publisher_stop(world);
	else if (strcmp(how, "start") == 0)
		publisher_start(world);
	else if (strcmp(how, "mute") == 0)
		world->publisher_mute = true;
	else
		fail(world, "publisher start|stop|mute");
}

/* Directives for who runs the script. */
static void act_nothing(struct world *world, const struct words *words)
{
	(void)world;
	(void)words;
}

const struct act acts_misc[] = {
	{ "limit", act_limit },
	{ "env", act_env },
	{ "call", act_call },
	{ "async", act_async },
	{ "join", act_join },
	{ "pending", act_pending },
	{ "create", act_short },
	{ "exec", act_short },
	{ "state", act_short },
	{ "delete", act_short },
	{ "kill", act_short },
	{ "wait", act_short },
	{ "pids", act_short },
	{ "pause", act_short },
	{ "resume", act_short },
	{ "update", act_short },
	{ "stats", act_short },
	{ "connect", act_short },
	{ "checkpoint", act_short },
	{ "shutdown", act_short },
	{ "sh", act_sh },
	{ "wait-for", act_wait_for },
	{ "sleep", act_sleep },
	{ "file", act_file },
	{ "publisher", act_publisher },
	{ "events", events_act },
	{ "read", stream_act },
	{ "write", stream_act },
	{ "close", stream_act },
	{ "reopen", stream_act },
	{ "hold", stream_act },
	{ "release", stream_act },
	{ "only", act_nothing },
	{ "allow", act_nothing },
	{ "allow-ref", act_nothing },
	{ "allow-azl", act_nothing },
	{ "needs", act_nothing },
	{ NULL, NULL },
};

static bool act_try(struct world *world, const struct act *acts, const struct words *words)
{
	for (; acts->name; acts++) {
		if (strcmp(acts->name, words->word[0]) == 0) {
			acts->run(world, words);
			return true;
		}
	}
	return false;
}

void act_run(struct world *world, const char *line)
{
	struct words words;

	words_split(world, line, &words);
	if (words.count == 0)
		return;
	if (strncmp(words.word[0], "allow", 5) != 0)
		say(world, "> %s", line);
	if (!act_try(world, acts_shim, &words) && !act_try(world, acts_frames, &words) &&
	    !act_try(world, acts_misc, &words) && !act_try(world, acts_storm, &words))
		fail(world, "no such act: %s", words.word[0]);
	words_done(&words);
}
