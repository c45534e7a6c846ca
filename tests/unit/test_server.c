/* SPDX-License-Identifier: Apache-2.0 */
/* The server behind a real socket, against clients that behave and clients that do not. */
#include "shim/server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "config/base/err.h"
#include "shim/status.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/wire.h"

enum { BIG_BYTES = 1 << 20, LATER_MAX = 16 };

static struct loop loop;
static struct server server;
static struct folder folder;
static char path[128];
static struct call *later[LATER_MAX];
static int later_count;
static int gone_count;
static int handled;

static void on_gone(struct call *call)
{
	CHECK(!call->connection);
	gone_count++;
}

static void handle(void *owner, struct call *call, const char *service, const char *method,
		   const uint8_t *payload, size_t payload_bytes)
{
	struct err err;

	(void)owner;
	handled++;
	CHECK_TEXT(service, "s");
	if (strcmp(method, "echo") == 0) {
		call_reply_bytes(call, payload, payload_bytes);
	} else if (strcmp(method, "fail") == 0) {
		(void)err_set(&err, STATUS_E_NOT_FOUND, "no such thing");
		call_fail(call, &err);
	} else if (strcmp(method, "drop") == 0) {
		call_drop(call);
	} else if (strcmp(method, "later") == 0) {
		call->on_gone = on_gone;
		later[later_count++] = call;
	} else {
		static uint8_t big[TTRPC_DATA_MAX_BYTES + 1];

		call_reply_bytes(call, big, strcmp(method, "big") == 0 ? BIG_BYTES : sizeof(big));
	}
}

static void open_server(void)
{
	struct err err;
	int fd;

	folder = folder_new();
	later_count = gone_count = handled = 0;
	(void)snprintf(path, sizeof(path), "%s/s", folder.path);
	fd = wire_listen(path);
	CHECK(loop_init(&loop, &err) == 0);
	CHECK(server_init_take(&server, &loop, &fd, handle, NULL, &err) == 0);
	CHECK(fd == -1);
}

static void close_server(void)
{
	server_done(&server);
	loop_done(&loop);
	folder_done(&folder);
}

static struct wire connected(void)
{
	return (struct wire){ .loop = &loop, .fd = wire_connect(path) };
}

static void ask(struct wire *wire, uint32_t stream, const char *method)
{
	struct buf out = { 0 };

	wire_request(&out, stream, "s", method, NULL);
	wire_send(wire, out.data, out.len);
	buf_done(&out);
}

/* Check the next answer: its stream, code (0: none) and the text or "". */
static void check_answer(struct wire *wire, uint32_t stream, int code, const char *text)
{
	Pb__Response *response = wire_take(wire, &pb__response__descriptor);

	CHECK(response);
	if (!response)
		return;
	CHECK(wire->stream == stream && wire->type == TTRPC_RESPONSE);
	CHECK((response->status ? response->status->code : 0) == code);
	if (code)
		CHECK_TEXT(response->status ? response->status->message : "", text);
	wire_free(response);
}

static bool nobody_is_connected(void *owner)
{
	(void)owner;
	return handled > 0 && server.count == 0;
}

static bool enough_wait(void *owner)
{
	return later_count >= *(int *)owner;
}

TEST(answers_requests_with_payloads_and_failures)
{
	struct wire wire;
	Pb__Response *response;
	Pb__Request inner = PB__REQUEST__INIT;
	struct buf out = { 0 };
	char text[] = "a text";

	open_server();
	wire = connected();
	inner.service = text;
	wire_request(&out, 1, "s", "echo", &inner.base);
	wire_send(&wire, out.data, out.len);
	response = wire_take(&wire, &pb__response__descriptor);
	CHECK(response && !response->status && response->payload.len == strlen(text) + 2);
	wire_free(response);
	ask(&wire, 3, "fail");
	check_answer(&wire, 3, STATUS_NOT_FOUND, "no such thing: not found");
	ask(&wire, 5, "drop"); /* never answered */
	ask(&wire, 7, "echo");
	check_answer(&wire, 7, 0, "");
	buf_done(&out);
	wire_done(&wire);
	close_server();
}

TEST(understands_a_request_cut_at_every_byte)
{
	struct wire wire;
	uint32_t stream = 1;

	open_server();
	wire = connected();
	for (size_t cut = 0;; cut++, stream += 2) {
		struct buf out = { 0 };

		wire_request(&out, stream, "s", "echo", NULL);
		if (cut > out.len) {
			buf_done(&out);
			break;
		}
		wire_send(&wire, out.data, cut);
		turn_for(&loop, 1);
		wire_send(&wire, out.data + cut, out.len - cut);
		check_answer(&wire, stream, 0, "");
		buf_done(&out);
	}
	CHECK(handled >= 20);
	wire_done(&wire);
	close_server();
}

TEST(answers_many_requests_of_one_write_in_order)
{
	struct wire wire;
	struct buf out = { 0 };

	open_server();
	wire = connected();
	for (uint32_t i = 0; i < 500; i++)
		wire_request(&out, 2 * i + 1, "s", i % 3 ? "echo" : "fail", NULL);
	wire_send(&wire, out.data, out.len);
	for (uint32_t i = 0; i < 500; i++)
		check_answer(&wire, 2 * i + 1, i % 3 ? 0 : STATUS_NOT_FOUND,
			     "no such thing: not found");
	buf_done(&out);
	wire_done(&wire);
	close_server();
}

TEST(refuses_streams_that_break_the_rules_and_goes_on)
{
	struct wire wire;
	struct buf out = { 0 };

	open_server();
	wire = connected();
	ask(&wire, 2, "echo");
	check_answer(&wire, 2, STATUS_INVALID_ARGUMENT,
		     "StreamID must be odd for client initiated streams");
	ask(&wire, 5, "echo");
	check_answer(&wire, 5, 0, "");
	ask(&wire, 5, "echo");
	check_answer(&wire, 5, STATUS_INVALID_ARGUMENT,
		     "StreamID cannot be re-used and must increment");
	ask(&wire, 3, "echo");
	check_answer(&wire, 3, STATUS_INVALID_ARGUMENT,
		     "StreamID cannot be re-used and must increment");
	wire_frame(&out, 7, TTRPC_DATA, "x", 1);
	wire_frame(&out, 7, TTRPC_RESPONSE, "x", 1); /* nobody asked: ignored */
	wire_frame(&out, 7, 77, "x", 1);	     /* of a type that nobody knows: ignored */
	wire_frame(&out, 9, TTRPC_REQUEST, "\x0a\x7f", 2); /* a string that ends too early */
	wire_request(&out, 11, "s", "echo", NULL);
	wire_send(&wire, out.data, out.len);
	check_answer(&wire, 7, STATUS_INVALID_ARGUMENT,
		     "StreamID cannot be used: this service has no streams");
	CHECK(turn_until(&loop, wire_has_frame, &wire));
	CHECK(ttrpc_header_read(wire.in.data).stream == 9);
	wire_free(wire_take(&wire, &pb__response__descriptor));
	check_answer(&wire, 11, 0, "");
	CHECK(handled == 2);
	buf_done(&out);
	wire_done(&wire);
	close_server();
}

TEST(skips_a_message_over_the_limit_and_goes_on)
{
	struct wire wire;
	struct buf out = { 0 };
	uint8_t *large = calloc(1, TTRPC_DATA_MAX_BYTES + 1);

	open_server();
	wire = connected();
	wire_frame(&out, 1, TTRPC_REQUEST, large, TTRPC_DATA_MAX_BYTES + 1);
	wire_request(&out, 3, "s", "echo", NULL);
	wire_send(&wire, out.data, out.len);
	check_answer(&wire, 1, STATUS_RESOURCE_EXHAUSTED,
		     "the message is larger than the limit of 4194304 bytes");
	check_answer(&wire, 3, 0, "");
	ask(&wire, 5, "too big an answer");
	check_answer(&wire, 5, STATUS_RESOURCE_EXHAUSTED,
		     "the answer is larger than a ttrpc message may be");
	free(large);
	buf_done(&out);
	wire_done(&wire);
	close_server();
}

TEST(survives_clients_that_vanish_while_their_calls_wait)
{
	struct wire wire;
	int want = 3;
	struct err err;

	open_server();
	wire = connected();
	for (uint32_t i = 0; i < 3; i++)
		ask(&wire, 2 * i + 1, "later");
	CHECK(turn_until(&loop, enough_wait, &want));
	wire_done(&wire);
	CHECK(turn_until(&loop, nobody_is_connected, NULL));
	CHECK(gone_count == 3);
	(void)err_set(&err, STATUS_E_NOT_FOUND, "too late");
	call_reply(later[0], NULL);
	call_fail(later[1], &err);
	call_drop(later[2]);
	close_server();
}

/* A frame under way, an answer unsent, a call that waits: all end with the server. */
TEST(ends_while_calls_wait_and_bytes_are_unsent)
{
	struct wire wire;
	int want = 1;

	open_server();
	wire = connected();
	ask(&wire, 1, "later");
	ask(&wire, 3, "big");
	wire_send(&wire, "\0\0\x10\0\0\0\0", 7);
	CHECK(turn_until(&loop, enough_wait, &want));
	turn_for(&loop, 5);
	close_server();
	CHECK(gone_count == 1);
	call_drop(later[0]);
	wire_done(&wire);
}

TEST(serves_others_while_one_reads_slowly)
{
	struct wire slow;
	struct wire quick;
	int answers = 0;

	open_server();
	slow = connected();
	quick = connected();
	for (uint32_t i = 0; i < 10; i++)
		ask(&slow, 2 * i + 1, "big");
	ask(&quick, 1, "echo");
	check_answer(&quick, 1, 0, "");
	for (uint32_t i = 0; i < 10; i++) {
		Pb__Response *response = wire_take(&slow, &pb__response__descriptor);

		answers +=
			response && response->payload.len == BIG_BYTES && slow.stream == 2 * i + 1;
		wire_free(response);
	}
	CHECK(answers == 10);
	wire_done(&slow);
	wire_done(&quick);
	close_server();
}

static bool all_are_handled(void *owner)
{
	return handled >= *(int *)owner;
}

TEST(bounds_what_it_keeps_for_a_client_that_never_reads)
{
	struct wire wire;
	int want = 80;
	int whole = 0;

	open_server();
	wire = connected();
	for (uint32_t i = 0; i < 80; i++)
		ask(&wire, 2 * i + 1, "big");
	CHECK(turn_until(&loop, all_are_handled, &want));
	for (uint32_t i = 0; i < 80; i++) {
		Pb__Response *response = wire_take(&wire, &pb__response__descriptor);

		CHECK(response && wire.stream == 2 * i + 1);
		if (response && response->status)
			CHECK(response->status->code == STATUS_RESOURCE_EXHAUSTED);
		whole += response && !response->status;
		wire_free(response);
	}
	CHECK(whole > 0 && whole <= 16);
	wire_done(&wire);
	close_server();
}

/* How many descriptors this process has open: the number of the next one. */
static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)close(fd);
	return fd;
}

static bool has_ended(void *owner)
{
	struct wire *wire = owner;

	(void)wire_has_frame(wire);
	return wire->ended;
}

TEST(turns_a_client_away_when_no_descriptor_is_left)
{
	struct rlimit old;
	struct rlimit tight;
	struct wire first;
	struct wire second;
	struct wire third;

	open_server();
	first = connected();
	ask(&first, 1, "echo");
	check_answer(&first, 1, 0, "");
	second = connected();
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	tight = old;
	tight.rlim_cur = (rlim_t)next_descriptor();
	CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	CHECK(turn_until(&loop, has_ended, &second)); /* it learns at once */
	ask(&first, 3, "echo");			      /* who is in is served on */
	check_answer(&first, 3, 0, "");
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	third = connected();
	ask(&third, 1, "echo");
	check_answer(&third, 1, 0, "");
	CHECK(server.spare_fd >= 0);
	wire_done(&first);
	wire_done(&second);
	wire_done(&third);
	close_server();
}

/* containerd CVE-2020-15257: a socket that anyone can reach is root for everyone. */
TEST(talks_to_its_own_user_alone)
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		return; /* nobody else to be */
	open_server();
	CHECK(chmod(folder.path, 0755) == 0 && chmod(path, 0777) == 0);
	pid = fork();
	if (pid == 0) {
		char byte;
		int fd;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(3);
		fd = wire_connect(path);
		_exit(read(fd, &byte, 1) == 0 ? 0 : 1);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		turn_for(&loop, 1);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(server.count == 0 && handled == 0);
	close_server();
}

TEST(tells_handlers_how_long_the_client_waits)
{
	struct wire wire;
	struct buf out = { 0 };
	Pb__Request request = PB__REQUEST__INIT;
	char service[] = "s";
	char method[] = "later";
	int want = 2;

	open_server();
	wire = connected();
	request.service = service;
	request.method = method;
	request.timeout_nano = 2500000000;
	wire_message(&out, 1, TTRPC_REQUEST, &request.base);
	request.timeout_nano = -5; /* no sense: no limit */
	wire_message(&out, 3, TTRPC_REQUEST, &request.base);
	wire_send(&wire, out.data, out.len);
	CHECK(turn_until(&loop, enough_wait, &want));
	CHECK(later[0]->timeout_ms >= 2500 && later[0]->timeout_ms <= 2501);
	CHECK(later[1]->timeout_ms == 0);
	call_drop(later[0]);
	call_drop(later[1]);
	buf_done(&out);
	wire_done(&wire);
	close_server();
}
