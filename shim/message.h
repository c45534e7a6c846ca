/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages between bytes and structs, within bounds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
typedef struct ProtobufCMessage ProtobufCMessage;
typedef struct ProtobufCMessageDescriptor ProtobufCMessageDescriptor;

enum {
	MESSAGE_BUDGET_FACTOR = 8,	      /* memory that a message may take: its bytes, times */
	MESSAGE_BUDGET_BASE_BYTES = 64 << 10, /* this, and this */
	MESSAGE_BUDGET_MAX_BYTES = 32 << 20,
	MESSAGE_DEPTH_MAX = 8, /* messages in messages, as far as descriptors know them */
};

/*
 * Decode a message.
 *
 * bytes, len   borrowed; the message copies what it keeps
 *
 * Returns the message, owned by the caller (message_free), or NULL with err filled:
 *   -EBADMSG    not such a message, or a string in it is no UTF-8 or holds a NUL byte
 *   -ENOMEM     it would take more memory than allowed, or there is none
 *
 * Source: protobuf encoding; proto3 strings are UTF-8, and C strings end at NUL.
 */
void *message_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
		     struct err *err);

/* Free a decoded message; NULL is fine. */
void message_free(void *message);

/*
 * Encode a message.
 *
 * out     appended to; unchanged on failure
 * limit   largest length of `out`, bytes
 *
 * Returns 0, -EMSGSIZE (over the limit), -ENOMEM.
 */
int message_pack(const ProtobufCMessage *message, struct buf *out, size_t limit);

/* True for text that proto3 and C both can hold: valid UTF-8 without NUL. */
bool message_text_ok(const char *text, size_t len);
