/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket and its connections: requests in, answers out. Knows frames, not services.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"
#include "config/base/list.h"
#include "shim/loop.h"
#include "shim/ttrpc.h"

struct connection;
struct err;
struct server;
typedef struct ProtobufCMessage ProtobufCMessage;

/*
 * A request that waits for its answer. Exactly one call_reply, call_fail or call_drop ends it.
 * When the client goes away first, `connection` becomes NULL and on_gone runs (if set); the call
 * must still be ended.
 */
struct call {
	struct connection *connection; /* NULL: nobody listens any more */
	uint32_t stream;
	int64_t timeout_ms; /* what the client allows, measured from arrival; 0: no limit */
	void (*on_gone)(struct call *call);
	void *owner;	  /* for on_gone */
	struct list link; /* the connection's */
	struct list wait; /* the handler's; unlinked at birth */
};

/*
 * Handle one request: service, method and payload are borrowed. The handler owns the call and ends
 * it now or later.
 */
typedef void server_fn(void *owner, struct call *call, const char *service, const char *method,
		       const uint8_t *payload, size_t payload_bytes);

struct server {
	struct loop *loop;
	struct loop_source source;
	int listen_fd; /* owned */
	int spare_fd;  /* owned; given up to say goodbye to a client when no descriptor is left */
	struct loop_timer resume; /* accepting again after descriptors ran out */
	struct list connections;
	unsigned int count;
	unsigned int peak; /* of count, since memory was last given back */
	bool full;	   /* no descriptor was left; said once until one is again */
	server_fn *fn;
	void *owner;
};

/* Serve on a listening socket (consumed). Returns 0 or negative, err filled. */
int server_init_take(struct server *server, struct loop *loop, int *listen_fd, server_fn *fn,
		     void *owner, struct err *err);

/* Take what waits in the backlog. Returns how many connections came in. */
unsigned int server_accept(struct server *server);

/* Close everything; calls under way lose their connection. */
void server_done(struct server *server);

/* Answer with a message (borrowed; NULL: the empty message) and end the call. */
void call_reply(struct call *call, const ProtobufCMessage *message);

/* As call_reply with bytes that are encoded already. */
void call_reply_bytes(struct call *call, const uint8_t *payload, size_t payload_bytes);

/* Answer with err (its code through status_of) and end the call. */
void call_fail(struct call *call, const struct err *err);

/* End the call without an answer. */
void call_drop(struct call *call);
