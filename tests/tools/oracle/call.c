/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/fd.h"
#include "tests/tools/oracle/world.h"

#define PROCESS_TYPE	   "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define RUNC_OPTIONS	   "containerd.runc.v1.Options"
#define CHECKPOINT_OPTIONS "containerd.runc.v1.CheckpointOptions"
#define RESOURCES_TYPE	   "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

static const struct method methods[] = {
	{ "State", &pb__process_request__descriptor, &pb__state_response__descriptor },
	{ "Create", &pb__create_task_request__descriptor, &pb__pid_response__descriptor },
	{ "Start", &pb__process_request__descriptor, &pb__pid_response__descriptor },
	{ "Delete", &pb__process_request__descriptor, &pb__delete_response__descriptor },
	{ "Pids", &pb__process_request__descriptor, &pb__pids_response__descriptor },
	{ "Pause", &pb__process_request__descriptor, &pb__empty__descriptor },
	{ "Resume", &pb__process_request__descriptor, &pb__empty__descriptor },
	{ "Checkpoint", &pb__checkpoint_task_request__descriptor, &pb__empty__descriptor },
	{ "Kill", &pb__kill_request__descriptor, &pb__empty__descriptor },
	{ "Exec", &pb__exec_process_request__descriptor, &pb__empty__descriptor },
	{ "ResizePty", &pb__resize_pty_request__descriptor, &pb__empty__descriptor },
	{ "CloseIO", &pb__close_iorequest__descriptor, &pb__empty__descriptor },
	{ "Update", &pb__update_task_request__descriptor, &pb__empty__descriptor },
	{ "Wait", &pb__process_request__descriptor, &pb__wait_response__descriptor },
	{ "Stats", &pb__process_request__descriptor, &pb__stats_response__descriptor },
	{ "Connect", &pb__process_request__descriptor, &pb__connect_response__descriptor },
	{ "Shutdown", &pb__shutdown_request__descriptor, &pb__empty__descriptor },
	{ "NoSuchMethod", &pb__process_request__descriptor, &pb__empty__descriptor },
};

const struct method *method_find(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, name) == 0)
			return methods + i;
	}
	return NULL;
}

static void pack(const ProtobufCMessage *message, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *at = buf_reserve(out, len + 1, BYTES_MAX);

	if (!at)
		abort();
	out->len += protobuf_c_message_pack(message, at);
}

/* An Any that protobuf can free. */
static Pb__Any *any_new(const char *type_url, const void *value, size_t len)
{
	Pb__Any *any = malloc(sizeof(*any));
	char *url = strdup(type_url);
	uint8_t *bytes = malloc(len + 1);

	if (!any || !url || !bytes)
		abort();
	protobuf_c_message_init(&pb__any__descriptor, any);
	any->type_url = url;
	if (len)
		memcpy(bytes, value, len);
	any->value.data = bytes;
	any->value.len = len;
	return any;
}

/* The words opt.X=Y as X=Y; returns how many there are. */
static int option_words(const struct words *words, struct words *options)
{
	*options = (struct words){ .count = 1 };
	for (int i = 1; i < words->count; i++) {
		if (strncmp(words->word[i], "opt.", 4) == 0)
			options->word[options->count++] = words->word[i] + 4;
	}
	return options->count - 1;
}

/* type= and text= give an Any byte by byte; opt.X= fills the usual message. Every container of a
 * run with AZL_CGROUPS=systemd has that driver of cgroups. */
static Pb__Any *options_any(struct world *world, const struct words *words, ProtobufCMessage *usual,
			    const char *usual_type)
{
	const char *type = words_get(words, "type");
	const char *text = words_get(words, "text");
	const char *cgroups = getenv("AZL_CGROUPS");
	bool systemd = cgroups && strcmp(cgroups, "systemd") == 0;
	char driver[] = "systemd_cgroup=true";
	struct words options;
	struct buf value = { 0 };
	Pb__Any *any;

	if (text)
		return any_new(type ? type : usual_type, text, strlen(text));
	(void)option_words(words, &options);
	if (systemd && !type && usual && usual->descriptor == &pb__runc_options__descriptor)
		options.word[options.count++] = driver;
	if (options.count == 1)
		return type ? any_new(type, "", 0) : NULL;
	message_fill(world, usual, &options);
	pack(usual, &value);
	any = any_new(type ? type : usual_type, value.data, value.len);
	buf_done(&value);
	return any;
}

/* JSON of a process, made by the helper from the same words. */
static Pb__Any *spec_any(struct world *world, const struct words *words)
{
	const char *type = words_get(words, "type");
	const char *text = words_get(words, "text");
	char helper[PATH_MAX];
	char *argv[WORDS_MAX + 4] = { (char[]){ "/bin/sh" }, helper, (char[]){ "process" } };
	struct outcome outcome;
	Pb__Any *any;
	int count = 3;

	if (words_get(words, "nospec"))
		return NULL;
	if (text)
		return any_new(type ? type : PROCESS_TYPE, text, strlen(text));
	(void)snprintf(helper, sizeof(helper), "%s/bundle", world->oracle);
	for (int i = 1; i < words->count; i++) {
		if (strchr(words->word[i], '='))
			argv[count++] = words->word[i];
	}
	child_run(world, argv, world->work, NULL, true, world->limit_ms, &outcome);
	if (outcome.status != 0)
		fail(world, "bundle process: %.*s", (int)outcome.out.len,
		     (const char *)outcome.out.data);
	any = any_new(type ? type : PROCESS_TYPE, outcome.out.data, outcome.out.len);
	outcome_done(&outcome);
	return any;
}

/* mount=bind (as snapshotters do), none, or TYPE:SOURCE:OPTION,...[:TARGET]; repeatable. */
static Pb__Mount *mount_new(struct world *world, const char *text)
{
	Pb__Mount *mount = malloc(sizeof(*mount));
	char *copy;
	char *rest;
	char *field[4] = { NULL };
	char usual[PATH_MAX + 32];
	char *option;

	(void)snprintf(usual, sizeof(usual), "bind:%s:rbind,ro", world->rootfs);
	copy = strdup(strcmp(text, "bind") == 0 ? usual : text);
	if (!mount || !copy)
		abort();
	protobuf_c_message_init(&pb__mount__descriptor, mount);
	rest = copy;
	for (int i = 0; i < 4 && rest; i++)
		field[i] = strsep(&rest, ":");
	mount->type = strdup(field[0]);
	mount->source = strdup(field[1] ? field[1] : "");
	if (field[3])
		mount->target = strdup(field[3]);
	mount->options = calloc(strlen(text) + 16, sizeof(char *));
	while (mount->options && field[2] && (option = strsep(&field[2], ",")) && *option)
		mount->options[mount->n_options++] = strdup(option);
	free(copy);
	return mount;
}

static void fill_mounts(struct world *world, Pb__CreateTaskRequest *create,
			const struct words *words)
{
	const char *first = words_get(words, "mount");

	create->rootfs = calloc(WORDS_MAX, sizeof(Pb__Mount *));
	if (!create->rootfs)
		abort();
	if (!first)
		create->rootfs[create->n_rootfs++] = mount_new(world, "bind");
	for (int i = 1; first && i < words->count; i++) {
		if (strncmp(words->word[i], "mount=", 6) == 0 &&
		    strcmp(words->word[i] + 6, "none") != 0)
			create->rootfs[create->n_rootfs++] = mount_new(world, words->word[i] + 6);
	}
}

/* "fifo" becomes a FIFO whose other end is ours; fake:NAME the runc of that name. */
static void fill_stdio(struct world *world, const struct words *words, const char *owner,
		       char *slots[3])
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	const char *io = words_get(words, "io");

	for (int i = 0; i < 3; i++) {
		const char *text = words_get(words, names[i]);
		bool all = io && (strcmp(io, "all") == 0 || (strcmp(io, "out") == 0 && i > 0) ||
				  (strcmp(io, "tty") == 0 && i < 2));

		if (text ? strcmp(text, "fifo") == 0 : all)
			slots[i] = strdup(stream_make(world, owner, names[i]));
		else
			slots[i] = strdup(text ? text : "");
	}
}

static void fill_special(struct world *world, ProtobufCMessage *message, const struct words *words,
			 const char *owner)
{
	bool tty = words_get(words, "io") && strcmp(words_get(words, "io"), "tty") == 0;

	if (message->descriptor == &pb__create_task_request__descriptor) {
		Pb__CreateTaskRequest *create = (Pb__CreateTaskRequest *)message;
		Pb__RuncOptions usual;
		char path[PATH_MAX];
		char *slots[3];

		protobuf_c_message_init(&pb__runc_options__descriptor, &usual);
		fill_stdio(world, words, owner, slots);
		create->stdin = slots[0];
		create->stdout = slots[1];
		create->stderr = slots[2];
		create->terminal = create->terminal || tty;
		fill_mounts(world, create, words);
		create->options = options_any(world, words, &usual.base, RUNC_OPTIONS);
		if (!words_get(words, "bundle")) {
			bundle_path(world, create->id, path);
			create->bundle = strdup(path);
		}
	} else if (message->descriptor == &pb__exec_process_request__descriptor) {
		Pb__ExecProcessRequest *exec = (Pb__ExecProcessRequest *)message;
		char *slots[3];

		fill_stdio(world, words, owner, slots);
		exec->stdin = slots[0];
		exec->stdout = slots[1];
		exec->stderr = slots[2];
		exec->terminal = exec->terminal || tty;
		exec->spec = spec_any(world, words);
	} else if (message->descriptor == &pb__update_task_request__descriptor) {
		Pb__UpdateTaskRequest *update = (Pb__UpdateTaskRequest *)message;

		update->resources = options_any(world, words, NULL, RESOURCES_TYPE);
	} else if (message->descriptor == &pb__checkpoint_task_request__descriptor) {
		Pb__CheckpointTaskRequest *checkpoint = (Pb__CheckpointTaskRequest *)message;
		Pb__CheckpointOptions usual;

		protobuf_c_message_init(&pb__checkpoint_options__descriptor, &usual);
		checkpoint->options = options_any(world, words, &usual.base, CHECKPOINT_OPTIONS);
	}
}

static void build_payload(struct world *world, const struct method *method,
			  const struct words *words, const char *owner, struct buf *payload)
{
	ProtobufCMessage *message = calloc(1, method->request->sizeof_message);

	if (!message)
		abort();
	protobuf_c_message_init(method->request, message);
	message_fill(world, message, words);
	fill_special(world, message, words, owner);
	pack(message, payload);
	/* Small and few: the request's memory stays until the driver ends. */
}

static void send_request(struct world *world, struct call *call, const struct words *words,
			 struct buf *payload)
{
	Pb__Request request;
	Pb__KeyValue pair;
	Pb__KeyValue *pairs[] = { &pair };
	const char *service = words_get(words, "service");
	struct buf data = { 0 };
	struct ttrpc_header header = { .type = TTRPC_REQUEST };

	protobuf_c_message_init(&pb__request__descriptor, &request);
	protobuf_c_message_init(&pb__key_value__descriptor, &pair);
	pair.key = (char[]){ "containerd-namespace-ttrpc" };
	pair.value = world->ns;
	request.metadata = pairs;
	request.n_metadata = words_get(words, "metadata") ? 0 : 1;
	request.service = (char *)(uintptr_t)(service ? service : world->service);
	request.method = (char *)(uintptr_t)call->method->name;
	request.timeout_nano = words_number(world, words, "timeout_ms", 0) * 1000000;
	request.payload.data = payload->data;
	request.payload.len = payload->len;
	pack(&request.base, &data);
	call->stream = call->conn->next_stream;
	call->conn->next_stream += 2;
	header.stream = call->stream;
	header.data_bytes = (uint32_t)data.len;
	conn_send_frame(world, call->conn, &header, data.data);
	if (call->conn->closed)
		call->answered = call->lost = true;
	buf_done(&data);
}

/* exec_id=E given: "c1/E". */
static void owner_name(const struct words *words, char owner[NAME_MAX_BYTES])
{
	const char *id = words_get(words, "id");
	const char *exec = words_get(words, "exec_id");

	(void)snprintf(owner, NAME_MAX_BYTES, "%s%s%s", id ? id : "", exec ? "/" : "",
		       exec ? exec : "");
}

struct call *call_send(struct world *world, const struct words *words, int from, const char *name)
{
	struct call *call = calloc(1, sizeof(*call));
	struct buf payload = { 0 };
	char owner[NAME_MAX_BYTES];

	if (!call)
		abort();
	if (from >= words->count || !(call->method = method_find(words->word[from])))
		fail(world, "no such method");
	owner_name(words, owner);
	(void)snprintf(call->name, sizeof(call->name), "%s", name);
	(void)snprintf(call->label, sizeof(call->label), "%.20s %.200s", call->method->name, owner);
	call->conn = conn_pick(world, words);
	list_add_before(&world->calls, &call->node);
	build_payload(world, call->method, words, owner, &payload);
	send_request(world, call, words, &payload);
	buf_done(&payload);
	return call;
}

static bool call_answered(struct world *world, void *arg)
{
	const struct call *call = arg;

	(void)world;
	return call->answered;
}

void call_join(struct world *world, struct call *call, int limit_ms)
{
	if (!world_until(world, call_answered, call, limit_ms))
		say(world, "< %s: no answer in %d s", call->label, limit_ms / 1000);
	else if (call->lost)
		say(world, "< %s: connection closed", call->label);
	else
		response_print(world, call->label, call->method, call->answer.data,
			       call->answer.len);
	list_remove(&call->node);
	buf_done(&call->answer);
	free(call);
}

struct call *call_find(struct world *world, const char *name)
{
	struct list *node;

	list_for_each (node, &world->calls) {
		struct call *call = owner_of(node, struct call, node);

		if (strcmp(call->name, name) == 0)
			return call;
	}
	fail(world, "no call named %s", name);
}

uint32_t shim_pid_ask(struct world *world, const char *address)
{
	struct conn *conn = conn_open(world, " ask", address);
	struct words words = { .count = 4,
			       .word = { (char[]){ "call" }, (char[]){ "Connect" },
					 (char[]){ "id=x" }, (char[]){ "on= ask" } } };
	struct call *call;
	Pb__Response *response = NULL;
	Pb__ConnectResponse *answer = NULL;
	uint32_t pid = 0;

	if (!conn)
		return 0;
	call = call_send(world, &words, 1, " ask");
	if (world_until(world, call_answered, call, world->limit_ms) && !call->lost)
		response = (Pb__Response *)protobuf_c_message_unpack(
			&pb__response__descriptor, NULL, call->answer.len, call->answer.data);
	if (response)
		answer = (Pb__ConnectResponse *)protobuf_c_message_unpack(
			&pb__connect_response__descriptor, NULL, response->payload.len,
			response->payload.data);
	if (answer)
		pid = answer->shim_pid;
	if (answer)
		protobuf_c_message_free_unpacked(&answer->base, NULL);
	if (response)
		protobuf_c_message_free_unpacked(&response->base, NULL);
	conn_close(world, conn);
	list_remove(&call->node);
	return pid;
}
