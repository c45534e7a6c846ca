/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: queue, connect, send the head of the queue, read the answer, free the head, send
 * the next. Any failure closes the connection and tries the same head again later, so the order
 * holds.
 */
#include "shim/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/message.h"
#include "shim/proto/events.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"

enum {
	PUBLISHER_ANSWER_MS = 5000, /* containerd publisher.go: each Forward has 5 s */
	PUBLISHER_IDLE_MS = 5000,
	PUBLISHER_RETRY_FIRST_MS = 10,
	PUBLISHER_RETRY_MAX_MS = 2000,
};

struct event {
	struct list link;
	bool keep;
	size_t bytes; /* the whole frame; its stream id is filled in when it is sent */
	uint8_t frame[];
};

static void step(struct publisher *publisher);

static void event_free(struct publisher *publisher, struct event *event)
{
	list_remove(&event->link);
	publisher->queued--;
	publisher->queued_bytes -= event->bytes;
	free(event);
}

static struct event *head(struct publisher *publisher)
{
	return list_empty(&publisher->queue) ? NULL
					     : owner_of(publisher->queue.next, struct event, link);
}

static void disconnect(struct publisher *publisher)
{
	loop_remove(publisher->loop, &publisher->source);
	publisher->fd = fd_close(publisher->fd);
	ttrpc_reader_done(&publisher->reader);
	publisher->stream = 0;
	publisher->last_stream = 0;
}

static void try_later(struct publisher *publisher)
{
	int64_t delay_ms = PUBLISHER_RETRY_FIRST_MS;

	disconnect(publisher);
	for (unsigned int i = 0; i < publisher->retries && delay_ms < PUBLISHER_RETRY_MAX_MS; i++)
		delay_ms *= 2;
	publisher->retries++;
	loop_timer_start(publisher->loop, &publisher->timer, delay_ms);
}

static int connect_socket(struct publisher *publisher)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(publisher->address);
	own_fd int fd = -1;

	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, publisher->address, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (loop_add(publisher->loop, &publisher->source, fd, EPOLLIN) < 0)
		return -ENOMEM;
	publisher->fd = fd_take(&fd);
	return 0;
}

/* Send what the socket takes of the head. */
static void send_more(struct publisher *publisher)
{
	struct event *event = head(publisher);
	ssize_t n;

	while (event && publisher->sent_bytes < event->bytes) {
		n = send(publisher->fd, event->frame + publisher->sent_bytes,
			 event->bytes - publisher->sent_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_change(publisher->loop, &publisher->source, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			try_later(publisher);
			return;
		}
		publisher->sent_bytes += (size_t)n;
	}
	loop_change(publisher->loop, &publisher->source, EPOLLIN);
}

/* Go on with the head, connecting first when needed. */
static void step(struct publisher *publisher)
{
	struct event *event = head(publisher);
	struct ttrpc_header header;

	if (!event || publisher->stream)
		return;
	if (publisher->fd < 0 && connect_socket(publisher) < 0) {
		try_later(publisher);
		return;
	}
	publisher->stream = publisher->last_stream ? publisher->last_stream + 2 : 1;
	publisher->last_stream = publisher->stream;
	publisher->sent_bytes = 0;
	header = ttrpc_header_read(event->frame);
	header.stream = publisher->stream;
	ttrpc_header_write(&header, event->frame);
	loop_timer_start(publisher->loop, &publisher->timer, PUBLISHER_ANSWER_MS);
	send_more(publisher);
}

/* containerd answered: the event is delivered, or refused for good. */
static void on_answer(struct publisher *publisher, const struct ttrpc_frame *frame)
{
	struct event *event = head(publisher);
	struct err err;
	Pb__Response *response;

	if (!event || frame->header.type != TTRPC_RESPONSE ||
	    frame->header.stream != publisher->stream)
		return;
	response = message_unpack(&pb__response__descriptor, frame->data, frame->header.data_bytes,
				  &err);
	if (!response)
		log_error(NULL, "containerd's answer to an event is unreadable: %s", err.msg);
	else if (response->status && response->status->code != 0)
		log_error(NULL, "containerd refused an event: %s", response->status->message);
	message_free(response);
	event_free(publisher, event);
	publisher->stream = 0;
	publisher->retries = 0;
	if (!list_empty(&publisher->queue)) {
		step(publisher);
		return;
	}
	loop_timer_start(publisher->loop, &publisher->timer, PUBLISHER_IDLE_MS);
	if (publisher->on_empty)
		publisher->on_empty(publisher->owner);
}

/* The connection ended: try again when an event waits, else forget it. */
static void on_end(struct publisher *publisher)
{
	if (!list_empty(&publisher->queue)) {
		try_later(publisher);
		return;
	}
	loop_timer_stop(&publisher->timer);
	disconnect(publisher);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct publisher *publisher = owner_of(source, struct publisher, source);
	uint8_t bytes[512];
	size_t used = 0;
	ssize_t n;

	if ((events & EPOLLOUT) && publisher->stream) {
		send_more(publisher);
		if (publisher->fd < 0)
			return;
	}
	n = recv(publisher->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_end(publisher);
		return;
	}
	while (used < (size_t)n && publisher->fd >= 0) {
		struct ttrpc_frame frame;
		size_t taken;
		enum ttrpc_verdict verdict = ttrpc_read(&publisher->reader, bytes + used,
							(size_t)n - used, &taken, &frame);

		used += taken;
		if (verdict == TTRPC_FRAME)
			on_answer(publisher, &frame);
	}
}

static void on_timer(struct loop_timer *timer)
{
	struct publisher *publisher = owner_of(timer, struct publisher, timer);

	if (list_empty(&publisher->queue)) {
		disconnect(publisher); /* idle */
		return;
	}
	if (publisher->stream) { /* no answer in time */
		try_later(publisher);
		return;
	}
	step(publisher);
}

void publisher_init(struct publisher *publisher, struct loop *loop, const char *address,
		    const char *namespace)
{
	static const char scheme[] = "unix://";

	if (address && strncmp(address, scheme, sizeof(scheme) - 1) == 0)
		address += sizeof(scheme) - 1;
	*publisher = (struct publisher){
		.loop = loop,
		.address = address && *address ? address : NULL,
		.namespace = namespace,
		.fd = -1,
	};
	list_init(&publisher->queue);
	loop_source_init(&publisher->source, on_ready);
	loop_timer_init(&publisher->timer, on_timer);
}

/* The oldest event that may go: one that is no exit, if there is one; never the one under way. */
static void drop_one(struct publisher *publisher)
{
	struct list *first =
		publisher->stream ? publisher->queue.next->next : publisher->queue.next;
	struct list *victim = first;
	struct list *at;

	for (at = first; at != &publisher->queue; at = at->next)
		if (!owner_of(at, struct event, link)->keep) {
			victim = at;
			break;
		}
	if (victim == &publisher->queue)
		return;
	log_error(NULL, "containerd takes no events and %u wait: dropping the oldest",
		  publisher->queued);
	event_free(publisher, owner_of(victim, struct event, link));
}

static void queue(struct publisher *publisher, Pb__Request *request, bool keep)
{
	size_t bytes = protobuf_c_message_get_packed_size(&request->base);
	struct ttrpc_header header = { .data_bytes = (uint32_t)bytes, .type = TTRPC_REQUEST };
	struct event *event = malloc(sizeof(*event) + TTRPC_HEADER_BYTES + bytes);

	if (!event) {
		log_error(NULL, "no memory for an event");
		return;
	}
	event->keep = keep;
	event->bytes = TTRPC_HEADER_BYTES + bytes;
	ttrpc_header_write(&header, event->frame);
	(void)protobuf_c_message_pack(&request->base, event->frame + TTRPC_HEADER_BYTES);
	list_add_before(&publisher->queue, &event->link);
	publisher->queued++;
	publisher->queued_bytes += event->bytes;
	while (publisher->queued > 1 && (publisher->queued > PUBLISHER_QUEUE_MAX ||
					 publisher->queued_bytes > PUBLISHER_QUEUE_MAX_BYTES))
		drop_one(publisher);
}

/* Encode into owned memory. Returns false without memory. */
static bool encode(const ProtobufCMessage *message, ProtobufCBinaryData *data)
{
	data->len = protobuf_c_message_get_packed_size(message);
	data->data = malloc(data->len ? data->len : 1);
	if (!data->data)
		return false;
	(void)protobuf_c_message_pack(message, data->data);
	return true;
}

void publisher_send(struct publisher *publisher, const char *topic, const char *type_url,
		    const ProtobufCMessage *event, bool keep)
{
	static char service[] = "containerd.services.events.ttrpc.v1.Events";
	static char method[] = "Forward";
	static char key[] = "containerd-namespace-ttrpc";
	struct timespec now;
	Pb__Timestamp timestamp = PB__TIMESTAMP__INIT;
	Pb__Any any = PB__ANY__INIT;
	Pb__Envelope envelope = PB__ENVELOPE__INIT;
	Pb__ForwardRequest forward = PB__FORWARD_REQUEST__INIT;
	Pb__KeyValue pair = PB__KEY_VALUE__INIT;
	Pb__KeyValue *metadata[] = { &pair };
	Pb__Request request = PB__REQUEST__INIT;

	if (!publisher->address)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	timestamp.seconds = now.tv_sec;
	timestamp.nanos = (int32_t)now.tv_nsec;
	any.type_url = (char *)(uintptr_t)type_url;
	envelope.timestamp = &timestamp;
	envelope.namespace_ = (char *)(uintptr_t)publisher->namespace;
	envelope.topic = (char *)(uintptr_t)topic;
	envelope.event = &any;
	forward.envelope = &envelope;
	pair.key = key;
	pair.value = envelope.namespace_;
	request.service = service;
	request.method = method;
	request.timeout_nano = (int64_t)PUBLISHER_ANSWER_MS * 1000000;
	request.metadata = metadata;
	request.n_metadata = 1;
	if (encode(event, &any.value) && encode(&forward.base, &request.payload))
		queue(publisher, &request, keep);
	else
		log_error(NULL, "no memory for event %s", topic);
	free(any.value.data);
	free(request.payload.data);
	if (!publisher->stream && (publisher->fd >= 0 || list_empty(&publisher->timer.link)))
		step(publisher);
}

bool publisher_is_empty(const struct publisher *publisher)
{
	return list_empty(&publisher->queue);
}

void publisher_done(struct publisher *publisher)
{
	while (!list_empty(&publisher->queue))
		event_free(publisher, owner_of(publisher->queue.next, struct event, link));
	loop_timer_stop(&publisher->timer);
	disconnect(publisher);
}
