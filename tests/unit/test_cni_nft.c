/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <stdint.h>

#include "cni/nft.h"
#include "config/base/err.h"

/* The attribute of a type among len bytes of them. */
static const struct nlattr *attr_in(const void *begin, size_t len, uint16_t type)
{
	const char *end = (const char *)begin + len;

	for (const struct nlattr *attr = begin; mnl_attr_ok(attr, (int)(end - (const char *)attr));
	     attr = mnl_attr_next(attr))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static const struct nlattr *attr_of(const struct nlmsghdr *nlh, uint16_t type)
{
	const char *begin = mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg));

	return attr_in(begin, (size_t)((const char *)mnl_nlmsg_get_payload_tail(nlh) - begin),
		       type);
}

static const struct nlattr *inside(const struct nlattr *outer, uint16_t type)
{
	return outer ? attr_in(mnl_attr_get_payload(outer), mnl_attr_get_payload_len(outer), type)
		     : NULL;
}

/* The nth attribute inside another. */
static const struct nlattr *nth(const struct nlattr *outer, size_t n)
{
	const struct nlattr *attr = mnl_attr_get_payload(outer);
	const char *end = (const char *)attr + mnl_attr_get_payload_len(outer);

	for (; n > 0; n--)
		attr = mnl_attr_next(attr);
	return mnl_attr_ok(attr, (int)(end - (const char *)attr)) ? attr : NULL;
}

static bool is_text(const struct nlattr *attr, const char *text)
{
	return attr && strcmp(mnl_attr_get_str(attr), text) == 0;
}

/* In the order of the network, as all numbers of nf_tables but what is in registers. */
static bool is_u32(const struct nlattr *attr, uint32_t value)
{
	return attr && mnl_attr_get_payload_len(attr) == 4 &&
	       mnl_attr_get_u32(attr) == htonl(value);
}

static uint16_t type_of(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_type & 0xff;
}

TEST(a_batch_begins_and_numbers_its_messages)
{
	struct nft_batch batch;
	const struct nfgenmsg *header;

	nft_begin(&batch);
	nft_put_table(&batch, "azl");
	CHECK(batch.n == 2);
	CHECK(batch.messages[0]->nlmsg_type == NFNL_MSG_BATCH_BEGIN);
	CHECK(batch.messages[0]->nlmsg_flags == NLM_F_REQUEST);
	header = mnl_nlmsg_get_payload(batch.messages[0]);
	CHECK(header->nfgen_family == AF_UNSPEC && header->res_id == htons(NFNL_SUBSYS_NFTABLES));
	CHECK(batch.messages[1]->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE));
	CHECK(batch.messages[1]->nlmsg_flags ==
	      (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL));
	CHECK(batch.messages[0]->nlmsg_seq == 1 && batch.messages[1]->nlmsg_seq == 2);
	header = mnl_nlmsg_get_payload(batch.messages[1]);
	CHECK(header->nfgen_family == NFPROTO_INET && header->res_id == 0);
	CHECK(is_text(attr_of(batch.messages[1], NFTA_TABLE_NAME), "azl"));
}

TEST(a_flowtable_has_its_links_at_ingress)
{
	const char *const links[] = { "azc1", "eth0" };
	struct nft_batch batch;
	const struct nlmsghdr *nlh;
	const struct nlattr *hook;
	const struct nlattr *devices;

	nft_begin(&batch);
	nft_put_flowtable(&batch, "azl", "pods", links, 2);
	nft_put_flowtable_forget(&batch, "azl", "pods", "azc1");
	nlh = batch.messages[1];
	CHECK(type_of(nlh) == NFT_MSG_NEWFLOWTABLE);
	CHECK(nlh->nlmsg_flags == (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE));
	CHECK(is_text(attr_of(nlh, NFTA_FLOWTABLE_TABLE), "azl"));
	CHECK(is_text(attr_of(nlh, NFTA_FLOWTABLE_NAME), "pods"));
	hook = attr_of(nlh, NFTA_FLOWTABLE_HOOK);
	CHECK(is_u32(inside(hook, NFTA_FLOWTABLE_HOOK_NUM), NF_NETDEV_INGRESS));
	CHECK(is_u32(inside(hook, NFTA_FLOWTABLE_HOOK_PRIORITY), 0));
	devices = inside(hook, NFTA_FLOWTABLE_HOOK_DEVS);
	CHECK(is_text(nth(devices, 0), "azc1") && is_text(nth(devices, 1), "eth0"));
	CHECK(!nth(devices, 2));
	CHECK(type_of(batch.messages[2]) == NFT_MSG_DELFLOWTABLE);
	CHECK(batch.messages[2]->nlmsg_flags == (NLM_F_REQUEST | NLM_F_ACK));
	devices = inside(attr_of(batch.messages[2], NFTA_FLOWTABLE_HOOK), NFTA_FLOWTABLE_HOOK_DEVS);
	CHECK(is_text(nth(devices, 0), "azc1") && !nth(devices, 1));
}

TEST(the_rule_adds_what_is_established)
{
	static const char *const names[] = { "ct", "bitwise", "cmp", "flow_offload" };
	struct nft_batch batch;
	const struct nlattr *list;
	const struct nlattr *data;
	const struct nlattr *mask;

	nft_begin(&batch);
	nft_put_forward(&batch, "azl", "forward");
	nft_put_flow_rule(&batch, "azl", "forward", "pods");
	CHECK(is_u32(inside(attr_of(batch.messages[1], NFTA_CHAIN_HOOK), NFTA_HOOK_HOOKNUM),
		     NF_INET_FORWARD));
	CHECK(is_u32(attr_of(batch.messages[1], NFTA_CHAIN_POLICY), NF_ACCEPT));
	CHECK(is_text(attr_of(batch.messages[1], NFTA_CHAIN_TYPE), "filter"));
	list = attr_of(batch.messages[2], NFTA_RULE_EXPRESSIONS);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(is_text(inside(nth(list, i), NFTA_EXPR_NAME), names[i]));
	data = inside(nth(list, 0), NFTA_EXPR_DATA);
	CHECK(is_u32(inside(data, NFTA_CT_KEY), NFT_CT_STATE));
	data = inside(nth(list, 1), NFTA_EXPR_DATA);
	CHECK(is_u32(inside(data, NFTA_BITWISE_LEN), 4));
	mask = inside(inside(data, NFTA_BITWISE_MASK), NFTA_DATA_VALUE);
	CHECK(mask && mnl_attr_get_u32(mask) == 2); /* as "ct state established" in nft */
	data = inside(nth(list, 2), NFTA_EXPR_DATA);
	CHECK(is_u32(inside(data, NFTA_CMP_OP), NFT_CMP_NEQ));
	data = inside(nth(list, 3), NFTA_EXPR_DATA);
	CHECK(is_text(inside(data, NFTA_FLOW_TABLE_NAME), "pods"));
}

/* What a kernel without flowtables can be asked: all of the batch or nothing. */
TEST(a_batch_is_in_force_as_a_whole)
{
	struct nft_batch batch;
	struct err err = { 0 };
	int rc;

	if (unshare(CLONE_NEWNET) < 0) {
		printf("# not root: not tried\n");
		return;
	}
	nft_begin(&batch);
	nft_put_table(&batch, "azl");
	nft_put_forward(&batch, "azl", "forward");
	rc = nft_send(&batch, &err);
	if (rc == -EPROTONOSUPPORT || rc == -EOPNOTSUPP) {
		printf("# no nf_tables: not tried: %s\n", err.msg);
		return;
	}
	CHECK(rc == 0);
	nft_begin(&batch);
	nft_put_table(&batch, "azl");
	CHECK(nft_send(&batch, &err) == -EEXIST);
	CHECK(strstr(err.msg, "make the table"));
	/* the table would be new, the chain's table is not there: neither is made */
	nft_begin(&batch);
	nft_put_table(&batch, "other");
	nft_put_forward(&batch, "missing", "forward");
	CHECK(nft_send(&batch, &err) == -ENOENT);
	nft_begin(&batch);
	nft_put_table(&batch, "other");
	CHECK(nft_send(&batch, &err) == 0);
	nft_begin(&batch);
	nft_put_flowtable_forget(&batch, "azl", "pods", "lo");
	CHECK(nft_send(&batch, &err) < 0);
}
