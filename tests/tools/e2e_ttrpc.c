/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talks ttrpc to a shim's socket as the end-to-end tests ask for it: well, badly, and too much.
 *
 *   e2e_ttrpc SOCKET call SERVICE METHOD [ID [EXEC]]   one call: prints "CODE TEXT" and the answer
 *   e2e_ttrpc SOCKET create ID BUNDLE                  a container without rootfs mounts and stdio
 *   e2e_ttrpc SOCKET update ID JSON                    new limits
 *   e2e_ttrpc SOCKET lap N METHOD ID                   N calls: prints the median and the longest,
 * us e2e_ttrpc SOCKET raw WORD...                       sends HEX or zeros:N: prints the frames
 * that come back e2e_ttrpc SOCKET endless BYTES                     announces 4 GiB and sends that
 * many of them e2e_ttrpc SOCKET crowd N ID                        N connections at once: prints how
 * many answer e2e_ttrpc SOCKET mute N METHOD ID                  N calls and no read: prints how
 * many were taken e2e_ttrpc SOCKET vanish METHOD [ID [EXEC]]         a call, and away before its
 * answer
 *
 * Exits with 0 when answered with success, 3 when answered with an error, 2 when something failed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "shim/proto/task.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc.h"

#define TASK_SERVICE "containerd.task.v2.Task"

enum {
	LIMIT_MS = 30000,
	RAW_LIMIT_MS = 1000,
	LAPS_MAX = 10000,
};

struct client {
	int fd;
	uint32_t stream;
	struct ttrpc_reader reader;
	uint8_t in[65536];
	size_t in_at, in_len;
};

static void die(const char *what)
{
	(void)fprintf(stderr, "e2e_ttrpc: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return fd_close(fd);
	return fd;
}

static bool send_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* The bytes of a request frame. Returns its length. */
static size_t request_write(uint32_t stream, const char *service, const char *method,
			    const char *id, const char *exec_id, uint8_t *out, size_t room)
{
	Pb__ProcessRequest process = PB__PROCESS_REQUEST__INIT;
	Pb__Request request = PB__REQUEST__INIT;
	struct ttrpc_header header = { .stream = stream, .type = TTRPC_REQUEST };
	uint8_t payload[1024];

	process.id = (char *)(uintptr_t)(id ? id : "");
	process.exec_id = (char *)(uintptr_t)(exec_id ? exec_id : "");
	if (protobuf_c_message_get_packed_size(&process.base) > sizeof(payload))
		exit(2);
	request.service = (char *)(uintptr_t)service;
	request.method = (char *)(uintptr_t)method;
	request.payload.len = protobuf_c_message_pack(&process.base, payload);
	request.payload.data = payload;
	header.data_bytes = (uint32_t)protobuf_c_message_get_packed_size(&request.base);
	if (TTRPC_HEADER_BYTES + header.data_bytes > room)
		exit(2);
	ttrpc_header_write(&header, out);
	(void)protobuf_c_message_pack(&request.base, out + TTRPC_HEADER_BYTES);
	return TTRPC_HEADER_BYTES + header.data_bytes;
}

static bool request_send(struct client *client, const char *service, const char *method,
			 const char *id, const char *exec_id)
{
	uint8_t bytes[4096];
	size_t len;

	client->stream = client->stream ? client->stream + 2 : 1;
	len = request_write(client->stream, service, method, id, exec_id, bytes, sizeof(bytes));
	return send_all(client->fd, bytes, len);
}

/* Returns 1 with a frame, 0 when closed, -1 when the time is over. */
static int frame_read(struct client *client, int64_t until_us, struct ttrpc_frame *frame)
{
	for (;;) {
		struct pollfd ready = { .fd = client->fd, .events = POLLIN };
		int64_t left = until_us - now_us();
		ssize_t n;

		while (client->in_at < client->in_len) {
			size_t used;
			enum ttrpc_verdict verdict =
				ttrpc_read(&client->reader, client->in + client->in_at,
					   client->in_len - client->in_at, &used, frame);

			client->in_at += used;
			if (verdict == TTRPC_FRAME)
				return 1;
			if (verdict != TTRPC_MORE)
				exit(2);
		}
		if (poll(&ready, 1, left > 0 ? (int)(left / 1000 + 1) : 0) <= 0)
			return -1;
		n = recv(client->fd, client->in, sizeof(client->in), 0);
		if (n <= 0)
			return 0;
		client->in_at = 0;
		client->in_len = (size_t)n;
	}
}

static void *unpack(const ProtobufCMessageDescriptor *descriptor, const ProtobufCBinaryData *bytes)
{
	void *message = protobuf_c_message_unpack(descriptor, NULL, bytes->len, bytes->data);

	if (!message) {
		errno = EBADMSG;
		die("unpack the answer");
	}
	return message;
}

static void payload_print(const char *method, const ProtobufCBinaryData *bytes)
{
	if (strcmp(method, "State") == 0) {
		Pb__StateResponse *m = unpack(&pb__state_response__descriptor, bytes);

		printf("pid %u status %u exit %u\n", m->pid, m->status, m->exit_status);
	} else if (strcmp(method, "Wait") == 0) {
		Pb__WaitResponse *m = unpack(&pb__wait_response__descriptor, bytes);

		printf("exit %u\n", m->exit_status);
	} else if (strcmp(method, "Connect") == 0) {
		Pb__ConnectResponse *m = unpack(&pb__connect_response__descriptor, bytes);

		printf("shim %u task %u\n", m->shim_pid, m->task_pid);
	} else if (strcmp(method, "Pids") == 0) {
		Pb__PidsResponse *m = unpack(&pb__pids_response__descriptor, bytes);

		for (size_t i = 0; i < m->n_processes; i++)
			printf("pid %u\n", m->processes[i]->pid);
	} else if (strcmp(method, "Delete") == 0) {
		Pb__DeleteResponse *m = unpack(&pb__delete_response__descriptor, bytes);

		printf("pid %u exit %u\n", m->pid, m->exit_status);
	} else if (bytes->len > 0) {
		printf("%zu bytes\n", bytes->len);
	}
}

/* Print a response frame; returns its status code. */
static int response_print(const struct ttrpc_frame *frame, const char *method)
{
	ProtobufCBinaryData bytes = { frame->header.data_bytes, (uint8_t *)(uintptr_t)frame->data };
	Pb__Response *response = unpack(&pb__response__descriptor, &bytes);
	int code = response->status ? response->status->code : 0;

	printf("%d %s\n", code, code ? response->status->message : "OK");
	if (code == 0 && method)
		payload_print(method, &response->payload);
	protobuf_c_message_free_unpacked(&response->base, NULL);
	return code;
}

static int act_call(struct client *client, char **argv)
{
	struct ttrpc_frame frame;
	int code;

	if (!request_send(client, argv[0], argv[1], argv[2], argv[2] ? argv[3] : NULL))
		die("send");
	code = frame_read(client, now_us() + LIMIT_MS * 1000LL, &frame);
	if (code <= 0) {
		puts(code == 0 ? "closed" : "no answer");
		return 2;
	}
	return response_print(&frame, argv[1]) ? 3 : 0;
}

/* A call whose payload is given; only its status is printed. */
static int payload_call(struct client *client, const char *method, uint8_t *payload, size_t len)
{
	Pb__Request request = PB__REQUEST__INIT;
	struct ttrpc_header header = { .stream = 1, .type = TTRPC_REQUEST };
	struct ttrpc_frame frame;
	uint8_t bytes[8192];

	request.service = (char *)(uintptr_t)TASK_SERVICE;
	request.method = (char *)(uintptr_t)method;
	request.payload.data = payload;
	request.payload.len = len;
	header.data_bytes = (uint32_t)protobuf_c_message_get_packed_size(&request.base);
	if (TTRPC_HEADER_BYTES + header.data_bytes > sizeof(bytes))
		exit(2);
	ttrpc_header_write(&header, bytes);
	(void)protobuf_c_message_pack(&request.base, bytes + TTRPC_HEADER_BYTES);
	if (!send_all(client->fd, bytes, TTRPC_HEADER_BYTES + header.data_bytes) ||
	    frame_read(client, now_us() + LIMIT_MS * 1000LL, &frame) != 1)
		die(method);
	return response_print(&frame, NULL) ? 3 : 0;
}

static int act_create(struct client *client, char **argv)
{
	Pb__CreateTaskRequest create = PB__CREATE_TASK_REQUEST__INIT;
	uint8_t payload[4096];

	create.id = argv[0];
	create.bundle = argv[1];
	if (protobuf_c_message_get_packed_size(&create.base) > sizeof(payload))
		exit(2);
	return payload_call(client, "Create", payload,
			    protobuf_c_message_pack(&create.base, payload));
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int act_lap(struct client *client, char **argv)
{
	static int64_t laps[LAPS_MAX];
	long n = strtol(argv[0], NULL, 10);
	struct ttrpc_frame frame;

	if (n < 1 || n > LAPS_MAX)
		exit(2);
	for (long i = 0; i < n; i++) {
		int64_t from = now_us();

		if (!request_send(client, TASK_SERVICE, argv[1], argv[2], NULL) ||
		    frame_read(client, from + LIMIT_MS * 1000LL, &frame) != 1)
			die("lap");
		laps[i] = now_us() - from;
	}
	qsort(laps, (size_t)n, sizeof(laps[0]), compare);
	printf("%lld %lld\n", (long long)laps[n / 2], (long long)laps[n - 1]);
	return 0;
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Send what a word says: bytes in hex, or "zeros:N". */
static void word_send(int fd, const char *word)
{
	static uint8_t bytes[8 << 20];
	size_t len = 0;

	if (strncmp(word, "zeros:", 6) == 0) {
		len = strtoul(word + 6, NULL, 10);
		word = "";
	}
	if (len > sizeof(bytes) || strlen(word) / 2 > sizeof(bytes))
		exit(2);
	for (; word[0] && word[1]; word += 2) {
		int high = nibble(word[0]), low = nibble(word[1]);

		if (high < 0 || low < 0)
			exit(2);
		bytes[len++] = (uint8_t)(high * 16 + low);
	}
	if (!send_all(fd, bytes, len))
		die("send");
}

static int act_raw(struct client *client, char **argv)
{
	struct ttrpc_frame frame;
	int code = 0;

	for (; *argv; argv++)
		word_send(client->fd, *argv);
	while ((code = frame_read(client, now_us() + RAW_LIMIT_MS * 1000LL, &frame)) == 1) {
		printf("stream %u type %u: ", frame.header.stream, frame.header.type);
		(void)response_print(&frame, NULL);
	}
	puts(code == 0 ? "closed" : "open");
	return 0;
}

/* Update with the resources' JSON. */
static int act_update(struct client *client, char **argv)
{
	Pb__UpdateTaskRequest update = PB__UPDATE_TASK_REQUEST__INIT;
	Pb__Any resources = PB__ANY__INIT;
	char type_url[] = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";
	uint8_t payload[4096];

	resources.type_url = type_url;
	resources.value.data = (uint8_t *)argv[1];
	resources.value.len = strlen(argv[1]);
	update.id = argv[0];
	update.resources = &resources;
	if (protobuf_c_message_get_packed_size(&update.base) > sizeof(payload))
		exit(2);
	return payload_call(client, "Update", payload,
			    protobuf_c_message_pack(&update.base, payload));
}

static int act_endless(struct client *client, char **argv)
{
	static uint8_t zeros[65536];
	struct ttrpc_header header = { .data_bytes = 0xffffffff, .stream = 1, .type = 1 };
	unsigned long long left = strtoull(argv[0], NULL, 10);
	uint8_t head[TTRPC_HEADER_BYTES];

	ttrpc_header_write(&header, head);
	if (!send_all(client->fd, head, sizeof(head)))
		die("send");
	while (left > 0) {
		size_t n = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		if (!send_all(client->fd, zeros, n)) {
			puts("closed");
			return 0;
		}
		left -= n;
	}
	puts("open");
	return 0;
}

static int act_crowd(const char *socket_path, char **argv)
{
	long n = strtol(argv[0], NULL, 10), answered = 0;
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct client *clients = calloc((size_t)n, sizeof(*clients));
	struct ttrpc_frame frame;

	if (!clients)
		die("calloc");
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (long i = 0; i < n; i++) {
		clients[i].fd = dial(socket_path);
		if (clients[i].fd >= 0)
			(void)request_send(&clients[i], TASK_SERVICE, "State", argv[1], NULL);
	}
	for (long i = 0; i < n; i++)
		if (clients[i].fd >= 0 &&
		    frame_read(&clients[i], now_us() + LIMIT_MS * 1000LL, &frame) == 1)
			answered++;
	printf("%ld\n", answered);
	return 0;
}

static int act_mute(struct client *client, char **argv)
{
	long n = strtol(argv[0], NULL, 10), sent = 0;
	struct timeval limit = { .tv_sec = 3 };

	(void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (sent < n && request_send(client, TASK_SERVICE, argv[1], argv[2], NULL))
		sent++;
	printf("%ld\n", sent);
	return 0;
}

static int act_vanish(struct client *client, char **argv)
{
	if (!request_send(client, TASK_SERVICE, argv[0], argv[1], argv[1] ? argv[2] : NULL))
		die("send");
	return 0;
}

static int act(struct client *client, int argc, char **argv)
{
	const char *verb = argv[2];

	if (strcmp(verb, "call") == 0 && argc >= 5)
		return act_call(client, argv + 3);
	if (strcmp(verb, "create") == 0 && argc >= 5)
		return act_create(client, argv + 3);
	if (strcmp(verb, "update") == 0 && argc >= 5)
		return act_update(client, argv + 3);
	if (strcmp(verb, "lap") == 0 && argc >= 6)
		return act_lap(client, argv + 3);
	if (strcmp(verb, "raw") == 0 && argc >= 4)
		return act_raw(client, argv + 3);
	if (strcmp(verb, "endless") == 0 && argc >= 4)
		return act_endless(client, argv + 3);
	if (strcmp(verb, "crowd") == 0 && argc >= 5)
		return act_crowd(argv[1], argv + 3);
	if (strcmp(verb, "mute") == 0 && argc >= 6)
		return act_mute(client, argv + 3);
	if (strcmp(verb, "vanish") == 0 && argc >= 4)
		return act_vanish(client, argv + 3);
	(void)fprintf(stderr, "usage: e2e_ttrpc SOCKET VERB ...; see the top of its source\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct client client;

	if (argc < 3)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	client.fd = dial(argv[1]);
	if (client.fd < 0)
		die("connect");
	return act(&client, argc, argv);
}
