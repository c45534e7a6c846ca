/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the message; what can be read must survive writing and reading again. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <protobuf-c/protobuf-c.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/message.h"
#include "shim/proto/events.pb-c.h"
#include "shim/proto/metrics.pb-c.h"
#include "shim/proto/options.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"

enum { PACKED_MAX_BYTES = 64 << 20 };

/* New ones go to the end: kept inputs choose by number. */
static const ProtobufCMessageDescriptor *const messages[] = {
	&pb__request__descriptor,
	&pb__response__descriptor,
	&pb__process_request__descriptor,
	&pb__create_task_request__descriptor,
	&pb__checkpoint_task_request__descriptor,
	&pb__kill_request__descriptor,
	&pb__exec_process_request__descriptor,
	&pb__resize_pty_request__descriptor,
	&pb__close_iorequest__descriptor,
	&pb__update_task_request__descriptor,
	&pb__shutdown_request__descriptor,
	&pb__any__descriptor,
	&pb__runc_options__descriptor,
	&pb__runtime_options__descriptor,
	&pb__legacy_create_options__descriptor,
	&pb__legacy_runc_options__descriptor,
	&pb__checkpoint_options__descriptor,
	&pb__bootstrap_params__descriptor,
	&pb__forward_request__descriptor,
	&pb__metrics__descriptor,
};

/* Returns the message, or NULL and why. */
static void *unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
		    int *code)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct err err = { 0 };
	void *message = message_unpack(descriptor, copy, size, &err);

	FUZZ_CHECK(message || err.code < 0);
	free(copy);
	*code = err.code;
	return message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *descriptor;
	struct buf once = { 0 };
	struct buf twice = { 0 };
	void *message;
	int code;

	if (size < 1)
		return 0;
	descriptor = messages[data[0] % (sizeof(messages) / sizeof(messages[0]))];
	message = unpack(descriptor, data + 1, size - 1, &code);
	if (!message)
		return 0;
	FUZZ_CHECK(message_pack(message, &once, PACKED_MAX_BYTES) == 0);
	message_free(message);
	message = unpack(descriptor, once.data, once.len, &code);
	/* Numbers written too long become short: fewer bytes, and less memory allowed. */
	FUZZ_CHECK(message || (code == -ENOMEM && once.len < size - 1));
	if (message) {
		FUZZ_CHECK(message_pack(message, &twice, PACKED_MAX_BYTES) == 0);
		FUZZ_CHECK(once.len == twice.len);
		FUZZ_CHECK(once.len == 0 || memcmp(once.data, twice.data, once.len) == 0);
	}
	message_free(message);
	buf_done(&once);
	buf_done(&twice);
	return 0;
}
