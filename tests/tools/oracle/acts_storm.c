/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many execs at once: each is followed from Exec to Delete, and its events are counted.
 *
 *   storm execs=N at_once=N [seconds=N] [rate=N] [id=C] [text=JSON] [exit=N] [seed=N]
 *         [race=pause|kill|delete] [end=kill] [errors=ok] [spread_us=N]
 *
 * id      the container; without it those of all connections take turns
 * execs   how many (seconds: at most as long), at_once of them side by side, rate of them a second
 * exit    how each has to end (0; any when something races)
 * race    pause: the container pauses and resumes all the time; kill, delete: each exec gets that
 *         call at a random moment
 * end     init is killed at a random moment within spread_us
 * errors  Exec and Start may be refused, as in a container that pauses or ends
 *
 * It says that all ended, or what did not: a call that is never answered; a start without its two
 * events, or with them in the wrong order; an exit that comes behind that of init.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/clean.h"
#include "tests/tools/oracle/world.h"

enum {
	CONTAINERS_MAX = 128,
	HANG_MS = 30000,
	COMPLAINTS_MAX = 10,
};

enum stage { STAGE_EXEC, STAGE_START, STAGE_RUN, STAGE_DELETE, STAGE_DONE };

static const char *const stage_names[] = { "Exec", "Start", "Wait", "Delete", "nothing" };

static const char usual_process[] = "{\"args\":[\"/bin/true\"],\"cwd\":\"/\",\"env\":[\"PATH=/"
				    "bin\"],\"user\":{\"uid\":0,\"gid\":0},"
				    "\"noNewPrivileges\":true}";

struct probe {
	int container;
	enum stage stage;
	int64_t since_us;	  /* Exec was sent */
	struct call *call;	  /* that of the stage */
	struct call *wait;	  /* or NULL */
	struct call *extra;	  /* the one that races */
	int64_t extra_at_us;	  /* when it is due; 0: never */
	bool started, refused;	  /* what Start said */
	bool waited, deleted;	  /* answered with success */
	bool saw_start, saw_exit; /* events */
};

struct storm {
	struct world *world;
	const struct words *words;
	const char *race;
	const char *text;
	char names[CONTAINERS_MAX][NAME_MAX_BYTES];
	int containers;
	bool init_gone[CONTAINERS_MAX]; /* its exit was published */
	struct probe *probes;		/* by number */
	long wanted, begun, done, oldest;
	int complaints;
	unsigned int seed;
	bool ending;
	struct call *toggle; /* Pause or Resume */
	bool paused;
	int64_t toggle_at_us;
	struct call *kill;
	int64_t kill_at_us;
	int64_t all_us, longest_us;
	long refused;
};

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void complain(struct storm *storm, long number, const char *what)
{
	if (storm->complaints++ < COMPLAINTS_MAX)
		say(storm->world, "! %s/x%ld: %s", storm->names[storm->probes[number].container],
		    number, what);
}

static int64_t soon(struct storm *storm, const char *key, long usual)
{
	long spread = words_number(storm->world, storm->words, key, usual);

	return now_us() + (spread > 0 ? rand_r(&storm->seed) % spread : 0);
}

/* number < 0: of the container. */
static struct call *ask(struct storm *storm, int container, long number, const char *method,
			const char *more)
{
	char id[NAME_MAX_BYTES + 4];
	char exec_id[64];
	struct words words = { .count = 3,
			       .word = { (char[]){ "storm" }, (char *)(uintptr_t)method, id } };

	(void)snprintf(id, sizeof(id), "id=%s", storm->names[container]);
	(void)snprintf(exec_id, sizeof(exec_id), "exec_id=x%ld", number);
	if (number >= 0)
		words.word[words.count++] = exec_id;
	if (more)
		words.word[words.count++] = (char *)(uintptr_t)more;
	return call_send(storm->world, &words, 1, " storm");
}

/* The code of an answer and, of Wait, the exit status; frees the call. -1: the connection closed.
 */
static int answer_take(struct call **taken, uint32_t *status)
{
	struct call *call = *taken;
	Pb__Response *response = NULL;
	Pb__WaitResponse *wait = NULL;
	int code = -1;

	*taken = NULL;
	if (!call->lost)
		response = (Pb__Response *)protobuf_c_message_unpack(
			&pb__response__descriptor, NULL, call->answer.len, call->answer.data);
	if (response)
		code = response->status ? response->status->code : 0;
	if (code == 0 && status)
		wait = (Pb__WaitResponse *)protobuf_c_message_unpack(&pb__wait_response__descriptor,
								     NULL, response->payload.len,
								     response->payload.data);
	if (wait) {
		*status = wait->exit_status;
		protobuf_c_message_free_unpacked(&wait->base, NULL);
	}
	if (response)
		protobuf_c_message_free_unpacked(&response->base, NULL);
	list_remove(&call->node);
	buf_done(&call->answer);
	free(call);
	return code;
}

static bool races(const struct storm *storm, const char *how)
{
	return storm->race && strcmp(storm->race, how) == 0;
}

static bool may_fail(const struct storm *storm)
{
	return storm->race || storm->ending || words_get(storm->words, "errors");
}

static void probe_begin(struct storm *storm)
{
	long number = storm->begun++;
	struct probe *probe = storm->probes + number;

	probe->container = (int)(number % storm->containers);
	probe->since_us = now_us();
	probe->call = ask(storm, probe->container, number, "Exec", storm->text);
	if (races(storm, "kill") || races(storm, "delete"))
		probe->extra_at_us = soon(storm, "spread_us", 20000);
}

static void probe_end(struct storm *storm, struct probe *probe)
{
	int64_t took = now_us() - probe->since_us;

	probe->stage = STAGE_DONE;
	storm->done++;
	storm->all_us += took;
	storm->longest_us = took > storm->longest_us ? took : storm->longest_us;
	storm->refused += probe->refused;
}

static void probe_delete(struct storm *storm, struct probe *probe)
{
	probe->stage = STAGE_DELETE;
	probe->call = ask(storm, probe->container, probe - storm->probes, "Delete", NULL);
}

static void exec_answered(struct storm *storm, struct probe *probe)
{
	long number = probe - storm->probes;
	int code = answer_take(&probe->call, NULL);

	if (code != 0) {
		probe->refused = true;
		if (!may_fail(storm))
			complain(storm, number, "Exec was refused");
		probe_end(storm, probe);
		return;
	}
	/* An exec that is deleted unstarted leaves those who wait for it waiting. */
	if (!races(storm, "delete"))
		probe->wait = ask(storm, probe->container, number, "Wait", NULL);
	probe->stage = STAGE_START;
	probe->call = ask(storm, probe->container, number, "Start", NULL);
}

static void start_answered(struct storm *storm, struct probe *probe)
{
	long number = probe - storm->probes;

	probe->started = answer_take(&probe->call, NULL) == 0;
	probe->stage = STAGE_RUN;
	if (probe->started && !probe->wait)
		probe->wait = ask(storm, probe->container, number, "Wait", NULL);
	if (probe->started)
		return;
	probe->refused = true;
	if (!may_fail(storm))
		complain(storm, number, "Start was refused");
	if (!probe->deleted)
		probe_delete(storm, probe);
}

static void wait_answered(struct storm *storm, struct probe *probe)
{
	long number = probe - storm->probes;
	uint32_t status = 0;
	int code = answer_take(&probe->wait, &status);

	if (!probe->started)
		return;
	/* Deleted already by the call that raced: nobody knows it any more. */
	if (code != 0 && !probe->deleted)
		complain(storm, number, "Wait failed");
	if (code == 0 && (!may_fail(storm) || words_get(storm->words, "exit")) &&
	    status != (uint32_t)words_number(storm->world, storm->words, "exit", 0))
		complain(storm, number, "it ended otherwise than it should");
	probe->waited = true;
}

static void delete_answered(struct storm *storm, struct probe *probe)
{
	int code = answer_take(&probe->call, NULL);

	/* Refused, it may have been forgotten with its start. */
	if (code != 0 && !probe->deleted && !probe->refused)
		complain(storm, probe - storm->probes, "Delete failed");
	probe->deleted = true;
}

/* The call that races: again until it is of use. */
static void extra_step(struct storm *storm, struct probe *probe)
{
	bool kills = races(storm, "kill");
	bool over = probe->waited || probe->stage >= STAGE_DELETE;

	if (probe->extra && probe->extra->answered) {
		if (answer_take(&probe->extra, NULL) != 0)
			probe->extra_at_us = now_us() + 1000;
		else if (!kills)
			probe->deleted = true;
	}
	if (probe->extra || over || !probe->extra_at_us || now_us() < probe->extra_at_us)
		return;
	probe->extra_at_us = 0;
	probe->extra = ask(storm, probe->container, probe - storm->probes,
			   kills ? "Kill" : "Delete", kills ? "signal=9" : NULL);
}

static void probe_step(struct storm *storm, struct probe *probe)
{
	extra_step(storm, probe);
	if (probe->wait && probe->wait->answered)
		wait_answered(storm, probe);
	if (probe->call && probe->call->answered) {
		if (probe->stage == STAGE_EXEC)
			exec_answered(storm, probe);
		else if (probe->stage == STAGE_START)
			start_answered(storm, probe);
		else if (probe->stage == STAGE_DELETE)
			delete_answered(storm, probe);
	}
	if (probe->stage == STAGE_RUN && probe->waited && !probe->deleted && !probe->extra)
		probe_delete(storm, probe);
	if (probe->stage != STAGE_DONE && probe->deleted && !probe->wait && !probe->extra &&
	    !probe->call && (probe->waited || !probe->started))
		probe_end(storm, probe);
}

/* "exit c1/x12" is of container c1 and number 12, "exit c1" of number -1. Returns false when it is
 * of none of ours. */
static bool event_whose(const struct storm *storm, const char *key, int *container, long *number)
{
	const char *name = strchr(key, ' ');
	const char *exec = strstr(key, "/x");
	size_t len;

	if (!name)
		return false;
	name++;
	len = exec ? (size_t)(exec - name) : strlen(name);
	*number = exec ? strtol(exec + 2, NULL, 10) : -1;
	for (*container = 0; *container < storm->containers; (*container)++) {
		if (strlen(storm->names[*container]) == len &&
		    memcmp(storm->names[*container], name, len) == 0)
			return true;
	}
	return false;
}

static bool event_is(const char *key, const char *topic)
{
	return strncmp(key, topic, strlen(topic)) == 0 && key[strlen(topic)] == ' ';
}

static void event_take(struct storm *storm, const char *key)
{
	int container;
	long number;
	struct probe *probe;

	if (!event_whose(storm, key, &container, &number))
		return;
	if (number < 0 && event_is(key, "exit"))
		storm->init_gone[container] = true;
	if (number < 0 || number >= storm->begun)
		return;
	probe = storm->probes + number;
	if (event_is(key, "exec-started")) {
		if (probe->saw_start || probe->saw_exit)
			complain(storm, number, "exec-started comes twice or behind exit");
		probe->saw_start = true;
	} else if (event_is(key, "exit")) {
		if (!probe->saw_start)
			complain(storm, number, "exit comes before exec-started");
		if (probe->saw_exit)
			complain(storm, number, "exit comes twice");
		if (storm->init_gone[container])
			complain(storm, number, "exit comes behind that of init");
		probe->saw_exit = true;
	}
}

static void events_take(struct storm *storm)
{
	struct list *node;
	struct list *after;

	list_for_each_safe (node, after, &storm->world->events) {
		struct event *event = owner_of(node, struct event, node);

		event_take(storm, event->key);
		list_remove(node);
		protobuf_c_message_free_unpacked(&event->forward->base, NULL);
		free(event);
	}
}

/* Pauses and resumes, each at a random moment behind the other. */
static void toggle_step(struct storm *storm, bool last)
{
	if (storm->toggle && storm->toggle->answered) {
		if (answer_take(&storm->toggle, NULL) == 0)
			storm->paused = !storm->paused;
		storm->toggle_at_us = soon(storm, "pause_us", 8000);
	}
	if (storm->toggle || now_us() < storm->toggle_at_us || (last && !storm->paused))
		return;
	storm->toggle = ask(storm, 0, -1, storm->paused ? "Resume" : "Pause", NULL);
}

static void end_step(struct storm *storm)
{
	if (storm->kill && storm->kill->answered)
		(void)answer_take(&storm->kill, NULL);
	if (!storm->kill_at_us || now_us() < storm->kill_at_us)
		return;
	storm->kill_at_us = 0;
	storm->ending = true;
	storm->kill = ask(storm, 0, -1, "Kill", "signal=9");
}

/* Steps all that are under way. */
static void storm_step(struct storm *storm, bool last)
{
	world_step(storm->world, 1);
	events_take(storm);
	if (races(storm, "pause"))
		toggle_step(storm, last);
	end_step(storm);
	for (long i = storm->oldest; i < storm->begun; i++) {
		if (storm->probes[i].stage != STAGE_DONE)
			probe_step(storm, storm->probes + i);
	}
	while (storm->oldest < storm->begun && storm->probes[storm->oldest].stage == STAGE_DONE)
		storm->oldest++;
}

static void storm_blow(struct storm *storm)
{
	struct world *world = storm->world;
	long at_once = words_number(world, storm->words, "at_once", 64);
	long rate = words_number(world, storm->words, "rate", 0);
	int64_t from = now_us();
	int64_t until = from + words_number(world, storm->words, "seconds", 600) * 1000000;
	int64_t hang;

	while (storm->begun < storm->wanted && now_us() < until) {
		int64_t due = rate ? (now_us() - from) * rate / 1000000 + 1 : storm->wanted;

		if (storm->oldest < storm->begun &&
		    now_us() - storm->probes[storm->oldest].since_us > HANG_MS * 1000LL)
			break;
		while (storm->begun < storm->wanted && storm->begun - storm->done < at_once &&
		       storm->begun < due)
			probe_begin(storm);
		storm_step(storm, false);
	}
	hang = now_us() + HANG_MS * 1000LL;
	while ((storm->done < storm->begun || storm->paused || storm->toggle || storm->kill ||
		storm->kill_at_us) &&
	       now_us() < hang)
		storm_step(storm, true);
	(void)fprintf(stderr,
		      "storm: %ld execs in %lld ms, %ld refused, mean %lld us, longest %lld us\n",
		      storm->begun, (long long)(now_us() - from) / 1000, storm->refused,
		      (long long)(storm->done ? storm->all_us / storm->done : 0),
		      (long long)storm->longest_us);
}

static bool events_complete(struct world *world, void *arg)
{
	struct storm *storm = arg;

	(void)world;
	events_take(storm);
	for (long i = 0; i < storm->begun; i++) {
		if (storm->probes[i].started &&
		    (!storm->probes[i].saw_start || !storm->probes[i].saw_exit))
			return false;
	}
	return true;
}

static void storm_check(struct storm *storm)
{
	bool complete = world_until(storm->world, events_complete, storm, HANG_MS);

	for (long i = 0; i < storm->begun; i++) {
		const struct probe *probe = storm->probes + i;
		char text[64];

		(void)snprintf(text, sizeof(text), "no answer to %s", stage_names[probe->stage]);
		if (probe->stage != STAGE_DONE)
			complain(storm, i, text);
		if (!complete && probe->started && !probe->saw_start)
			complain(storm, i, "no event exec-started");
		if (!complete && probe->started && !probe->saw_exit)
			complain(storm, i, "no event exit");
		if (!probe->started && (probe->saw_start || probe->saw_exit))
			complain(storm, i, "events of an exec that did not start");
	}
	if (storm->complaints)
		say(storm->world, "! storm: %d complaints", storm->complaints);
	else
		say(storm->world, "< storm: all ended");
}

static void storm_init(struct storm *storm, struct world *world, const struct words *words)
{
	const char *id = words_get(words, "id");
	const char *end = words_get(words, "end");
	static char text[4096];
	struct list *node;

	*storm = (struct storm){ .world = world,
				 .words = words,
				 .race = words_get(words, "race"),
				 .wanted = words_number(world, words, "execs", 1),
				 .seed = (unsigned int)words_number(world, words, "seed",
								    now_us() & 0xffff) };
	(void)fprintf(stderr, "storm: seed %u\n", storm->seed);
	(void)snprintf(text, sizeof(text), "text=%s",
		       words_get(words, "text") ? words_get(words, "text") : usual_process);
	storm->text = text;
	if (id)
		(void)snprintf(storm->names[storm->containers++], NAME_MAX_BYTES, "%s", id);
	list_for_each (node, &world->conns) {
		if (!id && storm->containers < CONTAINERS_MAX)
			(void)snprintf(storm->names[storm->containers++], NAME_MAX_BYTES, "%s",
				       owner_of(node, struct conn, node)->name);
	}
	if (end)
		storm->kill_at_us = soon(storm, "spread_us", 20000);
	storm->probes = calloc((size_t)storm->wanted, sizeof(*storm->probes));
	if (!storm->probes || !storm->containers)
		fail(world, "no containers for a storm");
}

static void act_storm(struct world *world, const struct words *words)
{
	struct storm *storm = calloc(1, sizeof(*storm));

	if (!storm)
		abort();
	storm_init(storm, world, words);
	storm_blow(storm);
	storm_check(storm);
	free(storm->probes);
	free(storm);
}

const struct act acts_storm[] = {
	{ "storm", act_storm },
	{ NULL, NULL },
};
