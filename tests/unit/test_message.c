/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <protobuf-c/protobuf-c.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/proto/options.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "tests/unit/guard.h"
#include "tests/unit/test.h"

#pragma GCC diagnostic ignored "-Wcast-qual" /* the initialisers of protobuf-c cast const away */

enum { LIMIT = 1 << 20 };

/* Decode bytes that end at a guard page. */
static void *unpack(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t len,
		    struct err *err)
{
	struct guard guard = guard_copy(bytes, len);
	void *message = message_unpack(descriptor, guard.bytes, len, err);

	guard_done(&guard);
	return message;
}

/* A Create with every kind of field in it. */
static void pack_create(struct buf *out)
{
	static char id[] = "abc";
	static char type[] = "overlay";
	static char option[] = "lowerdir=/a";
	static char *options[] = { option, option };
	static uint8_t value[] = { 1, 2, 0, 255 };
	Pb__Mount mount = PB__MOUNT__INIT;
	Pb__Mount *mounts[] = { &mount, &mount };
	Pb__Any any = PB__ANY__INIT;
	Pb__CreateTaskRequest request = PB__CREATE_TASK_REQUEST__INIT;

	mount.type = type;
	mount.options = options;
	mount.n_options = 2;
	any.type_url = type;
	any.value.data = value;
	any.value.len = sizeof(value);
	request.id = id;
	request.rootfs = mounts;
	request.n_rootfs = 2;
	request.terminal = true;
	request.options = &any;
	CHECK(message_pack(&request.base, out, LIMIT) == 0);
}

TEST(reads_what_it_wrote)
{
	struct buf bytes = { 0 };
	struct err err;
	Pb__CreateTaskRequest *back;

	pack_create(&bytes);
	back = unpack(&pb__create_task_request__descriptor, bytes.data, bytes.len, &err);
	CHECK(back != NULL);
	if (back) {
		CHECK_TEXT(back->id, "abc");
		CHECK_TEXT(back->bundle, "");
		CHECK(back->n_rootfs == 2 && back->rootfs[1]->n_options == 2 && back->terminal);
		CHECK_TEXT(back->rootfs[1]->options[1], "lowerdir=/a");
		CHECK(back->options && back->options->value.len == 4);
	}
	message_free(back);
	message_free(NULL);
	buf_done(&bytes);
}

TEST(reads_an_empty_message)
{
	struct err err;
	Pb__CreateTaskRequest *message =
		message_unpack(&pb__create_task_request__descriptor, NULL, 0, &err);

	CHECK(message != NULL);
	if (message)
		CHECK_TEXT(message->id, "");
	message_free(message);
}

TEST(every_cut_message_is_read_or_refused)
{
	struct buf bytes = { 0 };
	int refused = 0;

	pack_create(&bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		struct err err = { 0 };
		void *message = unpack(&pb__create_task_request__descriptor, bytes.data, len, &err);

		CHECK(message || err.code == -EBADMSG);
		refused += !message;
		message_free(message);
	}
	CHECK(refused > (int)bytes.len / 2);
	buf_done(&bytes);
}

TEST(refuses_a_nul_byte_in_a_text)
{
	struct err err;

	CHECK(!unpack(&pb__process_request__descriptor,
		      "\x0a\x03"
		      "a\0b",
		      5, &err));
	CHECK(err.code == -EBADMSG);
	CHECK_TEXT(err.msg, "message: string in field 1 is not UTF-8, or holds a NUL byte");
	/* also in a message in the message */
	CHECK(!unpack(&pb__create_task_request__descriptor, "\x1a\x03\x0a\x01\0", 5, &err));
	CHECK(err.code == -EBADMSG);
}

TEST(refuses_text_that_is_no_utf8)
{
	struct err err;
	void *message;

	CHECK(!unpack(&pb__process_request__descriptor, "\x0a\x01\xff", 3, &err));
	CHECK(err.code == -EBADMSG);
	message = unpack(&pb__any__descriptor, "\x12\x01\xff", 3, &err); /* bytes may be anything */
	CHECK(message != NULL);
	message_free(message);
}

TEST(skips_fields_of_a_newer_peer)
{
	static const char bytes[] = "\x0a\x01"
				    "a"
				    "\x98\x06\x96\x01" /* 99: varint */
				    "\x91\x06"
				    "12345678"		   /* 98: 64 bits */
				    "\x8a\x06\x02\xff\x00" /* 97: bytes */
				    "\x85\x06"
				    "1234" /* 96: 32 bits */
				    "\x12\x01"
				    "b";
	struct err err;
	Pb__ProcessRequest *message =
		unpack(&pb__process_request__descriptor, bytes, sizeof(bytes) - 1, &err);

	CHECK(message != NULL);
	if (message) {
		CHECK_TEXT(message->id, "a");
		CHECK_TEXT(message->exec_id, "b");
	}
	message_free(message);
}

TEST(the_last_of_two_scalars_counts)
{
	struct err err;
	Pb__KillRequest *message = unpack(&pb__kill_request__descriptor,
					  "\x0a\x01"
					  "a\x18\x09\x0a\x01"
					  "b\x18\x0f",
					  10, &err);

	CHECK(message && message->signal == 15 && strcmp(message->id, "b") == 0);
	message_free(message);
}

TEST(refuses_broken_encodings)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "\x0a", 1 }, /* no length */
		{ "\x0a\x05"
		  "a",
		  3 },							    /* too short */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },	    /* length of 2^64 - 1 */
		{ "\x0a\x80", 2 },					    /* varint without end */
		{ "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, /* 11 bytes */
		{ "\x02\x00", 2 },					    /* field 0 */
		{ "\x0b\x0c", 2 },					    /* a group */
		{ "\x0f", 1 },						    /* type 7 */
		{ "\x99\x06"
		  "1234567",
		  9 }, /* 64 bits, cut */
		{ "\x9d\x06"
		  "123",
		  5 },		   /* 32 bits, cut */
		{ "\x08\x01", 2 }, /* a number where a text belongs */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };

		CHECK(!unpack(&pb__process_request__descriptor, cases[i].bytes, cases[i].len,
			      &err));
		CHECK(err.code == -EBADMSG);
	}
}

/* Two bytes per field cost many times as much in memory. */
TEST(stops_a_message_that_costs_too_much)
{
	size_t len = 4 << 20;
	char *bytes = malloc(len);
	struct err err = { 0 };

	for (size_t i = 0; i < len; i += 2)
		memcpy(bytes + i, "\x7a\x00", 2); /* field 15, empty */
	CHECK(!message_unpack(&pb__create_task_request__descriptor, (uint8_t *)bytes, len, &err));
	CHECK(err.code == -ENOMEM);
	for (size_t i = 0; i < len; i += 2)
		memcpy(bytes + i, "\x1a\x00", 2); /* an empty mount */
	CHECK(!message_unpack(&pb__create_task_request__descriptor, (uint8_t *)bytes, len, &err));
	CHECK(err.code == -ENOMEM);
	free(bytes);
}

TEST(reads_a_text_as_large_as_a_frame)
{
	size_t len = 4 << 20;
	uint8_t *bytes = malloc(len + 5);
	struct err err;
	Pb__Any *message;

	memcpy(bytes, "\x12\x80\x80\x80\x02", 5); /* 4 MiB */
	memset(bytes + 5, 'x', len);
	message = message_unpack(&pb__any__descriptor, bytes, len + 5, &err);
	CHECK(message && message->value.len == len);
	message_free(message);
	free(bytes);
}

/* ---- what protobuf-c does when memory is gone ---- */

static int allocations_left;

static void *countdown_alloc(void *owner, size_t bytes)
{
	(void)owner;
	return allocations_left-- > 0 ? malloc(bytes) : NULL;
}

static void countdown_free(void *owner, void *data)
{
	(void)owner;
	free(data);
}

TEST(the_library_survives_the_failure_of_every_allocation)
{
	ProtobufCAllocator allocator = { countdown_alloc, countdown_free, NULL };
	struct buf bytes = { 0 };
	ProtobufCMessage *message = NULL;
	int failed = 0;

	pack_create(&bytes);
	CHECK(buf_add(&bytes, "\x9a\x06\x02xy\xa0\x06\x01", 8, LIMIT) == 0); /* unknown fields */
	for (int i = 0; i < 40; i++) /* more than the library keeps on its stack */
		CHECK(buf_add(&bytes, "\x1a\x03\x22\x01z", 5, LIMIT) == 0);
	for (int n = 0; n < 1000 && !message; n++) {
		allocations_left = n;
		message = protobuf_c_message_unpack(&pb__create_task_request__descriptor,
						    &allocator, bytes.len, bytes.data);
		failed += !message;
	}
	CHECK(message && failed > 50);
	if (message)
		protobuf_c_message_free_unpacked(message, &allocator);
	buf_done(&bytes);
}

TEST(writes_behind_what_is_there_and_within_the_limit)
{
	static char id[] = "abc";
	Pb__ProcessRequest request = PB__PROCESS_REQUEST__INIT;
	struct buf out = { 0 };

	CHECK(message_pack(&request.base, &out, 0) == 0 && out.len == 0);
	request.id = id;
	CHECK(buf_add_text(&out, "x", LIMIT) == 0);
	CHECK(message_pack(&request.base, &out, 5) == -EMSGSIZE);
	CHECK(out.len == 1);
	CHECK(message_pack(&request.base, &out, 6) == 0);
	CHECK(out.len == 6 && memcmp(out.data,
				     "x\x0a\x03"
				     "abc",
				     6) == 0);
	buf_done(&out);
}

/* Source: RFC 3629, section 4; the borders of its table. */
TEST(tells_text_from_bytes)
{
	static const char *const good[] = { "",
					    "a",
					    "\xc2\x80",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xef\xbf\xbf",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf",
					    "x\xc3\xa4y" };
	static const char *const bad[] = { "\x80",
					   "\xbf",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xc2",
					   "\xc2\x41",
					   "\xe0\x9f\xbf",
					   "\xe0\xa0",
					   "\xed\xa0\x80",
					   "\xf0\x8f\xbf\xbf",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xff",
					   "\xe1\x80\xc0",
					   "\xf1\x80\x80",
					   "\xf1\x80\x80z" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct guard guard = guard_copy(good[i], strlen(good[i]));

		CHECK(message_text_ok((const char *)guard.bytes, strlen(good[i])));
		guard_done(&guard);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct guard guard = guard_copy(bad[i], strlen(bad[i]));

		CHECK(!message_text_ok((const char *)guard.bytes, strlen(bad[i])));
		guard_done(&guard);
	}
	CHECK(!message_text_ok("\0", 1));
}
