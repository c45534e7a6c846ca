/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/guards.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "cni/error.h"
#include "cni/rtnl.h"
#include "cni/rule.h"
#include "config/base/err.h"

enum {
	GUARDS_PREF_GUARDED = 85,
	GUARDS_PREF_UNGUARDED,
	GUARDS_PREF_BEGIN,
	GUARDS_PREF_ALLOWED,
	GUARDS_PREF_HOST,
	GUARDS_PREF_CLOSED,
	GUARDS_PREF_OTHER_PORTS,
	GUARDS_PREF_NO_PORT,
	GUARDS_PREF_END,
	GUARDS_FRAME = 4,
	GUARDS_OF_ONE_MAX = 4,
	GUARDS_BUILT_IN = 5,
	GUARDS_RULES_MAX =
		2 * GUARDS_FRAME + GUARDS_OF_ONE_MAX * (GUARDS_BUILT_IN + GUARDS_ALSO_MAX),
	GUARDS_PORT_MOST = 65534,
};

/* The rules that are wanted, and which of them the kernel has. */
struct guards_list {
	struct rule rules[GUARDS_RULES_MAX];
	bool there[GUARDS_RULES_MAX];
	size_t n;
};

static const struct endpoint guards_wireserver[] = {
	{ { .family = AF_INET, .prefix = 32, .bytes = { 168, 63, 129, 16 } }, 80 },
	{ { .family = AF_INET, .prefix = 32, .bytes = { 168, 63, 129, 16 } }, 32526 },
	{ { .family = AF_INET6,
	    .prefix = 128,
	    .bytes = { 0, 0x64, 0xff, 0x9b, [12] = 168, 63, 129, 16 } },
	  0 },
};

static const struct endpoint guards_imds[] = {
	{ { .family = AF_INET, .prefix = 32, .bytes = { 169, 254, 169, 254 } }, 0 },
	{ { .family = AF_INET6,
	    .prefix = 128,
	    .bytes = { 0, 0x64, 0xff, 0x9b, [12] = 169, 254, 169, 254 } },
	  0 },
};

static struct rule guards_any(uint8_t family, uint32_t priority, uint8_t action)
{
	return (struct rule){ .dst = { .family = family },
			      .priority = priority,
			      .action = action,
			      .protocol = RTNL_PROTOCOL };
}

static struct rule guards_goto(const struct address *to, uint32_t priority, uint32_t target)
{
	struct rule rule = guards_any(to->family, priority, FR_ACT_GOTO);

	rule.dst = *to;
	rule.target = target;
	return rule;
}

static struct rule guards_prohibit(const struct endpoint *closed, uint32_t priority)
{
	struct rule rule = guards_any(closed->address.family, priority, FR_ACT_PROHIBIT);

	rule.dst = closed->address;
	rule.ip_proto = closed->port ? IPPROTO_TCP : 0;
	return rule;
}

/* Once: several ports of an address share rules. */
static void guards_want(struct guards_list *list, const struct rule *rule)
{
	for (size_t i = 0; i < list->n; i++)
		if (rule_equal(&list->rules[i], rule))
			return;
	if (list->n < GUARDS_RULES_MAX)
		list->rules[list->n++] = *rule;
}

/* What is there once for all addresses of a family. */
static void guards_want_frame(struct guards_list *list, uint8_t family)
{
	const struct address any = { .family = family };
	struct rule end = guards_any(family, GUARDS_PREF_END, FR_ACT_NOP);
	struct rule begin = guards_any(family, GUARDS_PREF_BEGIN, FR_ACT_NOP);
	struct rule unguarded = guards_goto(&any, GUARDS_PREF_UNGUARDED, GUARDS_PREF_END);
	struct rule host = guards_goto(&any, GUARDS_PREF_HOST, GUARDS_PREF_END);

	(void)snprintf(host.iif, sizeof(host.iif), "lo");
	guards_want(list, &end);
	guards_want(list, &begin);
	guards_want(list, &unguarded);
	guards_want(list, &host);
}

static void guards_want_pass(struct guards_list *list, const struct address *to,
			     const char *host_name)
{
	struct rule pass = guards_goto(to, GUARDS_PREF_ALLOWED, GUARDS_PREF_END);

	(void)snprintf(pass.iif, sizeof(pass.iif), "%s", host_name);
	guards_want(list, &pass);
}

static void guards_want_closed(struct guards_list *list, const struct endpoint *closed)
{
	struct rule prohibit = guards_prohibit(closed, GUARDS_PREF_CLOSED);
	struct rule others =
		guards_goto(&closed->address, GUARDS_PREF_OTHER_PORTS, GUARDS_PREF_END);
	struct rule no_port = guards_prohibit(closed, GUARDS_PREF_NO_PORT);

	prohibit.dport = (struct rule_ports){ closed->port, closed->port };
	others.ip_proto = IPPROTO_TCP;
	others.sport = (struct rule_ports){ 1, GUARDS_PORT_MOST };
	guards_want(list, &prohibit);
	if (!closed->port)
		return;
	guards_want(list, &others);
	guards_want(list, &no_port);
}

static void guards_plan_one(struct guards_list *list, enum guards_way way,
			    const struct endpoint *endpoints, size_t n, const char *host_name)
{
	for (size_t i = 0; i < n && way != GUARDS_LEAVE; i++) {
		const struct address *to = &endpoints[i].address;
		struct rule guarded = guards_goto(to, GUARDS_PREF_GUARDED, GUARDS_PREF_BEGIN);

		guards_want_frame(list, to->family);
		if (way == GUARDS_PASS)
			guards_want_pass(list, to, host_name);
		else
			guards_want_closed(list, &endpoints[i]);
		/* Last: from here on the others are looked at. */
		guards_want(list, &guarded);
	}
}

static void guards_plan(const struct guards *guards, const char *host_name,
			struct guards_list *list)
{
	*list = (struct guards_list){ 0 };
	guards_plan_one(list, guards->wireserver, guards_wireserver,
			sizeof(guards_wireserver) / sizeof(guards_wireserver[0]), host_name);
	guards_plan_one(list, guards->imds, guards_imds,
			sizeof(guards_imds) / sizeof(guards_imds[0]), host_name);
	guards_plan_one(list, GUARDS_CLOSE, guards->also, guards->n_also, host_name);
}

static int guards_seen(void *owner, const struct nlmsghdr *nlh)
{
	struct guards_list *list = owner;
	struct rule rule;

	if (rule_parse(nlh, &rule) < 0)
		return 0;
	for (size_t i = 0; i < list->n; i++)
		if (rule_equal(&rule, &list->rules[i]))
			list->there[i] = true;
	return 0;
}

/* Which of them there are of a family. A kernel without IPv6 has none, and wants none. */
static int guards_look_family(struct rtnl *rtnl, struct guards_list *list, uint8_t family,
			      struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	int rc;

	if (!batch)
		return err->code;
	rule_put_dump(batch, family);
	rc = rtnl_dump(rtnl, batch, guards_seen, NULL, list, err);
	if (rc == -EAFNOSUPPORT && family == AF_INET6) {
		for (size_t i = 0; i < list->n; i++)
			list->there[i] = list->there[i] || list->rules[i].dst.family == family;
		rc = 0;
	}
	return rc;
}

static int guards_look(struct rtnl *rtnl, struct guards_list *list, struct err *err)
{
	int rc = 0;

	if (list->n > 0)
		rc = guards_look_family(rtnl, list, AF_INET, err);
	if (rc == 0 && list->n > 0)
		rc = guards_look_family(rtnl, list, AF_INET6, err);
	return rc < 0 ? err_wrap(err, "guards") : 0;
}

int guards_apply(struct rtnl *rtnl, const struct guards *guards, const char *host_name,
		 struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	struct guards_list list;
	int rc;

	if (!batch)
		return err->code;
	guards_plan(guards, host_name, &list);
	rc = guards_look(rtnl, &list, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list.n; i++)
		if (!list.there[i])
			rule_put(batch, &list.rules[i]);
	rc = rtnl_send(rtnl, batch, err);
	return rc < 0 ? err_wrap(err, "guards") : 0;
}

int guards_check(struct rtnl *rtnl, const struct guards *guards, const char *host_name,
		 struct err *err)
{
	struct guards_list list;
	char text[ADDRESS_TEXT_ROOM];
	int rc;

	guards_plan(guards, host_name, &list);
	rc = guards_look(rtnl, &list, err);
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		if (list.there[i])
			continue;
		address_format(&list.rules[i].dst, false, text);
		rc = cni_err(err, CNI_CHECK_FAILED, "guards: rule %u to %s is missing",
			     list.rules[i].priority, text);
	}
	return rc;
}

void guards_put_forget(struct rtnl_batch *batch, const char *host_name)
{
	const struct guards all = { .wireserver = GUARDS_PASS, .imds = GUARDS_PASS };
	struct guards_list list;

	guards_plan(&all, host_name, &list);
	for (size_t i = 0; i < list.n; i++) {
		if (list.rules[i].priority != GUARDS_PREF_ALLOWED)
			continue;
		rule_put_delete(batch, &list.rules[i]);
		rtnl_ignore(batch, EOPNOTSUPP); /* a kernel without rules has none of ours */
		rtnl_ignore(batch, EAFNOSUPPORT);
	}
}
