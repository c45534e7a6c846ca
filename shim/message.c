/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <protobuf-c/protobuf-c.h>

#include "config/base/buf.h"
#include "config/base/err.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5, VARINT_MAX_BYTES = 10 };

/* ---- budget ---- */

struct budget {
	size_t left;
	bool spent; /* it, or the machine's memory */
};

static void *budget_alloc(void *owner, size_t bytes)
{
	struct budget *budget = owner;
	void *data = bytes <= budget->left ? malloc(bytes ? bytes : 1) : NULL;

	if (data)
		budget->left -= bytes;
	else
		budget->spent = true;
	return data;
}

/* Never given back to the budget: what is counted is the work, too. */
static void budget_free(void *owner, void *data)
{
	(void)owner;
	free(data);
}

static size_t budget_for(size_t len)
{
	size_t base = MESSAGE_BUDGET_BASE_BYTES;

	if (len > (MESSAGE_BUDGET_MAX_BYTES - base) / MESSAGE_BUDGET_FACTOR)
		return MESSAGE_BUDGET_MAX_BYTES;
	return len * MESSAGE_BUDGET_FACTOR + base;
}

/* ---- text ---- */

/* Length of the UTF-8 character at the front, or 0. Source: RFC 3629, section 4. */
static size_t character_len(const uint8_t *at, size_t len)
{
	uint8_t low = 0x80; /* bounds of the second byte */
	uint8_t high = 0xbf;
	size_t want;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		want = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		want = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		want = 4;
	else
		return 0;
	if (len < want)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < want; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return want;
}

bool message_text_ok(const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text;

	while (len > 0) {
		size_t n = at[0] ? character_len(at, len) : 0;

		if (n == 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

/* ---- walk over the wire form ---- */

struct wire {
	const uint8_t *at;
	const uint8_t *end;
};

static int take_varint(struct wire *wire, uint64_t *value)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VARINT_MAX_BYTES && wire->at < wire->end; i++) {
		uint8_t byte = *wire->at++;

		sum |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*value = sum;
			return 0;
		}
	}
	return -EBADMSG;
}

/* Step over one value; `content` is what a length-delimited one holds. */
static int take_value(struct wire *wire, unsigned type, struct wire *content)
{
	size_t left = (size_t)(wire->end - wire->at);
	uint64_t n = 0;

	if (type == WIRE_VARINT)
		return take_varint(wire, &n);
	if (type == WIRE_64)
		n = 8;
	else if (type == WIRE_32)
		n = 4;
	else if (type != WIRE_BYTES || take_varint(wire, &n) < 0)
		return -EBADMSG;
	else
		left = (size_t)(wire->end - wire->at);
	if (n > left)
		return -EBADMSG;
	*content = (struct wire){ wire->at, wire->at + n };
	wire->at += n;
	return 0;
}

struct walk {
	const ProtobufCMessageDescriptor *descriptor;
	struct wire wire;
};

/*
 * Check one field of the innermost message: strings are text; a message in it goes on the stack.
 *
 * Returns 0 or negative, err filled.
 */
static int check_field(struct walk *stack, int *depth, struct err *err)
{
	struct walk *top = &stack[*depth - 1];
	struct wire content = { NULL, NULL };
	const ProtobufCFieldDescriptor *field;
	uint64_t tag;

	if (take_varint(&top->wire, &tag) < 0 || tag >> 3 == 0 || tag >> 32 != 0 ||
	    take_value(&top->wire, (unsigned)tag & 7, &content) < 0)
		return err_set(err, -EBADMSG, "message: broken encoding");
	if ((tag & 7) != WIRE_BYTES)
		return 0;
	field = protobuf_c_message_descriptor_get_field(top->descriptor, (unsigned)(tag >> 3));
	if (!field)
		return 0;
	if (field->type == PROTOBUF_C_TYPE_STRING &&
	    !message_text_ok((const char *)content.at, (size_t)(content.end - content.at)))
		return err_set(err, -EBADMSG,
			       "message: string in field %u is not UTF-8, or holds a NUL byte",
			       field->id);
	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	if (*depth == MESSAGE_DEPTH_MAX)
		return err_set(err, -EBADMSG, "message: too many levels");
	stack[(*depth)++] = (struct walk){ field->descriptor, content };
	return 0;
}

/* protobuf-c gives C strings and forgets their length; so this is looked at before. */
static int check_wire(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
		      size_t len, struct err *err)
{
	struct walk stack[MESSAGE_DEPTH_MAX];
	int depth = 1;

	stack[0] = (struct walk){ descriptor, { bytes, bytes + len } };
	while (depth > 0) {
		if (stack[depth - 1].wire.at == stack[depth - 1].wire.end)
			depth--;
		else if (check_field(stack, &depth, err) < 0)
			return err->code;
	}
	return 0;
}

/* ---- calls ---- */

void *message_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
		     struct err *err)
{
	static const uint8_t nothing[1];
	struct budget budget = { .left = budget_for(len) };
	ProtobufCAllocator allocator = { budget_alloc, budget_free, &budget };
	ProtobufCMessage *message;

	if (len == 0)
		bytes = nothing;
	if (check_wire(descriptor, bytes, len, err) < 0)
		return NULL;
	message = protobuf_c_message_unpack(descriptor, &allocator, len, bytes);
	if (!message && budget.spent)
		(void)err_set(err, -ENOMEM, "message: no memory, or it wants more than allowed");
	else if (!message)
		(void)err_set(err, -EBADMSG, "message: broken encoding");
	return message;
}

void message_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

int message_pack(const ProtobufCMessage *message, struct buf *out, size_t limit)
{
	size_t bytes = protobuf_c_message_get_packed_size(message);
	size_t want;
	uint8_t *at;

	if (__builtin_add_overflow(out->len, bytes, &want) || want > limit)
		return -EMSGSIZE;
	if (bytes == 0)
		return 0;
	at = buf_reserve(out, bytes, limit);
	if (!at)
		return -ENOMEM;
	out->len += protobuf_c_message_pack(message, at);
	return 0;
}
