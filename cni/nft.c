/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "config/base/err.h"

enum {
	NFT_PRIORITY_FILTER = 0, /* NF_IP_PRI_FILTER */
	NFT_RECEIVE_ROOM = 8192,
};

static struct nlmsghdr *nft_put(struct nft_batch *batch, uint16_t type, uint16_t flags,
				uint8_t family, const char *what)
{
	const struct nlmsghdr *last = batch->n ? batch->messages[batch->n - 1] : NULL;
	void *at = last ? (void *)((uintptr_t)last + NLMSG_ALIGN(last->nlmsg_len)) : batch->bytes;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = (uint32_t)batch->n + 1;
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	if (type < NLMSG_MIN_TYPE + 2) /* begin and end of a batch say of which subsystem */
		header->res_id = htons(NFNL_SUBSYS_NFTABLES);
	batch->whats[batch->n] = what;
	batch->messages[batch->n++] = nlh;
	return nlh;
}

static struct nlmsghdr *nft_put_object(struct nft_batch *batch, uint16_t type, uint16_t flags,
				       const char *what)
{
	return nft_put(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
		       (uint16_t)(NLM_F_ACK | flags), NFPROTO_INET, what);
}

static void nft_put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(nlh, type, htonl(value));
}

void nft_begin(struct nft_batch *batch)
{
	batch->n = 0;
	(void)nft_put(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, "begin a batch");
}

void nft_put_table(struct nft_batch *batch, const char *table)
{
	struct nlmsghdr *nlh = nft_put_object(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
					      "make the table");

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
}

static void nft_put_hook(struct nlmsghdr *nlh, const char *table, const char *flowtable,
			 const char *const *links, size_t n)
{
	struct nlattr *hook;
	struct nlattr *devices;

	mnl_attr_put_strz(nlh, NFTA_FLOWTABLE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_FLOWTABLE_NAME, flowtable);
	hook = mnl_attr_nest_start(nlh, NFTA_FLOWTABLE_HOOK);
	nft_put_u32(nlh, NFTA_FLOWTABLE_HOOK_NUM, NF_NETDEV_INGRESS);
	nft_put_u32(nlh, NFTA_FLOWTABLE_HOOK_PRIORITY, NFT_PRIORITY_FILTER);
	devices = mnl_attr_nest_start(nlh, NFTA_FLOWTABLE_HOOK_DEVS);
	for (size_t i = 0; i < n; i++)
		mnl_attr_put_strz(nlh, NFTA_DEVICE_NAME, links[i]);
	mnl_attr_nest_end(nlh, devices);
	mnl_attr_nest_end(nlh, hook);
}

void nft_put_flowtable(struct nft_batch *batch, const char *table, const char *flowtable,
		       const char *const *links, size_t n)
{
	struct nlmsghdr *nlh = nft_put_object(batch, NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE,
					      "put links into the flowtable");

	nft_put_hook(nlh, table, flowtable, links, n);
}

void nft_put_flowtable_forget(struct nft_batch *batch, const char *table, const char *flowtable,
			      const char *link)
{
	struct nlmsghdr *nlh =
		nft_put_object(batch, NFT_MSG_DELFLOWTABLE, 0, "take a link out of the flowtable");

	nft_put_hook(nlh, table, flowtable, &link, 1);
}

void nft_put_forward(struct nft_batch *batch, const char *table, const char *chain)
{
	struct nlmsghdr *nlh =
		nft_put_object(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "make the chain");
	struct nlattr *hook;

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain);
	hook = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	nft_put_u32(nlh, NFTA_HOOK_HOOKNUM, NF_INET_FORWARD);
	nft_put_u32(nlh, NFTA_HOOK_PRIORITY, NFT_PRIORITY_FILTER);
	mnl_attr_nest_end(nlh, hook);
	nft_put_u32(nlh, NFTA_CHAIN_POLICY, NF_ACCEPT);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
}

/* ---- a rule: expressions that work on a register -----------------------------------------------
 */

struct nft_expr {
	struct nlattr *element;
	struct nlattr *data;
};

static struct nft_expr nft_expr_begin(struct nlmsghdr *nlh, const char *name)
{
	struct nft_expr expr = { .element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM) };

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, name);
	expr.data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	return expr;
}

static void nft_expr_end(struct nlmsghdr *nlh, const struct nft_expr *expr)
{
	mnl_attr_nest_end(nlh, expr->data);
	mnl_attr_nest_end(nlh, expr->element);
}

/* What is in registers has the host's order. */
static void nft_put_data(struct nlmsghdr *nlh, uint16_t type, uint32_t value)
{
	struct nlattr *data = mnl_attr_nest_start(nlh, type);

	mnl_attr_put_u32(nlh, NFTA_DATA_VALUE, value);
	mnl_attr_nest_end(nlh, data);
}

static void nft_put_established(struct nlmsghdr *nlh)
{
	const uint32_t established = NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
	struct nft_expr expr = nft_expr_begin(nlh, "ct");

	nft_put_u32(nlh, NFTA_CT_KEY, NFT_CT_STATE);
	nft_put_u32(nlh, NFTA_CT_DREG, NFT_REG_1);
	nft_expr_end(nlh, &expr);
	expr = nft_expr_begin(nlh, "bitwise");
	nft_put_u32(nlh, NFTA_BITWISE_SREG, NFT_REG_1);
	nft_put_u32(nlh, NFTA_BITWISE_DREG, NFT_REG_1);
	nft_put_u32(nlh, NFTA_BITWISE_LEN, sizeof(established));
	nft_put_data(nlh, NFTA_BITWISE_MASK, established);
	nft_put_data(nlh, NFTA_BITWISE_XOR, 0);
	nft_expr_end(nlh, &expr);
	expr = nft_expr_begin(nlh, "cmp");
	nft_put_u32(nlh, NFTA_CMP_SREG, NFT_REG_1);
	nft_put_u32(nlh, NFTA_CMP_OP, NFT_CMP_NEQ);
	nft_put_data(nlh, NFTA_CMP_DATA, 0);
	nft_expr_end(nlh, &expr);
}

void nft_put_flow_rule(struct nft_batch *batch, const char *table, const char *chain,
		       const char *flowtable)
{
	struct nlmsghdr *nlh =
		nft_put_object(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "add the rule");
	struct nlattr *list;
	struct nft_expr expr;

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	list = mnl_attr_nest_start(nlh, NFTA_RULE_EXPRESSIONS);
	nft_put_established(nlh);
	expr = nft_expr_begin(nlh, "flow_offload");
	mnl_attr_put_strz(nlh, NFTA_FLOW_TABLE_NAME, flowtable);
	nft_expr_end(nlh, &expr);
	mnl_attr_nest_end(nlh, list);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

static int64_t nft_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One datagram. Returns its length or a negative errno value. */
static ssize_t nft_receive(struct mnl_socket *socket, void *room, size_t size, int64_t until_ms)
{
	for (;;) {
		struct pollfd wait = { .fd = mnl_socket_get_fd(socket), .events = POLLIN };
		ssize_t len = mnl_socket_recvfrom(socket, room, size);
		int64_t left = until_ms - nft_now_ms();

		if (len >= 0)
			return len;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

/* Returns 1: an answer to a message of the batch that went well, 0: something else, or negative. */
static int nft_take(const struct nft_batch *batch, const struct nlmsghdr *nlh, struct err *err)
{
	const struct nlmsgerr *body = mnl_nlmsg_get_payload(nlh);
	uint32_t index = nlh->nlmsg_seq - 1;

	if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*body)) ||
	    index >= batch->n)
		return 0;
	if (body->error < 0)
		return err_set(err, body->error, "nf_tables: %s: %s", batch->whats[index],
			       err_reason(-body->error));
	return batch->messages[index]->nlmsg_flags & NLM_F_ACK ? 1 : 0;
}

/*
 * Each message is answered, or the one that begins the batch with what became of all: when it is
 * not permitted, or there is no nf_tables.
 */
static int nft_answers(const struct nft_batch *batch, struct mnl_socket *socket, struct err *err)
{
	uint8_t room[NFT_RECEIVE_ROOM] __attribute__((aligned(8)));
	int64_t until_ms = nft_now_ms() + NFT_LIMIT_MS;
	size_t wanted = batch->n - 2; /* not of begin and end */
	size_t answered = 0;
	int failed = 0;

	while (answered < wanted && failed == 0) {
		ssize_t got = nft_receive(socket, room, sizeof(room), until_ms);
		const struct nlmsghdr *nlh = (const void *)room;

		if (got < 0)
			return err_set(err, (int)got, "nf_tables: %s", err_reason(-(int)got));
		for (int left = (int)got; failed == 0 && mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			int rc = nft_take(batch, nlh, err);

			failed = rc < 0 ? rc : 0;
			answered += rc > 0;
		}
	}
	return failed;
}

int nft_send(struct nft_batch *batch, struct err *err)
{
	struct mnl_socket *socket =
		mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const struct nlmsghdr *end;
	int rc = 0;

	if (!socket)
		return err_errno(err, "nf_tables: open a netlink socket");
	end = nft_put(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, "end a batch");
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, batch->bytes,
			      (uintptr_t)end + end->nlmsg_len - (uintptr_t)batch->bytes) < 0)
		rc = err_errno(err, "nf_tables: send");
	if (rc == 0)
		rc = nft_answers(batch, socket, err);
	(void)mnl_socket_close(socket);
	return rc;
}
