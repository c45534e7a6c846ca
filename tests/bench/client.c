/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/bench/bench.h"

enum { FRAME_MAX_BYTES = 1 << 20 };

#define SERVICE "containerd.task.v2.Task"

static void pack(struct buf *out, const ProtobufCMessage *message)
{
	uint8_t *at =
		buf_reserve(out, protobuf_c_message_get_packed_size(message) + 1, FRAME_MAX_BYTES);

	if (!at)
		fail("a request is too big");
	out->len += protobuf_c_message_pack(message, at);
}

uint32_t client_send(struct client *client, const char *method, const ProtobufCMessage *request)
{
	struct ttrpc_header header = { .stream = client->next_stream, .type = TTRPC_REQUEST };
	struct buf payload = { 0 };
	struct buf frame = { 0 };
	Pb__Request envelope = PB__REQUEST__INIT;
	struct pending *pending = client->pending;

	while (pending < client->pending + PENDING_MAX && pending->stream)
		pending++;
	if (pending == client->pending + PENDING_MAX)
		fail("too many calls under way");
	pack(&payload, request);
	envelope.service = (char *)(uintptr_t)SERVICE;
	envelope.method = (char *)(uintptr_t)method;
	envelope.payload.data = payload.data;
	envelope.payload.len = payload.len;
	if (!buf_reserve(&frame, TTRPC_HEADER_BYTES, FRAME_MAX_BYTES))
		fail("out of memory");
	frame.len = TTRPC_HEADER_BYTES;
	pack(&frame, &envelope.base);
	header.data_bytes = (uint32_t)(frame.len - TTRPC_HEADER_BYTES);
	ttrpc_header_write(&header, frame.data);
	if (send(client->fd, frame.data, frame.len, MSG_NOSIGNAL) != (ssize_t)frame.len)
		fail("%s: send: %s", method, strerror(errno));
	buf_done(&payload);
	buf_done(&frame);
	*pending = (struct pending){ .stream = header.stream };
	client->next_stream += 2;
	return header.stream;
}

static void take_connect(struct client *client, const Pb__Response *response)
{
	Pb__ConnectResponse *connect = (Pb__ConnectResponse *)protobuf_c_message_unpack(
		&pb__connect_response__descriptor, NULL, response->payload.len,
		response->payload.data);

	if (!connect)
		fail("Connect: an answer that cannot be read");
	client->shim_pid = connect->shim_pid;
	protobuf_c_message_free_unpacked(&connect->base, NULL);
}

static void take_frame(struct client *client, const struct ttrpc_frame *frame)
{
	Pb__Response *response = (Pb__Response *)protobuf_c_message_unpack(
		&pb__response__descriptor, NULL, frame->header.data_bytes, frame->data);

	if (!response || frame->header.type != TTRPC_RESPONSE)
		fail("a frame that is no answer");
	if (response->status && response->status->code)
		fail("the shim answered %d: %s", response->status->code, response->status->message);
	if (frame->header.stream == 1) /* client_open asks that first */
		take_connect(client, response);
	protobuf_c_message_free_unpacked(&response->base, NULL);
	for (int i = 0; i < PENDING_MAX; i++) {
		if (client->pending[i].stream != frame->header.stream)
			continue;
		client->pending[i].answered = true;
		client->pending[i].at_ms = now_ms();
	}
}

/* Returns false at the end of the connection. */
static bool receive(struct client *client)
{
	uint8_t bytes[16384];
	const uint8_t *in = bytes;
	ssize_t n = recv(client->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && errno != EINTR && errno != ECONNRESET)
		fail("receive: %s", strerror(errno));
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return false;
	while (n > 0) {
		struct ttrpc_frame frame;
		size_t used;

		if (ttrpc_read(&client->reader, in, (size_t)n, &used, &frame) == TTRPC_FRAME)
			take_frame(client, &frame);
		in += used;
		n -= (ssize_t)used;
	}
	return true;
}

double client_wait(struct client *client, uint32_t stream)
{
	for (int i = 0; i < PENDING_MAX; i++) {
		if (client->pending[i].stream != stream)
			continue;
		while (!client->pending[i].answered) {
			if (!receive(client))
				fail("the shim closed the connection");
		}
		client->pending[i].stream = 0;
		return client->pending[i].at_ms;
	}
	fail("stream %u: nobody asked", stream);
}

void client_call(struct client *client, const char *method, const ProtobufCMessage *request)
{
	(void)client_wait(client, client_send(client, method, request));
}

void client_ask(struct client *client, const char *method, const char *id, const char *exec_id)
{
	Pb__ProcessRequest request = PB__PROCESS_REQUEST__INIT;

	request.id = (char *)(uintptr_t)id;
	request.exec_id = (char *)(uintptr_t)exec_id;
	client_call(client, method, &request.base);
}

void client_open(struct client *client, const char *address, const char *id)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = strncmp(address, "unix://", 7) == 0 ? address + 7 : address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		fail("no socket for '%s'", address);
	memcpy(addr.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		fail("connect to '%s': %s", address, strerror(errno));
	*client = (struct client){ .fd = fd, .next_stream = 1 };
	client_ask(client, "Connect", id, "");
}

void client_close(struct client *client)
{
	client->fd = fd_close(client->fd);
	ttrpc_reader_done(&client->reader);
}

void client_shutdown(struct client *client, const char *id)
{
	Pb__ShutdownRequest request = PB__SHUTDOWN_REQUEST__INIT;

	request.id = (char *)(uintptr_t)id;
	(void)client_send(client, "Shutdown", &request.base);
	while (receive(client))
		;
}
