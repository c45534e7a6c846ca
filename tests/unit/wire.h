/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of a ttrpc connection: requests and responses as bytes. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc.h"
#include "tests/unit/turn.h"

enum { WIRE_LIMIT = 128 << 20 };

static inline int wire_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		abort();
	return fd;
}

static inline struct sockaddr_un wire_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	return address;
}

static inline int wire_connect(const char *path)
{
	struct sockaddr_un address = wire_address(path);
	int fd = wire_socket();

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	return fd;
}

static inline int wire_listen(const char *path)
{
	struct sockaddr_un address = wire_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 64) < 0)
		abort();
	return fd;
}

/* Append a frame. */
static inline void wire_frame(struct buf *out, uint32_t stream, uint8_t type, const void *bytes,
			      size_t len)
{
	struct ttrpc_header header = {
		.data_bytes = (uint32_t)len,
		.stream = stream,
		.type = type,
	};
	uint8_t *at = buf_reserve(out, TTRPC_HEADER_BYTES + len, WIRE_LIMIT);

	ttrpc_header_write(&header, at);
	if (len > 0)
		memcpy(at + TTRPC_HEADER_BYTES, bytes, len);
	out->len += TTRPC_HEADER_BYTES + len;
}

static inline void wire_message(struct buf *out, uint32_t stream, uint8_t type,
				const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = malloc(len + 1);

	(void)protobuf_c_message_pack(message, bytes);
	wire_frame(out, stream, type, bytes, len);
	free(bytes);
}

/* Append a request whose payload is this message (NULL: empty). */
static inline void wire_request(struct buf *out, uint32_t stream, const char *service,
				const char *method, const ProtobufCMessage *payload)
{
	Pb__Request request = PB__REQUEST__INIT;

	request.service = (char *)(uintptr_t)service;
	request.method = (char *)(uintptr_t)method;
	if (payload) {
		request.payload.len = protobuf_c_message_get_packed_size(payload);
		request.payload.data = malloc(request.payload.len + 1);
		(void)protobuf_c_message_pack(payload, request.payload.data);
	}
	wire_message(out, stream, TTRPC_REQUEST, &request.base);
	free(request.payload.data);
}

/* Decode a message of the other side's; wire_free() it. NULL: it is none. */
static inline void *wire_unpack(const ProtobufCMessageDescriptor *descriptor, size_t len,
				const uint8_t *bytes)
{
	return protobuf_c_message_unpack(descriptor, NULL, len, bytes);
}

/* One peer of the loop under test: reads whatever comes, frame by frame. */
struct wire {
	struct loop *loop;
	int fd;		 /* owned */
	bool ended;	 /* the other side closed it */
	struct buf in;	 /* what came and was not taken yet */
	uint32_t stream; /* of the frame taken last */
	uint8_t type;
};

static bool wire_has_frame(void *owner)
{
	struct wire *wire = owner;

	for (;;) {
		uint8_t *at = buf_reserve(&wire->in, 65536, WIRE_LIMIT);
		ssize_t n = recv(wire->fd, at, 65536, MSG_DONTWAIT);

		if (n > 0)
			wire->in.len += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			wire->ended = true;
		if (n <= 0)
			break;
	}
	if (wire->ended)
		return true;
	return wire->in.len >= TTRPC_HEADER_BYTES &&
	       wire->in.len >= TTRPC_HEADER_BYTES + ttrpc_header_read(wire->in.data).data_bytes;
}

/* Take the next frame's message. NULL: the connection ended, or nothing came in time. */
static inline void *wire_take(struct wire *wire, const ProtobufCMessageDescriptor *descriptor)
{
	struct ttrpc_header header;
	void *message;

	if (!turn_until(wire->loop, wire_has_frame, wire) || wire->in.len < TTRPC_HEADER_BYTES)
		return NULL;
	header = ttrpc_header_read(wire->in.data);
	if (wire->in.len < TTRPC_HEADER_BYTES + header.data_bytes)
		return NULL;
	wire->stream = header.stream;
	wire->type = header.type;
	message = wire_unpack(descriptor, header.data_bytes, wire->in.data + TTRPC_HEADER_BYTES);
	buf_drop(&wire->in, TTRPC_HEADER_BYTES + header.data_bytes);
	return message;
}

static inline void wire_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

/* Send everything, turning the loop while the socket is full. */
static inline void wire_send(struct wire *wire, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = send(wire->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n < 0) {
			turn_for(wire->loop, 1);
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}

static inline void wire_done(struct wire *wire)
{
	if (wire->fd >= 0)
		(void)close(wire->fd);
	wire->fd = -1;
	buf_done(&wire->in);
}
