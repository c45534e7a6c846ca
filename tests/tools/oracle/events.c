/* SPDX-License-Identifier: Apache-2.0 */
/* The events service of containerd, as far as shims use it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "tests/tools/oracle/world.h"

struct publisher {
	struct list node;
	struct source source;
	struct ttrpc_reader reader;
};

static const struct {
	const char *topic;
	const char *type_url;
	const ProtobufCMessageDescriptor *descriptor;
} topics[] = {
	{ "/tasks/create", "containerd.events.TaskCreate", &pb__task_create__descriptor },
	{ "/tasks/start", "containerd.events.TaskStart", &pb__task_start__descriptor },
	{ "/tasks/exec-added", "containerd.events.TaskExecAdded",
	  &pb__task_exec_added__descriptor },
	{ "/tasks/exec-started", "containerd.events.TaskExecStarted",
	  &pb__task_exec_started__descriptor },
	{ "/tasks/exit", "containerd.events.TaskExit", &pb__task_exit__descriptor },
	{ "/tasks/delete", "containerd.events.TaskDelete", &pb__task_delete__descriptor },
	{ "/tasks/oom", "containerd.events.TaskOOM", &pb__task_notice__descriptor },
	{ "/tasks/paused", "containerd.events.TaskPaused", &pb__task_notice__descriptor },
	{ "/tasks/resumed", "containerd.events.TaskResumed", &pb__task_notice__descriptor },
};

/* "exit c1/e1": by this the script waits. */
static void event_key(struct event *event, const char *topic, const ProtobufCMessage *message)
{
	const char *id = *(char *const *)(const void *)((const char *)message +
							message->descriptor->fields[0].offset);
	const char *exec = "";

	if (message->descriptor == &pb__task_exec_added__descriptor)
		exec = ((const Pb__TaskExecAdded *)message)->exec_id;
	else if (message->descriptor == &pb__task_exec_started__descriptor)
		exec = ((const Pb__TaskExecStarted *)message)->exec_id;
	else if (message->descriptor == &pb__task_exit__descriptor)
		exec = ((const Pb__TaskExit *)message)->id;
	if (strcmp(exec, id) == 0)
		exec = "";
	(void)snprintf(event->key, sizeof(event->key), "%s %s%s%s", topic + strlen("/tasks/"), id,
		       *exec ? "/" : "", exec);
}

static ProtobufCMessage *event_unpack(const Pb__Envelope *envelope, const char **type_url)
{
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]) && envelope->event; i++) {
		if (strcmp(topics[i].topic, envelope->topic) != 0)
			continue;
		*type_url = topics[i].type_url;
		return protobuf_c_message_unpack(topics[i].descriptor, NULL,
						 envelope->event->value.len,
						 envelope->event->value.data);
	}
	return NULL;
}

static void event_keep(struct world *world, Pb__ForwardRequest *forward)
{
	struct event *event = calloc(1, sizeof(*event));
	const char *type_url;
	ProtobufCMessage *message = event_unpack(forward->envelope, &type_url);

	if (!event)
		abort();
	if (message) {
		event_key(event, forward->envelope->topic, message);
		protobuf_c_message_free_unpacked(message, NULL);
	}
	event->forward = forward;
	list_add_before(&world->events, &event->node);
}

/* Only now, so that pids and moments get their names in the order of the transcript. */
static void event_print(struct world *world, const struct event *event)
{
	const Pb__Envelope *envelope = event->forward->envelope;
	const char *type_url = "";
	ProtobufCMessage *message = event_unpack(envelope, &type_url);
	struct buf text = { 0 };

	buf_print(&text, "* %s", envelope->topic);
	if (strcmp(envelope->namespace_, world->ns) != 0)
		buf_print(&text, " namespace=%s", envelope->namespace_);
	if (!envelope->timestamp || envelope->timestamp->seconds < 1600000000)
		buf_print(&text, " without-time");
	if (!message || strcmp(type_url, envelope->event->type_url) != 0)
		buf_print(&text, " type_url=%s", envelope->event ? envelope->event->type_url : "");
	if (message)
		message_print(world, &text, message);
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
	say(world, "%.*s", (int)text.len, (const char *)text.data);
	buf_done(&text);
}

static void publisher_answer(const struct publisher *publisher, uint32_t stream)
{
	struct ttrpc_header header = { .stream = stream, .type = TTRPC_RESPONSE };
	uint8_t bytes[TTRPC_HEADER_BYTES];

	ttrpc_header_write(&header, bytes);
	(void)send(publisher->source.fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

static void publisher_frame(struct world *world, struct publisher *publisher,
			    const struct ttrpc_frame *frame)
{
	Pb__Request *request = (Pb__Request *)protobuf_c_message_unpack(
		&pb__request__descriptor, NULL, frame->header.data_bytes, frame->data);
	Pb__ForwardRequest *forward = NULL;

	if (request &&
	    strcmp(request->service, "containerd.services.events.ttrpc.v1.Events") == 0 &&
	    strcmp(request->method, "Forward") == 0)
		forward = (Pb__ForwardRequest *)protobuf_c_message_unpack(
			&pb__forward_request__descriptor, NULL, request->payload.len,
			request->payload.data);
	if (!forward || !forward->envelope)
		fail(world, "the shim sent something else than Forward to the events service");
	if (world->publisher_mute) {
		protobuf_c_message_free_unpacked(&forward->base, NULL);
	} else {
		event_keep(world, forward);
		publisher_answer(publisher, frame->header.stream);
	}
	protobuf_c_message_free_unpacked(&request->base, NULL);
}

static void publisher_close(struct world *world, struct publisher *publisher)
{
	source_close(world, &publisher->source);
	ttrpc_reader_done(&publisher->reader);
	list_remove(&publisher->node);
	free(publisher);
}

static void publisher_ready(struct world *world, struct source *source, short revents)
{
	struct publisher *publisher = owner_of(source, struct publisher, source);
	uint8_t bytes[16384];
	const uint8_t *in = bytes;
	ssize_t n = recv(source->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		publisher_close(world, publisher);
		return;
	}
	while (n > 0) {
		struct ttrpc_frame frame;
		size_t used;
		enum ttrpc_verdict verdict =
			ttrpc_read(&publisher->reader, in, (size_t)n, &used, &frame);

		in += used;
		n -= (ssize_t)used;
		if (verdict == TTRPC_FRAME)
			publisher_frame(world, publisher, &frame);
	}
}

static void listener_ready(struct world *world, struct source *source, short revents)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)revents;
	if (!publisher || fd < 0)
		fail(world, "accept: errno %d", errno);
	list_add_before(&world->publishers, &publisher->node);
	source_add(world, &publisher->source, fd, POLLIN, publisher_ready);
}

void publisher_start(struct world *world)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%.90s/ctrd.ttrpc", world->work);
	(void)unlink(addr.sun_path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 64) < 0)
		fail(world, "listen at %s: errno %d", addr.sun_path, errno);
	source_add(world, &world->listener, fd_take(&fd), POLLIN, listener_ready);
	world->publisher_mute = false;
}

void publisher_stop(struct world *world)
{
	char path[PATH_MAX + 16];
	struct list *node;
	struct list *after;

	(void)snprintf(path, sizeof(path), "%s/ctrd.ttrpc", world->work);
	(void)unlink(path);
	source_close(world, &world->listener);
	list_for_each_safe (node, after, &world->publishers)
		publisher_close(world, owner_of(node, struct publisher, node));
}

struct wanted {
	char key[2 * NAME_MAX_BYTES]; /* or empty: count */
	long count;
};

static bool events_there(struct world *world, void *arg)
{
	const struct wanted *wanted = arg;
	struct list *node;
	long count = 0;

	list_for_each (node, &world->events) {
		count++;
		if (*wanted->key &&
		    strcmp(owner_of(node, struct event, node)->key, wanted->key) == 0)
			return true;
	}
	return !*wanted->key && count >= wanted->count;
}

static int by_text(const void *a, const void *b)
{
	const struct event *const *left = a;
	const struct event *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

/* Print and drop events: all, or up to and including the wanted one. */
static void events_print(struct world *world, const char *until, bool sorted)
{
	struct event *list[KNOWN_MAX];
	size_t count = 0;
	struct list *node;
	struct list *after;

	list_for_each_safe (node, after, &world->events) {
		struct event *event = owner_of(node, struct event, node);

		if (count == KNOWN_MAX)
			break;
		list_remove(node);
		list[count++] = event;
		if (until && strcmp(event->key, until) == 0)
			break;
	}
	if (sorted)
		qsort(list, count, sizeof(list[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		event_print(world, list[i]);
		protobuf_c_message_free_unpacked(&list[i]->forward->base, NULL);
		free(list[i]);
	}
}

static bool never(struct world *world, void *arg)
{
	(void)world;
	(void)arg;
	return false;
}

void events_act(struct world *world, const struct words *words)
{
	struct wanted wanted = { 0 };
	const char *how = words->count > 1 ? words->word[1] : "";
	bool sorted = strcmp(words->word[words->count - 1], "sorted") == 0;

	if (strcmp(how, "quiet") == 0) {
		(void)world_until(world, never, NULL, (int)words_number(world, words, "ms", 200));
		events_print(world, NULL, sorted);
		return;
	}
	if (strcmp(how, "until") == 0 && words->count >= 4)
		(void)snprintf(wanted.key, sizeof(wanted.key), "%s %s", words->word[2],
			       words->word[3]);
	else if (strcmp(how, "count") == 0 && words->count >= 3)
		wanted.count = atol(words->word[2]);
	else
		fail(world, "events until TOPIC ID | count N [sorted] | quiet [ms=N]");
	if (!world_until(world, events_there, &wanted, world->limit_ms))
		say(world, "! no event '%s' in %d s; these came:", how, world->limit_ms / 1000);
	events_print(world, *wanted.key ? wanted.key : NULL, sorted);
}
