/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection reads into the stack, hands whole frames to the service, and queues what the socket
 * does not take. It holds memory only for a frame that came in pieces and for unsent answers.
 */
#include "shim/server.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/message.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/status.h"

enum {
	SERVER_READ_BYTES = 8192,
	SERVER_READS_PER_TURN = 16,   /* then the others have their turn */
	SERVER_UNSENT_MAX = 16 << 20, /* four times the largest answer */
	SERVER_PAUSE_BYTES = 1 << 20,
	SERVER_RESUME_MS = 100,
	SERVER_ACCEPTS_PER_TURN = 64,
	SERVER_CROWD = 64, /* connections at once that are worth a look at memory afterwards */
};

struct connection {
	struct server *server;
	struct loop_source source;
	struct list link;
	int fd; /* owned */
	uint32_t last_stream;
	struct ttrpc_reader reader;
	struct buf unsent;
	size_t sent; /* of unsent: gone already */
	struct list calls;
	bool closed; /* torn down; freed when nobody is inside it */
	bool inside; /* its bytes are being worked on */
};

/* A crowd has left: its memory goes back to the kernel. */
static void give_back(struct server *server)
{
	if (server->peak < SERVER_CROWD || server->count > server->peak / 4)
		return;
	server->peak = server->count;
	(void)malloc_trim(0);
}

static void connection_close(struct connection *connection)
{
	struct server *server = connection->server;

	if (!connection->closed) {
		connection->closed = true;
		loop_remove(server->loop, &connection->source);
		connection->fd = fd_close(connection->fd);
		list_remove(&connection->link);
		server->count--;
		give_back(server);
		while (!list_empty(&connection->calls)) {
			struct call *call = owner_of(connection->calls.next, struct call, link);

			list_remove(&call->link);
			call->connection = NULL;
			if (call->on_gone)
				call->on_gone(call);
		}
	}
	if (connection->inside)
		return;
	ttrpc_reader_done(&connection->reader);
	buf_done(&connection->unsent);
	free(connection);
}

/* Bytes that wait for the client to read. */
static size_t backlog(const struct connection *connection)
{
	return connection->unsent.len - connection->sent;
}

/* Who does not read answers is not asked for more requests. */
static bool is_paused(const struct connection *connection)
{
	return backlog(connection) > SERVER_PAUSE_BYTES;
}

/* Send what is queued. Returns false when the connection is gone. */
static bool flush(struct connection *connection)
{
	struct buf *unsent = &connection->unsent;

	while (backlog(connection) > 0) {
		ssize_t n = send(connection->fd, unsent->data + connection->sent,
				 backlog(connection), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			break;
		connection->sent += (size_t)n;
	}
	if (backlog(connection) == 0) {
		buf_done(unsent);
		connection->sent = 0;
	} else if (connection->sent > unsent->len / 2) {
		buf_drop(unsent, connection->sent);
		connection->sent = 0;
	}
	loop_change(connection->server->loop, &connection->source,
		    (is_paused(connection) ? 0 : EPOLLIN) | (backlog(connection) ? EPOLLOUT : 0));
	return true;
}

/* Queue one response frame. On failure nothing is queued. */
static int queue_response(struct connection *connection, uint32_t stream,
			  const Pb__Response *response)
{
	struct buf *unsent = &connection->unsent;
	size_t bytes = protobuf_c_message_get_packed_size(&response->base);
	struct ttrpc_header header = {
		.data_bytes = (uint32_t)bytes,
		.stream = stream,
		.type = TTRPC_RESPONSE,
	};
	uint8_t *at;

	if (bytes > TTRPC_DATA_MAX_BYTES)
		return -EMSGSIZE;
	at = buf_reserve(unsent, TTRPC_HEADER_BYTES + bytes, SERVER_UNSENT_MAX);
	if (!at)
		return -ENOMEM;
	ttrpc_header_write(&header, at);
	(void)protobuf_c_message_pack(&response->base, at + TTRPC_HEADER_BYTES);
	unsent->len += TTRPC_HEADER_BYTES + bytes;
	return 0;
}

static int queue_failure(struct connection *connection, uint32_t stream, int code, char *text)
{
	Pb__Status status = PB__STATUS__INIT;
	Pb__Response response = PB__RESPONSE__INIT;

	status.code = (int32_t)status_of(code);
	status.message = text;
	response.status = &status;
	return queue_response(connection, stream, &response);
}

/* Send what was queued unless the connection's own turn does it anyway. */
static void sent(struct connection *connection, int code)
{
	if (code < 0) { /* not even an error fits: this client cannot be served any more */
		log_error(NULL,
			  "closing a connection: no memory for an answer, or %zu bytes unread",
			  backlog(connection));
		connection_close(connection);
		return;
	}
	if (!flush(connection))
		connection_close(connection);
}

static struct connection *call_end(struct call *call)
{
	struct connection *connection = call->connection;

	list_remove(&call->link);
	list_remove(&call->wait);
	free(call);
	return connection;
}

void call_reply_bytes(struct call *call, const uint8_t *payload, size_t payload_bytes)
{
	Pb__Response response = PB__RESPONSE__INIT;
	uint32_t stream = call->stream;
	struct connection *connection = call_end(call);
	char too_big[] = "the answer is larger than a ttrpc message may be";
	char no_memory[] = "no memory for the answer";
	int code;

	if (!connection)
		return;
	response.payload.data = (uint8_t *)(uintptr_t)payload;
	response.payload.len = payload_bytes;
	code = queue_response(connection, stream, &response);
	if (code < 0)
		code = queue_failure(connection, stream, STATUS_E_EXHAUSTED,
				     code == -EMSGSIZE ? too_big : no_memory);
	sent(connection, code);
}

void call_reply(struct call *call, const ProtobufCMessage *message)
{
	uint8_t small[256];
	own_mem uint8_t *large = NULL;
	uint8_t *payload = small;
	size_t bytes = message ? protobuf_c_message_get_packed_size(message) : 0;

	if (bytes > sizeof(small)) {
		payload = large = malloc(bytes);
		if (!large) {
			struct err err;

			(void)err_set(&err, STATUS_E_EXHAUSTED, "no memory for the answer");
			call_fail(call, &err);
			return;
		}
	}
	if (message)
		(void)protobuf_c_message_pack(message, payload);
	call_reply_bytes(call, payload, bytes);
}

void call_fail(struct call *call, const struct err *err)
{
	char text[ERR_MSG_MAX + 32];
	uint32_t stream = call->stream;
	struct connection *connection = call_end(call);

	if (!connection)
		return;
	(void)snprintf(text, sizeof(text), "%s%s", err->msg, status_suffix(err->code));
	sent(connection, queue_failure(connection, stream, err->code, text));
}

void call_drop(struct call *call)
{
	(void)call_end(call);
}

static void refuse(struct connection *connection, uint32_t stream, int code, const char *why)
{
	char text[128];

	(void)strncpy(text, why, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sent(connection, queue_failure(connection, stream, code, text));
}

static void on_request(struct connection *connection, const struct ttrpc_frame *frame)
{
	struct server *server = connection->server;
	uint32_t stream = frame->header.stream;
	struct err err = { 0 };
	struct call *call;
	Pb__Request *request;

	connection->last_stream = stream;
	request = message_unpack(&pb__request__descriptor, frame->data, frame->header.data_bytes,
				 &err);
	if (!request) {
		refuse(connection, stream, STATUS_E_INVALID, err.msg);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		message_free(&request->base);
		refuse(connection, stream, STATUS_E_EXHAUSTED, "no memory for the request");
		return;
	}
	call->connection = connection;
	call->stream = stream;
	call->timeout_ms = request->timeout_nano > 0 ? request->timeout_nano / 1000000 + 1 : 0;
	list_init(&call->wait);
	list_add_before(&connection->calls, &call->link);
	server->fn(server->owner, call, request->service, request->method, request->payload.data,
		   request->payload.len);
	message_free(&request->base);
}

/* Source of the refusals: ttrpc server.go. */
static void on_frame(struct connection *connection, enum ttrpc_verdict verdict,
		     const struct ttrpc_frame *frame)
{
	uint32_t stream = frame->header.stream;

	if (verdict == TTRPC_TOO_BIG)
		refuse(connection, stream, STATUS_E_EXHAUSTED,
		       "the message is larger than the limit of 4194304 bytes");
	else if (verdict == TTRPC_NOMEM)
		refuse(connection, stream, STATUS_E_EXHAUSTED, "no memory for the message");
	else if (frame->header.type == TTRPC_DATA)
		refuse(connection, stream, STATUS_E_INVALID,
		       "StreamID cannot be used: this service has no streams");
	else if (frame->header.type != TTRPC_REQUEST)
		return;
	else if (stream % 2 == 0)
		refuse(connection, stream, STATUS_E_INVALID,
		       "StreamID must be odd for client initiated streams");
	else if (stream <= connection->last_stream)
		refuse(connection, stream, STATUS_E_INVALID,
		       "StreamID cannot be re-used and must increment");
	else
		on_request(connection, frame);
}

static void on_bytes(struct connection *connection, const uint8_t *bytes, size_t len)
{
	while (!connection->closed) {
		struct ttrpc_frame frame;
		size_t used;
		enum ttrpc_verdict verdict =
			ttrpc_read(&connection->reader, bytes, len, &used, &frame);

		if (verdict != TTRPC_MORE)
			on_frame(connection, verdict, &frame);
		bytes += used;
		len -= used;
		if (verdict == TTRPC_MORE && len == 0)
			return;
	}
}

static void on_connection(struct loop_source *source, uint32_t events)
{
	struct connection *connection = owner_of(source, struct connection, source);
	bool gone = false;

	connection->inside = true;
	if ((events & EPOLLOUT) && !flush(connection))
		gone = true;
	for (int i = 0; i < SERVER_READS_PER_TURN && !gone && !connection->closed; i++) {
		if (is_paused(connection))
			break;
		uint8_t bytes[SERVER_READ_BYTES];
		ssize_t n = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			gone = true;
		else
			on_bytes(connection, bytes, (size_t)n);
		if (n < (ssize_t)sizeof(bytes))
			break;
	}
	connection->inside = false;
	if (gone || connection->closed)
		connection_close(connection);
}

/* Only our own user may talk to the shim (containerd CVE-2020-15257). */
static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid() &&
	       peer.gid == getegid();
}

static void welcome_take(struct server *server, int fd)
{
	struct connection *connection = is_allowed(fd) ? calloc(1, sizeof(*connection)) : NULL;

	if (!connection) {
		(void)close(fd);
		return;
	}
	connection->server = server;
	connection->fd = fd;
	list_init(&connection->calls);
	list_init(&connection->link);
	loop_source_init(&connection->source, on_connection);
	if (loop_add(server->loop, &connection->source, fd, EPOLLIN) < 0) {
		(void)close(fd);
		free(connection);
		return;
	}
	list_add_before(&server->connections, &connection->link);
	server->count++;
	server->full = false;
	if (server->count > server->peak)
		server->peak = server->count;
}

/*
 * No descriptor is left: turn one client away with the spare one, so that it learns at once, and
 * stop listening for a moment, so that the loop does not spin.
 */
static void turn_away(struct server *server)
{
	server->spare_fd = fd_close(server->spare_fd);
	(void)fd_close(accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!server->full)
		log_error(NULL, "no file descriptor is left for a new connection");
	server->full = true;
	loop_change(server->loop, &server->source, 0);
	loop_timer_start(server->loop, &server->resume, SERVER_RESUME_MS);
}

unsigned int server_accept(struct server *server)
{
	unsigned int count = 0;

	while (count < SERVER_ACCEPTS_PER_TURN) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			turn_away(server);
		if (fd < 0)
			break;
		welcome_take(server, fd);
		count++;
	}
	return count;
}

static void on_listen(struct loop_source *source, uint32_t events)
{
	(void)events;
	(void)server_accept(owner_of(source, struct server, source));
}

static void on_resume(struct loop_timer *timer)
{
	struct server *server = owner_of(timer, struct server, resume);

	loop_change(server->loop, &server->source, EPOLLIN);
}

int server_init_take(struct server *server, struct loop *loop, int *listen_fd, server_fn *fn,
		     void *owner, struct err *err)
{
	int code;

	*server = (struct server){ .loop = loop, .listen_fd = -1, .fn = fn, .owner = owner };
	list_init(&server->connections);
	loop_timer_init(&server->resume, on_resume);
	loop_source_init(&server->source, on_listen);
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	code = loop_add(loop, &server->source, *listen_fd, EPOLLIN);
	if (code < 0)
		return err_set(err, code, "watch the listening socket: %s", err_reason(-code));
	server->listen_fd = fd_take(listen_fd);
	return 0;
}

void server_done(struct server *server)
{
	loop_timer_stop(&server->resume);
	loop_remove(server->loop, &server->source);
	server->listen_fd = fd_close(server->listen_fd);
	server->spare_fd = fd_close(server->spare_fd);
	while (!list_empty(&server->connections))
		connection_close(owner_of(server->connections.next, struct connection, link));
}
