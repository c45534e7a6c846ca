/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc by hand: frames as they are, and connections that come and go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/oracle/world.h"

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

	if (words->count < 2)
		fail(world, "usage: raw \"00 00 ...\" [on=CONN]");
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

	conn = words->count > 1 ? conn_find(world, words->word[1]) : NULL;
	if (!conn)
		fail(world, "usage: disconnect NAME");
	conn_close(world, conn);
}

const struct act acts_frames[] = {
	{ "raw", act_raw },	  { "frame", act_frame },	    { "recv", act_recv },
	{ "closed", act_closed }, { "disconnect", act_disconnect }, { NULL, NULL },
};
