/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generated descriptors know types and offsets but no names (CODE_SIZE): names are here, in the
 * order of the field numbers.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/tools/oracle/world.h"

enum { FIELDS_MAX = 14 };

static const int64_t go_zero_seconds = -62135596800; /* time.Time{} in a Timestamp */

static const struct {
	const ProtobufCMessageDescriptor *descriptor;
	const char *names[FIELDS_MAX];
} message_table[] = {
	{ &pb__any__descriptor, { "type_url", "value" } },
	{ &pb__string_entry__descriptor, { "key", "value" } },
	{ &pb__mount__descriptor, { "type", "source", "target", "options" } },
	{ &pb__process_request__descriptor, { "id", "exec_id" } },
	{ &pb__state_response__descriptor,
	  { "id", "bundle", "pid", "status", "stdin", "stdout", "stderr", "terminal", "exit_status",
	    "exited_at", "exec_id" } },
	{ &pb__create_task_request__descriptor,
	  { "id", "bundle", "rootfs", "terminal", "stdin", "stdout", "stderr", "checkpoint",
	    "parent_checkpoint", "options" } },
	{ &pb__pid_response__descriptor, { "pid" } },
	{ &pb__delete_response__descriptor, { "pid", "exit_status", "exited_at" } },
	{ &pb__process_info__descriptor, { "pid", "info" } },
	{ &pb__pids_response__descriptor, { "processes" } },
	{ &pb__checkpoint_task_request__descriptor, { "id", "path", "options" } },
	{ &pb__kill_request__descriptor, { "id", "exec_id", "signal", "all" } },
	{ &pb__exec_process_request__descriptor,
	  { "id", "exec_id", "terminal", "stdin", "stdout", "stderr", "spec" } },
	{ &pb__resize_pty_request__descriptor, { "id", "exec_id", "width", "height" } },
	{ &pb__close_iorequest__descriptor, { "id", "exec_id", "stdin" } },
	{ &pb__update_task_request__descriptor, { "id", "resources", "annotations" } },
	{ &pb__wait_response__descriptor, { "exit_status", "exited_at" } },
	{ &pb__stats_response__descriptor, { "stats" } },
	{ &pb__connect_response__descriptor, { "shim_pid", "task_pid", "version" } },
	{ &pb__shutdown_request__descriptor, { "id", "now" } },
	{ &pb__runc_options__descriptor,
	  { "no_pivot_root", "no_new_keyring", "shim_cgroup", "io_uid", "io_gid", "binary_name",
	    "root", "criu_path", "systemd_cgroup", "criu_image_path", "criu_work_path",
	    "task_api_address", "task_api_version" } },
	{ &pb__runtime_options__descriptor, { "type_url", "config_path", "config_body" } },
	{ &pb__checkpoint_options__descriptor,
	  { "exit", "open_tcp", "external_unix_sockets", "terminal", "file_locks",
	    "empty_namespaces", "cgroups_mode", "image_path", "work_path", "parent_path" } },
	{ &pb__process_details__descriptor, { "exec_id" } },
	{ &pb__task_io__descriptor, { "stdin", "stdout", "stderr", "terminal" } },
	{ &pb__task_create__descriptor,
	  { "container_id", "bundle", "rootfs", "io", "checkpoint", "pid" } },
	{ &pb__task_start__descriptor, { "container_id", "pid" } },
	{ &pb__task_exec_added__descriptor, { "container_id", "exec_id" } },
	{ &pb__task_exec_started__descriptor, { "container_id", "exec_id", "pid" } },
	{ &pb__task_exit__descriptor, { "container_id", "id", "pid", "exit_status", "exited_at" } },
	{ &pb__task_delete__descriptor,
	  { "container_id", "pid", "exit_status", "exited_at", "id" } },
	{ &pb__task_notice__descriptor, { "container_id" } },
	{ &pb__metrics__descriptor,
	  { "pids", "cpu", "memory", "rdma", "io", "hugetlb", "memory_events" } },
};

static const char *const status_names[] = { "UNKNOWN", "CREATED", "RUNNING",
					    "STOPPED", "PAUSED",  "PAUSING" };

static const char *const code_names[] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
};

const char *const *message_names(const ProtobufCMessageDescriptor *descriptor)
{
	for (size_t i = 0; i < sizeof(message_table) / sizeof(message_table[0]); i++) {
		if (message_table[i].descriptor == descriptor)
			return message_table[i].names;
	}
	return NULL;
}

static const void *field_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	return (const char *)message + field->offset;
}

/* The same moment has the same name everywhere; one that is not of this hour says so. */
static void print_time(struct world *world, struct buf *out, const Pb__Timestamp *at)
{
	int64_t age;

	if (!at) {
		buf_print(out, "ABSENT");
		return;
	}
	if (at->seconds == go_zero_seconds && at->nanos == 0) {
		buf_print(out, "ZERO");
		return;
	}
	age = (int64_t)time(NULL) - at->seconds;
	if (age < -2 || age > 3600) {
		buf_print(out, "ODD(%" PRId64 ".%09d)", at->seconds, at->nanos);
		return;
	}
	buf_print(out, "T%d",
		  known_index(&world->times,
			      (uint64_t)at->seconds * 1000000000u + (uint64_t)at->nanos));
}

static void print_pid(struct world *world, struct buf *out, const char *name, uint32_t pid)
{
	if (pid == 0)
		buf_print(out, "0");
	else if (strcmp(name, "shim_pid") == 0)
		buf_print(out, "S%d", known_index(&world->shims, pid));
	else
		buf_print(out, "P%d", known_index(&world->pids, pid));
}

static void print_any(struct world *world, struct buf *out, const Pb__Any *any)
{
	static const struct {
		const char *url;
		const ProtobufCMessageDescriptor *descriptor;
	} known[] = {
		{ "containerd.runc.v1.ProcessDetails", &pb__process_details__descriptor },
		{ "io.containerd.cgroups.v2.Metrics", &pb__metrics__descriptor },
	};

	if (!any) {
		buf_print(out, "ABSENT");
		return;
	}
	buf_print(out, "<%s", any->type_url);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		ProtobufCMessage *inner;

		if (strcmp(known[i].url, any->type_url) != 0)
			continue;
		inner = protobuf_c_message_unpack(known[i].descriptor, NULL, any->value.len,
						  any->value.data);
		if (!inner) {
			buf_print(out, " UNDECODABLE");
			break;
		}
		message_print(world, out, inner);
		protobuf_c_message_free_unpacked(inner, NULL);
		buf_print(out, ">");
		return;
	}
	buf_print(out, " %zu bytes>", any->value.len);
}

/* Numbers of Metrics differ always: say only which parts are there. */
static void print_metrics(struct buf *out, const ProtobufCMessage *message,
			  const char *const *names)
{
	for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = message->descriptor->fields + i;
		const void *const *pointer = field_at(message, field);

		if (field->label != PROTOBUF_C_LABEL_REPEATED && *pointer)
			buf_print(out, " %s", names[i]);
	}
}

static void print_value(struct world *world, struct buf *out, const ProtobufCFieldDescriptor *field,
			const char *name, const void *at)
{
	const ProtobufCBinaryData *bytes;
	uint32_t u32 = 0;

	switch ((int)field->type) {
	case PROTOBUF_C_TYPE_STRING:
		buf_print(out, "%s", *(const char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes = at;
		buf_print(out, "(%zu bytes)", bytes->len);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buf_print(out, "%s", *(const protobuf_c_boolean *)at ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		memcpy(&u32, at, sizeof(u32));
		if (strstr(name, "pid"))
			print_pid(world, out, name, u32);
		else if (strcmp(name, "status") == 0 && u32 < 6)
			buf_print(out, "%s", status_names[u32]);
		else
			buf_print(out, "%" PRIu32, u32);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		if (field->descriptor == &pb__timestamp__descriptor) {
			print_time(world, out, *(Pb__Timestamp *const *)at);
		} else if (field->descriptor == &pb__any__descriptor) {
			print_any(world, out, *(Pb__Any *const *)at);
		} else if (!*(ProtobufCMessage *const *)at) {
			buf_print(out, "ABSENT");
		} else {
			buf_print(out, "{");
			message_print(world, out, *(ProtobufCMessage *const *)at);
			buf_print(out, " }");
		}
		break;
	default:
		buf_print(out, "?");
	}
}

static int by_pid(const void *a, const void *b)
{
	const Pb__ProcessInfo *const *left = a;
	const Pb__ProcessInfo *const *right = b;

	return (*left)->pid < (*right)->pid ? -1 : (*left)->pid > (*right)->pid;
}

static void print_list(struct world *world, struct buf *out, const ProtobufCFieldDescriptor *field,
		       const char *name, const ProtobufCMessage *message)
{
	size_t count;
	char *const *items = field_at(message, field);
	char *list = *items;

	memcpy(&count, (const char *)message + field->quantifier_offset, sizeof(count));
	if (field->descriptor == &pb__process_info__descriptor && count)
		qsort(list, count, sizeof(void *), by_pid);
	buf_print(out, "[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_print(out, ",");
		print_value(world, out, field, name, list + i * sizeof(void *));
	}
	buf_print(out, "]");
}

void message_print(struct world *world, struct buf *out, const ProtobufCMessage *message)
{
	const char *const *names = message_names(message->descriptor);

	if (message->descriptor == &pb__metrics__descriptor) {
		print_metrics(out, message, names);
		return;
	}
	for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = message->descriptor->fields + i;
		const char *name = names ? names[i] : "?";

		buf_print(out, " %s=", name);
		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			print_list(world, out, field, name, message);
		else
			print_value(world, out, field, name, field_at(message, field));
	}
	if (message->n_unknown_fields)
		buf_print(out, " unknown_fields=%u", message->n_unknown_fields);
}

static void fill_value(struct world *world, const ProtobufCFieldDescriptor *field, void *at,
		       const char *text)
{
	uint32_t u32;

	switch ((int)field->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = strdup(text);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = strcmp(text, "true") == 0;
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32:
		u32 = (uint32_t)strtoul(text, NULL, 0);
		memcpy(at, &u32, sizeof(u32));
		break;
	default:
		fail(world, "a field of this type cannot be given as text");
	}
}

void message_fill(struct world *world, ProtobufCMessage *message, const struct words *words)
{
	const char *const *names = message_names(message->descriptor);

	for (unsigned int i = 0; names && i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = message->descriptor->fields + i;
		const char *text = words_get(words, names[i]);

		if (!text || field->label == PROTOBUF_C_LABEL_REPEATED ||
		    field->type == PROTOBUF_C_TYPE_MESSAGE)
			continue;
		fill_value(world, field, (char *)message + field->offset, text);
	}
}

static void print_status(struct world *world, const char *label, const Pb__Status *status)
{
	int32_t code = status->code;

	if (code > 0 && (size_t)code < sizeof(code_names) / sizeof(code_names[0]))
		say(world, "< %s: %s: %s%s", label, code_names[code], status->message,
		    status->n_details ? " (with details)" : "");
	else
		say(world, "< %s: code %d: %s", label, code, status->message);
}

void response_print(struct world *world, const char *label, const struct method *method,
		    const uint8_t *data, size_t len)
{
	Pb__Response *response = (Pb__Response *)protobuf_c_message_unpack(
		&pb__response__descriptor, NULL, len, data);
	ProtobufCMessage *answer;
	struct buf out = { 0 };

	if (!response) {
		say(world, "< %s: the Response cannot be decoded (%zu bytes)", label, len);
		return;
	}
	if (response->status && response->status->code != 0) {
		print_status(world, label, response->status);
		protobuf_c_message_free_unpacked(&response->base, NULL);
		return;
	}
	answer = protobuf_c_message_unpack(method->response, NULL, response->payload.len,
					   response->payload.data);
	if (answer)
		message_print(world, &out, answer);
	else
		buf_print(&out, " UNDECODABLE");
	say(world, "< %s: ok%.*s", label, (int)out.len, (const char *)out.data);
	if (answer)
		protobuf_c_message_free_unpacked(answer, NULL);
	protobuf_c_message_free_unpacked(&response->base, NULL);
	buf_done(&out);
}
