/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "tests/tools/oracle/world.h"

static struct call *waiting_call(struct world *world, const struct conn *conn, uint32_t stream)
{
	struct list *node;

	list_for_each (node, &world->calls) {
		struct call *call = owner_of(node, struct call, node);

		if (call->conn == conn && call->stream == stream && !call->answered)
			return call;
	}
	return NULL;
}

static void keep_frame(struct conn *conn, enum ttrpc_verdict verdict, const struct ttrpc_frame *in)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	size_t len = verdict == TTRPC_FRAME ? in->header.data_bytes : 0;

	if (!frame)
		abort();
	frame->verdict = verdict;
	frame->header = in->header;
	frame->data = malloc(len + 1);
	if (!frame->data)
		abort();
	if (len)
		memcpy(frame->data, in->data, len);
	list_add_before(&conn->frames, &frame->node);
}

static void lose_calls(struct world *world, const struct conn *conn)
{
	struct list *node;

	list_for_each (node, &world->calls) {
		struct call *call = owner_of(node, struct call, node);

		if (call->conn == conn && !call->answered)
			call->answered = call->lost = true;
	}
}

static void conn_lost(struct world *world, struct conn *conn)
{
	conn->closed = true;
	source_close(world, &conn->source);
	lose_calls(world, conn);
}

static void conn_input(struct world *world, struct conn *conn, const uint8_t *in, size_t len)
{
	while (len > 0) {
		struct ttrpc_frame frame;
		size_t used;
		enum ttrpc_verdict verdict = ttrpc_read(&conn->reader, in, len, &used, &frame);
		struct call *call;

		in += used;
		len -= used;
		if (verdict == TTRPC_MORE)
			continue;
		call = waiting_call(world, conn, frame.header.stream);
		if (!call || verdict != TTRPC_FRAME || frame.header.type != TTRPC_RESPONSE) {
			keep_frame(conn, verdict, &frame);
			continue;
		}
		if (buf_add(&call->answer, frame.data, frame.header.data_bytes, BYTES_MAX) < 0)
			abort();
		call->answered = true;
	}
}

static void conn_ready(struct world *world, struct source *source, short revents)
{
	struct conn *conn = owner_of(source, struct conn, source);
	uint8_t bytes[65536];
	ssize_t n = recv(source->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)revents;
	if (n > 0)
		conn_input(world, conn, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		conn_lost(world, conn);
}

struct conn *conn_open(struct world *world, const char *name, const char *address)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = strncmp(address, "unix://", 7) == 0 ? address + 7 : address;
	struct timeval limit = { .tv_sec = 10 };
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct conn *conn;

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		fail(world, "no socket for %s", address);
	memcpy(addr.sun_path, path, strlen(path));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return NULL;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		abort();
	(void)snprintf(conn->name, sizeof(conn->name), "%s", name);
	conn->next_stream = 1;
	list_init(&conn->frames);
	list_add_before(&world->conns, &conn->node);
	source_add(world, &conn->source, fd_take(&fd), POLLIN, conn_ready);
	return conn;
}

/* The struct stays: calls may still point at it. */
void conn_close(struct world *world, struct conn *conn)
{
	conn_lost(world, conn);
	ttrpc_reader_done(&conn->reader);
	list_remove(&conn->node);
}

struct conn *conn_find(struct world *world, const char *name)
{
	struct list *node;

	list_for_each (node, &world->conns) {
		struct conn *conn = owner_of(node, struct conn, node);

		if (strcmp(conn->name, name) == 0)
			return conn;
	}
	return NULL;
}

struct conn *conn_pick(struct world *world, const struct words *words)
{
	const char *on = words_get(words, "on");
	const char *id = words_get(words, "id");
	struct conn *conn = on ? conn_find(world, on) : id ? conn_find(world, id) : NULL;

	if (!conn && !on && !list_empty(&world->conns))
		conn = owner_of(world->conns.next, struct conn, node);
	if (!conn)
		fail(world, "no connection");
	return conn;
}

void conn_send(struct world *world, struct conn *conn, const uint8_t *bytes, size_t len)
{
	while (len > 0 && !conn->closed) {
		ssize_t n = send(conn->source.fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			world_step(world, 0); /* take what arrived before the end */
			if (!conn->closed)
				conn_lost(world, conn);
			return;
		}
		bytes += n;
		len -= (size_t)n;
	}
}

void conn_send_frame(struct world *world, struct conn *conn, const struct ttrpc_header *header,
		     const uint8_t *data)
{
	struct buf buf = { 0 };
	uint8_t head[TTRPC_HEADER_BYTES];

	ttrpc_header_write(header, head);
	if (buf_add(&buf, head, sizeof(head), BYTES_MAX) < 0 ||
	    buf_add(&buf, data, header->data_bytes, BYTES_MAX) < 0)
		abort();
	conn_send(world, conn, buf.data, buf.len);
	buf_done(&buf);
}
