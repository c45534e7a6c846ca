/* SPDX-License-Identifier: Apache-2.0 */
/* Routing netlink: several messages in one send, each answered for; dumps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct mnl_socket;
struct nlattr;
struct nlmsghdr;

enum {
	RTNL_BATCH_BYTES = 64 * 1024,
	RTNL_BATCH_MESSAGES = 128,
	RTNL_MESSAGE_ROOM = 1024,      /* the longest message: a pair of links with its alias */
	RTNL_SEND_MESSAGES = 64,       /* answers of that many fit the default receive buffer */
	RTNL_RECEIVE_ROOM = 64 * 1024, /* links have many attributes */
	RTNL_LIMIT_MS = 5000,	       /* for all answers of one send, and for one dump */
	RTNL_IGNORE_MAX = 4,
	RTNL_WHAT_ROOM = 112,
};

/* Marks of ours in the kernel; one for every file. */
enum {
	RTNL_PROTOCOL = 172,	    /* of routes and rules; unused in rt_protos */
	RTNL_GROUP = 0x415a43,	    /* of host ends: "AZC" */
	RTNL_GROUP_GONE = 0x415a44, /* of host ends that nobody uses any more */
};

/* A socket; it stays in the network namespace in which it was opened. */
struct rtnl {
	struct mnl_socket *socket; /* owned; NULL: not open */
	uint8_t *room;		   /* owned; RTNL_RECEIVE_ROOM bytes */
	uint32_t seq;
};

/* Called with each message that answers a request. Returns 0, or negative to fail the request. */
typedef int rtnl_reply_fn(void *owner, const struct nlmsghdr *nlh);

struct rtnl_message {
	size_t at;		     /* in bytes */
	int ignore[RTNL_IGNORE_MAX]; /* errno values that are success; 0: none */
	int result;		   /* after rtnl_send: 0, or what the kernel said, ignored or not */
	rtnl_reply_fn *reply;	   /* NULL: answers are dropped */
	void *owner;		   /* of reply; borrowed */
	char what[RTNL_WHAT_ROOM]; /* for the text of errors */
};

/* Messages that go out together. Heap: 80 KiB that nobody need touch. */
struct rtnl_batch {
	size_t len; /* bytes of all messages but the last */
	size_t n;
	bool full; /* more was put than fits: rtnl_send fails */
	struct rtnl_message messages[RTNL_BATCH_MESSAGES + 1];
	uint8_t bytes[RTNL_BATCH_BYTES] __attribute__((aligned(8)));
};

/* Open a socket in the caller's network namespace, close-on-exec. Returns 0 or negative. */
int rtnl_open(struct rtnl *rtnl, struct err *err);

/* The same for generic netlink: messages of a family are put, sent and answered for alike. */
int rtnl_open_generic(struct rtnl *rtnl, struct err *err);
void rtnl_done(struct rtnl *rtnl);

/* An empty batch, or NULL with err filled. rtnl_batch_free accepts NULL. */
struct rtnl_batch *rtnl_batch_new(struct err *err);
void rtnl_batch_free(struct rtnl_batch *batch);
void rtnl_batch_clear(struct rtnl_batch *batch);

/* own_rtnl, own_batch: as own_fd. */
void rtnl_clean_batch(struct rtnl_batch **batch);
#define own_rtnl  __attribute__((cleanup(rtnl_done)))
#define own_batch __attribute__((cleanup(rtnl_clean_batch)))

/*
 * Begin the next message.
 *
 * type    RTM_*
 * flags   NLM_F_* besides NLM_F_REQUEST; NLM_F_ACK is set when it is sent
 * fmt     what it is for: "add route 10.0.0.1/32"
 *
 * Returns where header and attributes go, up to RTNL_MESSAGE_ROOM bytes; never NULL (a batch that
 * is full says so when it is sent).
 */
struct nlmsghdr *rtnl_put(struct rtnl_batch *batch, uint16_t type, uint16_t flags, const char *fmt,
			  ...) __attribute__((format(printf, 4, 5)));

/* The last message may fail with that errno value (positive). */
void rtnl_ignore(struct rtnl_batch *batch, int value);

/* Who takes the answer to the last message. */
void rtnl_reply(struct rtnl_batch *batch, rtnl_reply_fn *reply, void *owner);

/*
 * Send all messages and wait for the answer to each. The kernel works through all of them: one that
 * fails does not stop those behind it. The results stay in the batch until it is cleared.
 *
 * Returns 0, or the first error that is not to be ignored, with what the message was for and the
 * kernel's own words; -ETIMEDOUT; -ENOBUFS (answers were lost).
 *
 * Source: net/netlink/af_netlink.c, netlink_rcv_skb, netlink_ack.
 */
int rtnl_send(struct rtnl *rtnl, struct rtnl_batch *batch, struct err *err);

/*
 * Send the one message of a batch as a dump; reply is called with each object. A dump that a change
 * interrupted starts again.
 *
 * restart   called with owner before each try, to forget what was seen; NULL: no need
 *
 * Returns 0 or negative.
 */
int rtnl_dump(struct rtnl *rtnl, struct rtnl_batch *batch, rtnl_reply_fn *reply,
	      void (*restart)(void *owner), void *owner, struct err *err);

/*
 * Attributes of a message behind a header of that many bytes, one after the other, and those inside
 * an attribute. NULL: no more, or it is cut short.
 */
const struct nlattr *rtnl_attr(const struct nlmsghdr *nlh, size_t header);
const struct nlattr *rtnl_attr_next(const struct nlmsghdr *nlh, const struct nlattr *attr);
const struct nlattr *rtnl_nested(const struct nlattr *outer);
const struct nlattr *rtnl_nested_next(const struct nlattr *outer, const struct nlattr *attr);
