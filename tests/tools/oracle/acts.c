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
	world->limit_ms = atoi(words->word[1]) * 1000;
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

static size_t hex_bytes(struct world *world, const char *text, struct buf *out)
{
	for (; text && *text;) {
		unsigned int byte;
		uint8_t one;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (sscanf(text, "%2x", &byte) != 1 || strlen(text) < 2)
			fail(world, "no hex: %s", text);
		one = (uint8_t)byte;
		if (buf_add(out, &one, 1, BYTES_MAX) < 0)
			abort();
		text += 2;
	}
	return out->len;
}

/* raw HEX [on=CONN] */
static void act_raw(struct world *world, const struct words *words)
{
	struct buf buf = { 0 };

	need(world, words, 2, "raw \"00 00 ...\" [on=CONN]");
	(void)hex_bytes(world, words->word[1], &buf);
	conn_send(world, conn_pick(world, words), buf.data, buf.len);
	buf_done(&buf);
}

static void request_bytes(const struct words *words, const char *service, struct buf *payload,
			  struct buf *out)
{
	Pb__Request request;
	const char *method = words_get(words, "method");
	uint8_t *at;

	protobuf_c_message_init(&pb__request__descriptor, &request);
	request.service = (char *)(uintptr_t)service;
	request.method = (char *)(uintptr_t)(method ? method : "");
	request.payload.data = payload->data;
	request.payload.len = payload->len;
	at = buf_reserve(out, protobuf_c_message_get_packed_size(&request.base) + 1, BYTES_MAX);
	if (!at)
		abort();
	out->len += protobuf_c_message_pack(&request.base, at);
}

/*
 * frame stream=N [type=1] [flags=0] [hex=BYTES | fill=N] [len=ANNOUNCED]
 *       [service=S method=M]   the bytes become the payload of a Request
 */
static void act_frame(struct world *world, const struct words *words)
{
	struct conn *conn = conn_pick(world, words);
	const char *service = words_get(words, "service");
	long fill = words_number(world, words, "fill", 0);
	struct buf body = { 0 };
	struct buf data = { 0 };
	uint8_t head[TTRPC_HEADER_BYTES];
	struct ttrpc_header header = {
		.stream = (uint32_t)words_number(world, words, "stream", conn->next_stream),
		.type = (uint8_t)words_number(world, words, "type", TTRPC_REQUEST),
		.flags = (uint8_t)words_number(world, words, "flags", 0),
	};

	(void)hex_bytes(world, words_get(words, "hex"), &body);
	for (; fill > 0; fill--) {
		if (buf_add(&body, "\xff", 1, BYTES_MAX) < 0)
			abort();
	}
	if (service)
		request_bytes(words, service, &body, &data);
	else if (buf_add(&data, body.data, body.len, BYTES_MAX) < 0)
		abort();
	header.data_bytes = (uint32_t)words_number(world, words, "len", (long)data.len);
	ttrpc_header_write(&header, head);
	conn_send(world, conn, head, sizeof(head));
	conn_send(world, conn, data.data, data.len);
	if (header.stream >= conn->next_stream)
		conn->next_stream = (header.stream + 1) | 1;
	buf_done(&body);
	buf_done(&data);
}

static bool frame_there(struct world *world, void *arg)
{
	const struct conn *conn = arg;

	(void)world;
	return conn->closed || !list_empty(&conn->frames);
}

/* recv [as=METHOD] [on=CONN] [ms=N]: the next frame that answers none of our calls */
static void act_recv(struct world *world, const struct words *words)
{
	static const struct method nothing = { "frame", &pb__empty__descriptor,
					       &pb__empty__descriptor };
	struct conn *conn = conn_pick(world, words);
	const char *as = words_get(words, "as");
	const struct method *method = as ? method_find(as) : &nothing;
	struct frame *frame;
	char label[64];

	if (!world_until(world, frame_there, conn,
			 (int)words_number(world, words, "ms", world->limit_ms))) {
		say(world, "< no frame");
		return;
	}
	if (list_empty(&conn->frames)) {
		say(world, "< connection closed");
		return;
	}
	frame = owner_of(conn->frames.next, struct frame, node);
	list_remove(&frame->node);
	(void)snprintf(label, sizeof(label), "stream %u type %u flags %u", frame->header.stream,
		       frame->header.type, frame->header.flags);
	if (frame->verdict != TTRPC_FRAME)
		say(world, "< %s: oversize", label);
	else
		response_print(world, label, method ? method : &nothing, frame->data,
			       frame->header.data_bytes);
	free(frame->data);
	free(frame);
}

static bool conn_is_closed(struct world *world, void *arg)
{
	const struct conn *conn = arg;

	(void)world;
	return conn->closed;
}

static void act_closed(struct world *world, const struct words *words)
{
	struct conn *conn = conn_pick(world, words);
	int limit = (int)words_number(world, words, "ms", world->limit_ms);

	say(world, "< connection %s: %s", conn->name,
	    world_until(world, conn_is_closed, conn, limit) ? "closed" : "open");
}

static void act_disconnect(struct world *world, const struct words *words)
{
	struct conn *conn;

	need(world, words, 2, "disconnect NAME");
	conn = conn_find(world, words->word[1]);
	if (!conn)
		fail(world, "no connection %s", words->word[1]);
	conn_close(world, conn);
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
	{ "limit", act_limit },	    { "env", act_env },		{ "call", act_call },
	{ "async", act_async },	    { "join", act_join },	{ "pending", act_pending },
	{ "create", act_short },    { "exec", act_short },	{ "state", act_short },
	{ "delete", act_short },    { "kill", act_short },	{ "wait", act_short },
	{ "pids", act_short },	    { "pause", act_short },	{ "resume", act_short },
	{ "update", act_short },    { "stats", act_short },	{ "connect", act_short },
	{ "checkpoint", act_short }, { "shutdown", act_short }, { "raw", act_raw },
	{ "frame", act_frame },	    { "recv", act_recv },	{ "closed", act_closed },
	{ "disconnect", act_disconnect }, { "sh", act_sh },	{ "wait-for", act_wait_for },
	{ "sleep", act_sleep },	    { "file", act_file },	{ "publisher", act_publisher },
	{ "events", events_act },   { "read", stream_act },	{ "write", stream_act },
	{ "close", stream_act },    { "reopen", stream_act },	{ "hold", stream_act },
	{ "release", stream_act },  { "only", act_nothing },	{ "allow", act_nothing },
	{ "allow-ref", act_nothing }, { "allow-azl", act_nothing }, { "needs", act_nothing },
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
	if (!act_try(world, acts_shim, &words) && !act_try(world, acts_misc, &words))
		fail(world, "no such act: %s", words.word[0]);
	words_done(&words);
}
