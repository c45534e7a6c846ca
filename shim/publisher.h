/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to containerd, in order, one at a time: the next one goes when the last was acknowledged.
 * While containerd is away they wait here; the queue is bounded and gives up its oldest events that
 * tell of no exit first.
 */
#pragma once

#include <stdbool.h>

#include "config/base/list.h"
#include "shim/loop.h"
#include "shim/ttrpc.h"

typedef struct ProtobufCMessage ProtobufCMessage;

enum {
	PUBLISHER_QUEUE_MAX = 4096, /* events; four per exec, as fast as they can be made */
	PUBLISHER_QUEUE_MAX_BYTES = 1 << 20,
};

struct publisher {
	struct loop *loop;
	struct loop_source source;
	struct loop_timer timer; /* answer is late, try again, or close the idle connection */
	const char *address;   /* borrowed; socket path; NULL: nobody listens, events are dropped */
	const char *namespace; /* borrowed */
	int fd;		       /* owned; -1 while not connected */
	struct list queue;     /* struct event, oldest first */
	unsigned int queued;
	size_t queued_bytes;
	unsigned int retries; /* since the last success */
	uint32_t stream;      /* of the call under way; 0: none */
	size_t sent_bytes;    /* of its frame */
	uint32_t last_stream; /* on this connection */
	struct ttrpc_reader reader;
	void (*on_empty)(void *owner); /* the queue ran empty (set while shutting down) */
	void *owner;
};

/* address and namespace are borrowed for the publisher's life. `unix://` in front is allowed. */
void publisher_init(struct publisher *publisher, struct loop *loop, const char *address,
		    const char *namespace);

/*
 * Queue an event. Never fails for the caller: without memory it is logged and dropped.
 *
 * topic      for example "/tasks/exit"; static
 * type_url   for example "containerd.events.TaskExit"; static
 * keep       an exit: dropped last
 */
void publisher_send(struct publisher *publisher, const char *topic, const char *type_url,
		    const ProtobufCMessage *event, bool keep);

bool publisher_is_empty(const struct publisher *publisher);

void publisher_done(struct publisher *publisher);
