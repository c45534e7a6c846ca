/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "config/base/err.h"

enum { RTNL_DUMP_TRIES = 20 };

static int64_t rtnl_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int rtnl_open_protocol(struct rtnl *rtnl, int protocol, struct err *err)
{
	const int on = 1;
	struct rtnl made = { 0 };

	made.socket = mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!made.socket)
		return err_errno(err, "open a netlink socket");
	if (mnl_socket_bind(made.socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		(void)err_errno(err, "bind a netlink socket");
		rtnl_done(&made);
		return err->code;
	}
	/* Kernels that lack one of these only say less. */
	(void)mnl_socket_setsockopt(made.socket, NETLINK_EXT_ACK, (void *)&(int){ on }, sizeof(on));
	(void)mnl_socket_setsockopt(made.socket, NETLINK_CAP_ACK, (void *)&(int){ on }, sizeof(on));
	(void)mnl_socket_setsockopt(made.socket, NETLINK_GET_STRICT_CHK, (void *)&(int){ on },
				    sizeof(on));
	made.room = malloc(RTNL_RECEIVE_ROOM);
	if (!made.room) {
		rtnl_done(&made);
		return err_set(err, -ENOMEM, "open a netlink socket: out of memory");
	}
	made.seq = 1;
	*rtnl = made;
	return 0;
}

int rtnl_open(struct rtnl *rtnl, struct err *err)
{
	return rtnl_open_protocol(rtnl, NETLINK_ROUTE, err);
}

int rtnl_open_generic(struct rtnl *rtnl, struct err *err)
{
	return rtnl_open_protocol(rtnl, NETLINK_GENERIC, err);
}

void rtnl_done(struct rtnl *rtnl)
{
	int saved = errno;

	if (rtnl->socket)
		(void)mnl_socket_close(rtnl->socket);
	free(rtnl->room);
	rtnl->socket = NULL;
	rtnl->room = NULL;
	errno = saved;
}

struct rtnl_batch *rtnl_batch_new(struct err *err)
{
	struct rtnl_batch *batch = malloc(sizeof(*batch));

	if (!batch) {
		(void)err_set(err, -ENOMEM, "netlink messages: out of memory");
		return NULL;
	}
	rtnl_batch_clear(batch);
	return batch;
}

void rtnl_batch_free(struct rtnl_batch *batch)
{
	free(batch);
}

void rtnl_clean_batch(struct rtnl_batch **batch)
{
	rtnl_batch_free(*batch);
}

void rtnl_batch_clear(struct rtnl_batch *batch)
{
	batch->len = 0;
	batch->n = 0;
	batch->full = false;
}

/* Length of everything put so far: the last message has grown behind our back. */
static size_t rtnl_batch_len(const struct rtnl_batch *batch)
{
	const struct nlmsghdr *last;

	if (batch->n == 0)
		return 0;
	last = (const void *)(batch->bytes + batch->len);
	return batch->len + NLMSG_ALIGN(last->nlmsg_len);
}

struct nlmsghdr *rtnl_put(struct rtnl_batch *batch, uint16_t type, uint16_t flags, const char *fmt,
			  ...)
{
	size_t at = rtnl_batch_len(batch);
	struct rtnl_message *message;
	struct nlmsghdr *nlh;
	va_list args;

	if (batch->n == RTNL_BATCH_MESSAGES || at > RTNL_BATCH_BYTES - RTNL_MESSAGE_ROOM) {
		/* Goes nowhere: over the first message of a batch that will not be sent. */
		batch->full = true;
		batch->n = 0;
		at = 0;
	}
	message = &batch->messages[batch->n++];
	*message = (struct rtnl_message){ .at = at };
	va_start(args, fmt);
	(void)vsnprintf(message->what, sizeof(message->what), fmt, args);
	va_end(args);
	batch->len = at;
	nlh = mnl_nlmsg_put_header(batch->bytes + at);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return nlh;
}

void rtnl_ignore(struct rtnl_batch *batch, int value)
{
	int *ignore = batch->messages[batch->n - 1].ignore;

	for (size_t i = 0; i < RTNL_IGNORE_MAX; i++) {
		if (ignore[i] == 0) {
			ignore[i] = value;
			return;
		}
	}
}

void rtnl_reply(struct rtnl_batch *batch, rtnl_reply_fn *reply, void *owner)
{
	batch->messages[batch->n - 1].reply = reply;
	batch->messages[batch->n - 1].owner = owner;
}

static const struct nlattr *rtnl_attr_if(const void *at, const void *end)
{
	ptrdiff_t left = (const uint8_t *)end - (const uint8_t *)at;

	return left > 0 && mnl_attr_ok(at, (int)left) ? at : NULL;
}

const struct nlattr *rtnl_attr(const struct nlmsghdr *nlh, size_t header)
{
	if (nlh->nlmsg_len < NLMSG_HDRLEN + header)
		return NULL;
	return rtnl_attr_if(mnl_nlmsg_get_payload_offset(nlh, header),
			    mnl_nlmsg_get_payload_tail(nlh));
}

const struct nlattr *rtnl_attr_next(const struct nlmsghdr *nlh, const struct nlattr *attr)
{
	return rtnl_attr_if(mnl_attr_next(attr), mnl_nlmsg_get_payload_tail(nlh));
}

const struct nlattr *rtnl_nested(const struct nlattr *outer)
{
	const uint8_t *begin = mnl_attr_get_payload(outer);

	return rtnl_attr_if(begin, begin + mnl_attr_get_payload_len(outer));
}

const struct nlattr *rtnl_nested_next(const struct nlattr *outer, const struct nlattr *attr)
{
	const uint8_t *begin = mnl_attr_get_payload(outer);

	return rtnl_attr_if(mnl_attr_next(attr), begin + mnl_attr_get_payload_len(outer));
}

static bool rtnl_is_ignored(const struct rtnl_message *message)
{
	for (size_t i = 0; i < RTNL_IGNORE_MAX; i++)
		if (message->ignore[i] != 0 && message->ignore[i] == -message->result)
			return true;
	return false;
}

/*
 * The kernel's words in an NLMSG_ERROR or NLMSG_DONE; "" without.
 *
 * Source: Documentation/userspace-api/netlink/intro.rst, "Extended ACK".
 */
static const char *rtnl_words(const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || nlh->nlmsg_len < NLMSG_HDRLEN + offset)
		return "";
	for (attr = rtnl_attr(nlh, offset); attr; attr = rtnl_attr_next(nlh, attr))
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	return "";
}

static int rtnl_fail(struct err *err, int code, const char *what, const char *words)
{
	return err_set(err, code, "%s: %s%s%s%s", what, err_reason(-code), *words ? " (" : "",
		       words, *words ? ")" : "");
}

/* One datagram into room. Returns its length or a negative errno value. */
static ssize_t rtnl_receive(struct rtnl *rtnl, int64_t until_ms)
{
	for (;;) {
		ssize_t len =
			mnl_socket_recvfrom(rtnl->socket, rtnl->room, (size_t)RTNL_RECEIVE_ROOM);
		struct pollfd wait = { .fd = mnl_socket_get_fd(rtnl->socket), .events = POLLIN };
		int64_t left;

		if (len >= 0)
			return len;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		left = until_ms - rtnl_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

/* What is under way: the messages first..first+n of a batch, and who has answered. */
struct rtnl_flight {
	struct rtnl_batch *batch;
	size_t first;
	size_t n;
	size_t answered;
	uint32_t seq; /* of the first */
	int failed;   /* of the first that failed */
	struct err *err;
};

static void rtnl_take_error(struct rtnl_flight *flight, struct rtnl_message *message,
			    const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *body = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*body);

	flight->answered++;
	if (message->result == 0)
		message->result = body->error;
	if (message->result >= 0 || flight->failed || rtnl_is_ignored(message))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += NLMSG_ALIGN(body->msg.nlmsg_len) - NLMSG_HDRLEN;
	flight->failed =
		rtnl_fail(flight->err, message->result, message->what, rtnl_words(nlh, offset));
}

static void rtnl_take(struct rtnl_flight *flight, const struct nlmsghdr *nlh)
{
	uint32_t index = nlh->nlmsg_seq - flight->seq;
	struct rtnl_message *message;

	if (index >= flight->n) /* of something before that ran out of time */
		return;
	message = &flight->batch->messages[flight->first + index];
	if (nlh->nlmsg_type == NLMSG_ERROR &&
	    nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		rtnl_take_error(flight, message, nlh);
	else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && message->reply && message->result == 0)
		message->result = message->reply(message->owner, nlh);
}

static int rtnl_answers(struct rtnl *rtnl, struct rtnl_flight *flight)
{
	int64_t until_ms = rtnl_now_ms() + RTNL_LIMIT_MS;

	while (flight->answered < flight->n) {
		ssize_t got = rtnl_receive(rtnl, until_ms);
		const struct nlmsghdr *nlh = (const void *)rtnl->room;

		if (got < 0)
			return rtnl_fail(flight->err, (int)got,
					 flight->batch->messages[flight->first].what, "");
		for (int left = (int)got; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			rtnl_take(flight, nlh);
	}
	return flight->failed;
}

/* Give each message its number. Returns the bytes from the first on. */
static size_t rtnl_number(struct rtnl *rtnl, struct rtnl_batch *batch, size_t first, size_t n)
{
	size_t begin = batch->messages[first].at;
	size_t end = first + n == batch->n ? rtnl_batch_len(batch) : batch->messages[first + n].at;

	for (size_t i = first; i < first + n; i++) {
		struct nlmsghdr *nlh = (void *)(batch->bytes + batch->messages[i].at);

		nlh->nlmsg_seq = rtnl->seq++;
		nlh->nlmsg_flags |= NLM_F_ACK;
		batch->messages[i].result = 0;
	}
	return end - begin;
}

int rtnl_send(struct rtnl *rtnl, struct rtnl_batch *batch, struct err *err)
{
	int failed = 0;

	if (batch->full)
		return err_set(err, -EMSGSIZE, "too many netlink messages");
	for (size_t first = 0; first < batch->n; first += RTNL_SEND_MESSAGES) {
		struct rtnl_flight flight = { .batch = batch,
					      .first = first,
					      .seq = rtnl->seq,
					      .failed = failed,
					      .err = err };
		size_t len;

		flight.n = batch->n - first;
		if (flight.n > RTNL_SEND_MESSAGES)
			flight.n = RTNL_SEND_MESSAGES;
		len = rtnl_number(rtnl, batch, first, flight.n);
		if (mnl_socket_sendto(rtnl->socket, batch->bytes + batch->messages[first].at, len) <
		    0)
			return err_errno(err, "%s: send", batch->messages[first].what);
		failed = rtnl_answers(rtnl, &flight);
		if (failed == -ETIMEDOUT || failed == -ENOBUFS)
			break;
	}
	return failed;
}

struct rtnl_walk {
	const char *what;
	rtnl_reply_fn *reply;
	void *owner;
	uint32_t seq;
	bool interrupted;
	bool ended;
	struct err *err;
};

static int rtnl_walk_take(struct rtnl_walk *walk, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_seq != walk->seq)
		return 0;
	walk->interrupted = walk->interrupted || (nlh->nlmsg_flags & NLM_F_DUMP_INTR);
	if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
		int code = 0;

		walk->ended = true;
		if (nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(int)))
			memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
		if (code >= 0)
			return 0;
		return rtnl_fail(walk->err, code, walk->what,
				 rtnl_words(nlh, nlh->nlmsg_type == NLMSG_DONE
							 ? sizeof(int)
							 : sizeof(struct nlmsgerr)));
	}
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	if (walk->reply(walk->owner, nlh) < 0)
		return err_set(walk->err, -EBADMSG, "%s: an answer that makes no sense",
			       walk->what);
	return 0;
}

/* One try. Returns 0, 1 when it was interrupted, or negative. */
static int rtnl_walk_once(struct rtnl *rtnl, struct rtnl_batch *batch, struct rtnl_walk *walk)
{
	struct nlmsghdr *request = (void *)batch->bytes;
	int64_t until_ms = rtnl_now_ms() + RTNL_LIMIT_MS;
	int failed = 0;

	walk->seq = request->nlmsg_seq = rtnl->seq++;
	request->nlmsg_flags |= NLM_F_DUMP;
	walk->interrupted = walk->ended = false;
	if (mnl_socket_sendto(rtnl->socket, batch->bytes, rtnl_batch_len(batch)) < 0)
		return err_errno(walk->err, "%s: send", walk->what);
	while (!walk->ended) {
		ssize_t got = rtnl_receive(rtnl, until_ms);
		const struct nlmsghdr *nlh = (const void *)rtnl->room;

		if (got < 0)
			return rtnl_fail(walk->err, (int)got, walk->what, "");
		for (int left = (int)got; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			int rc = rtnl_walk_take(walk, nlh);

			failed = failed ? failed : rc; /* read on: the socket is used again */
		}
	}
	return failed ? failed : walk->interrupted;
}

int rtnl_dump(struct rtnl *rtnl, struct rtnl_batch *batch, rtnl_reply_fn *reply,
	      void (*restart)(void *owner), void *owner, struct err *err)
{
	struct rtnl_walk walk = {
		.what = batch->messages[0].what, .reply = reply, .owner = owner, .err = err
	};

	for (int i = 0; i < RTNL_DUMP_TRIES; i++) {
		int rc;

		if (restart)
			restart(owner);
		rc = rtnl_walk_once(rtnl, batch, &walk);
		if (rc <= 0)
			return rc;
	}
	return err_set(err, -EAGAIN, "%s: it keeps changing", walk.what);
}
