/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher against a containerd that is there, slow, rude, away, or comes back. */
#include "shim/publisher.h"

#include <sys/epoll.h>

#include "config/base/err.h"
#include "shim/proto/events.pb-c.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/wire.h"

enum { SEEN_MAX = PUBLISHER_QUEUE_MAX + 64 };

/* What containerd does with a connection and its requests. */
enum manner { POLITE, MUTE, RUDE, SLAMS, HALF_ANSWERS };

static struct loop loop;
static struct publisher publisher;
static struct folder folder;
static char path[128];
static int listen_fd;
static struct loop_source listener;
static struct wire containerd;
static struct loop_source from_shim;
static enum manner manner;
static int connections;
static int seen_count;
static int seen[SEEN_MAX]; /* pid of each exit, or of each start negative */
static uint32_t last_stream;
static int emptied;

static void remember(const Pb__Envelope *envelope)
{
	if (strcmp(envelope->topic, "/tasks/exit") == 0) {
		Pb__TaskExit *event =
			wire_unpack(&pb__task_exit__descriptor, envelope->event->value.len,
				    envelope->event->value.data);

		CHECK_TEXT(envelope->event->type_url, "containerd.events.TaskExit");
		seen[seen_count++ % SEEN_MAX] = (int)event->pid;
		wire_free(event);
	} else {
		Pb__TaskStart *event =
			wire_unpack(&pb__task_start__descriptor, envelope->event->value.len,
				    envelope->event->value.data);

		seen[seen_count++ % SEEN_MAX] = -(int)event->pid;
		wire_free(event);
	}
	CHECK_TEXT(envelope->namespace_, "k8s.io");
	CHECK(envelope->timestamp && envelope->timestamp->seconds > 1700000000);
}

static void hang_up(void)
{
	loop_remove(&loop, &from_shim);
	wire_done(&containerd);
}

static void answer(uint32_t stream)
{
	Pb__Response response = PB__RESPONSE__INIT;
	Pb__Status status = PB__STATUS__INIT;
	struct buf out = { 0 };
	char text[] = "go away";

	if (manner == RUDE) {
		status.code = 13;
		status.message = text;
		response.status = &status;
	}
	wire_message(&out, stream, TTRPC_RESPONSE, &response.base);
	if (manner == HALF_ANSWERS) {
		wire_send(&containerd, out.data, out.len - 1);
		hang_up();
	} else {
		wire_frame(&out, stream + 100, TTRPC_RESPONSE, NULL, 0); /* of nobody's: ignored */
		wire_send(&containerd, out.data, out.len);
	}
	buf_done(&out);
}

static void on_request(const uint8_t *bytes, struct ttrpc_header header)
{
	Pb__Request *request = wire_unpack(&pb__request__descriptor, header.data_bytes, bytes);
	Pb__ForwardRequest *forward;

	CHECK(request);
	CHECK(header.stream % 2 == 1 && header.stream > last_stream);
	last_stream = header.stream;
	CHECK_TEXT(request->service, "containerd.services.events.ttrpc.v1.Events");
	CHECK_TEXT(request->method, "Forward");
	CHECK(request->timeout_nano == 5000000000);
	CHECK(request->n_metadata == 1);
	CHECK_TEXT(request->metadata[0]->key, "containerd-namespace-ttrpc");
	forward = wire_unpack(&pb__forward_request__descriptor, request->payload.len,
			      request->payload.data);
	if (manner == SLAMS) {
		hang_up();
	} else {
		remember(forward->envelope);
		if (manner != MUTE)
			answer(header.stream);
	}
	wire_free(forward);
	wire_free(request);
}

static void on_bytes(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	while (wire_has_frame(&containerd)) {
		struct ttrpc_header header;
		struct buf bytes = containerd.in;

		if (containerd.ended) {
			hang_up();
			return;
		}
		header = ttrpc_header_read(bytes.data);
		containerd.in = (struct buf){ 0 };
		(void)buf_add(&containerd.in, bytes.data + TTRPC_HEADER_BYTES + header.data_bytes,
			      bytes.len - TTRPC_HEADER_BYTES - header.data_bytes, WIRE_LIMIT);
		on_request(bytes.data + TTRPC_HEADER_BYTES, header);
		buf_done(&bytes);
		if (containerd.fd < 0)
			return;
	}
}

static void on_connection(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	if (containerd.fd >= 0)
		hang_up();
	containerd = (struct wire){ .loop = &loop, .fd = accept(listen_fd, NULL, NULL) };
	CHECK(containerd.fd >= 0);
	connections++;
	last_stream = 0;
	CHECK(loop_add(&loop, &from_shim, containerd.fd, EPOLLIN) == 0);
}

static void start_containerd(void)
{
	listen_fd = wire_listen(path);
	loop_source_init(&listener, on_connection);
	CHECK(loop_add(&loop, &listener, listen_fd, EPOLLIN) == 0);
}

static void stop_containerd(void)
{
	if (containerd.fd >= 0)
		hang_up();
	loop_remove(&loop, &listener);
	(void)close(listen_fd);
	(void)unlink(path);
}

static void on_empty(void *owner)
{
	(*(int *)owner)++;
}

static void open_publisher(void)
{
	static char address[160];
	struct err err;

	folder = folder_new();
	(void)snprintf(path, sizeof(path), "%s/s", folder.path);
	(void)snprintf(address, sizeof(address), "unix://%s", path);
	connections = seen_count = emptied = 0;
	manner = POLITE;
	containerd = (struct wire){ .fd = -1 };
	loop_source_init(&from_shim, on_bytes);
	CHECK(loop_init(&loop, &err) == 0);
	publisher_init(&publisher, &loop, address, "k8s.io");
	publisher.on_empty = on_empty;
	publisher.owner = &emptied;
}

static void close_publisher(void)
{
	publisher_done(&publisher);
	loop_done(&loop);
	folder_done(&folder);
}

static void tell_exit(unsigned int pid)
{
	Pb__TaskExit event = PB__TASK_EXIT__INIT;

	event.pid = pid;
	publisher_send(&publisher, "/tasks/exit", "containerd.events.TaskExit", &event.base, true);
}

static void tell_start(unsigned int pid)
{
	Pb__TaskStart event = PB__TASK_START__INIT;

	event.pid = pid;
	publisher_send(&publisher, "/tasks/start", "containerd.events.TaskStart", &event.base,
		       false);
}

static bool is_empty(void *owner)
{
	(void)owner;
	return publisher_is_empty(&publisher);
}

static bool enough_seen(void *owner)
{
	return seen_count >= *(int *)owner;
}

static bool is_disconnected(void *owner)
{
	(void)owner;
	return publisher.fd < 0;
}

TEST(delivers_in_order_over_one_connection)
{
	open_publisher();
	start_containerd();
	for (unsigned int i = 1; i <= 100; i++)
		i % 2 ? tell_exit(i) : tell_start(i);
	CHECK(!publisher_is_empty(&publisher));
	CHECK(turn_until(&loop, is_empty, NULL));
	CHECK(seen_count == 100 && connections == 1 && emptied == 1);
	for (int i = 0; i < 100; i++)
		CHECK(seen[i] == (i % 2 ? -(i + 1) : i + 1));
	CHECK(publisher.queued == 0 && publisher.queued_bytes == 0);
	stop_containerd();
	close_publisher();
}

TEST(waits_while_containerd_is_away_and_then_delivers_everything_in_order)
{
	int want = 12;

	open_publisher();
	for (unsigned int i = 1; i <= 10; i++)
		tell_exit(i);
	turn_for(&loop, 50);
	CHECK(publisher.queued == 10);
	start_containerd();
	tell_exit(11);
	tell_exit(12);
	CHECK(turn_until(&loop, enough_seen, &want));
	for (int i = 0; i < 12; i++)
		CHECK(seen[i] == i + 1);
	stop_containerd();
	close_publisher();
}

/* containerd restarts with an event under way: it is told again, and nothing overtakes it. */
TEST(tells_the_event_under_way_again_after_a_restart)
{
	int want = 1;

	open_publisher();
	start_containerd();
	manner = MUTE;
	tell_exit(1);
	tell_exit(2);
	CHECK(turn_until(&loop, enough_seen, &want));
	stop_containerd();
	turn_for(&loop, 20);
	manner = POLITE;
	start_containerd();
	CHECK(turn_until(&loop, is_empty, NULL));
	CHECK(seen_count == 3 && seen[0] == 1 && seen[1] == 1 && seen[2] == 2);
	stop_containerd();
	close_publisher();
}

TEST(survives_connections_that_slam_shut_or_end_within_an_answer)
{
	open_publisher();
	start_containerd();
	manner = SLAMS;
	tell_exit(1);
	turn_for(&loop, 60);
	CHECK(connections > 1 && !publisher_is_empty(&publisher));
	manner = HALF_ANSWERS;
	turn_for(&loop, 100);
	CHECK(!publisher_is_empty(&publisher));
	manner = POLITE;
	CHECK(turn_until(&loop, is_empty, NULL));
	stop_containerd();
	close_publisher();
}

TEST(gives_up_an_event_that_containerd_refuses)
{
	open_publisher();
	start_containerd();
	manner = RUDE;
	tell_exit(1);
	tell_exit(2);
	CHECK(turn_until(&loop, is_empty, NULL));
	CHECK(seen_count == 2);
	stop_containerd();
	close_publisher();
}

TEST(goes_on_after_an_idle_connection_was_closed)
{
	open_publisher();
	start_containerd();
	tell_exit(1);
	CHECK(turn_until(&loop, is_empty, NULL));
	hang_up();
	CHECK(turn_until(&loop, is_disconnected, NULL));
	CHECK(list_empty(&publisher.timer.link)); /* nothing is left to do */
	tell_exit(2);
	CHECK(turn_until(&loop, is_empty, NULL));
	CHECK(seen_count == 2 && connections == 2);
	stop_containerd();
	close_publisher();
}

TEST(keeps_a_bounded_queue_and_gives_up_what_tells_of_no_exit_first)
{
	int exits = 0;
	int starts = 0;

	open_publisher();
	for (unsigned int i = 1; i <= PUBLISHER_QUEUE_MAX + 40; i++)
		i % 2 ? tell_exit(i) : tell_start(i);
	CHECK(publisher.queued == PUBLISHER_QUEUE_MAX);
	CHECK(publisher.queued_bytes <= PUBLISHER_QUEUE_MAX_BYTES);
	start_containerd();
	CHECK(turn_until(&loop, is_empty, NULL));
	for (int i = 0; i < seen_count; i++) {
		exits += seen[i] > 0;
		starts += seen[i] < 0;
	}
	CHECK(exits == PUBLISHER_QUEUE_MAX / 2 + 20); /* every one */
	CHECK(starts == PUBLISHER_QUEUE_MAX / 2 - 20);
	CHECK(seen[0] == 1 && seen[1] == 3); /* the oldest start went first */
	stop_containerd();
	close_publisher();
}

TEST(gives_up_the_oldest_exit_when_there_are_only_exits)
{
	open_publisher();
	for (unsigned int i = 1; i <= PUBLISHER_QUEUE_MAX + 10; i++)
		tell_exit(i);
	CHECK(publisher.queued == PUBLISHER_QUEUE_MAX);
	start_containerd();
	CHECK(turn_until(&loop, is_empty, NULL));
	CHECK(seen[0] == 11 && seen_count == PUBLISHER_QUEUE_MAX);
	stop_containerd();
	close_publisher();
}

TEST(bounds_the_bytes_of_its_queue)
{
	Pb__TaskExit event = PB__TASK_EXIT__INIT;
	char *id = calloc(1, 50001);

	open_publisher();
	memset(id, 'x', 50000);
	event.id = id;
	for (int i = 0; i < 40; i++)
		publisher_send(&publisher, "/tasks/exit", "containerd.events.TaskExit", &event.base,
			       true);
	CHECK(publisher.queued == 20);
	CHECK(publisher.queued_bytes <= PUBLISHER_QUEUE_MAX_BYTES);
	free(id);
	close_publisher();
}

TEST(drops_everything_when_nobody_listens_by_design)
{
	open_publisher();
	publisher_init(&publisher, &loop, "", "k8s.io");
	tell_exit(1);
	CHECK(publisher_is_empty(&publisher));
	publisher_init(&publisher, &loop, NULL, "k8s.io");
	tell_exit(1);
	CHECK(publisher_is_empty(&publisher));
	close_publisher();
}

/* An event larger than the socket's buffer goes out in pieces while the loop turns. */
TEST(sends_a_large_event_in_pieces)
{
	Pb__TaskExit event = PB__TASK_EXIT__INIT;
	char *id = calloc(1, 240001);

	open_publisher();
	start_containerd();
	memset(id, 'x', 240000);
	event.id = id;
	event.pid = 5;
	publisher_send(&publisher, "/tasks/exit", "containerd.events.TaskExit", &event.base, true);
	tell_exit(6);
	CHECK(turn_until(&loop, is_empty, NULL));
	CHECK(seen_count == 2 && seen[0] == 5 && seen[1] == 6);
	free(id);
	stop_containerd();
	close_publisher();
}
