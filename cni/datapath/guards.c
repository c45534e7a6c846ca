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
	GUARDS_PREF_ALLOWED = 88,
	GUARDS_PREF_HOST,
	GUARDS_PREF_CLOSED,
	GUARDS_PREF_OTHER_PORTS,
	GUARDS_PREF_NO_PORT,
	GUARDS_PREF_END,
	GUARDS_OF_ONE_MAX = 4,
	GUARDS_BUILT_IN = 5,
	GUARDS_RULES_MAX = 2 + GUARDS_OF_ONE_MAX * (GUARDS_BUILT_IN + GUARDS_ALSO_MAX),
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

static struct rule guards_pass(const struct address *to, uint32_t priority, const char *iif)
{
	struct rule rule = {
		.dst = *to,
		.priority = priority,
		.action = FR_ACT_GOTO,
		.target = GUARDS_PREF_END,
		.protocol = RTNL_PROTOCOL,
	};

	(void)snprintf(rule.iif, sizeof(rule.iif), "%s", iif);
	return rule;
}

static struct rule guards_prohibit(const struct endpoint *closed, uint32_t priority)
{
	return (struct rule){
		.dst = closed->address,
		.priority = priority,
		.action = FR_ACT_PROHIBIT,
		.ip_proto = closed->port ? IPPROTO_TCP : 0,
		.protocol = RTNL_PROTOCOL,
	};
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

/* Where passes lead: what is behind it decides, as if there were no guards. */
static void guards_want_end(struct guards_list *list, uint8_t family)
{
	const struct rule end = { .dst = { .family = family },
				  .priority = GUARDS_PREF_END,
				  .action = FR_ACT_NOP,
				  .protocol = RTNL_PROTOCOL };

	guards_want(list, &end);
}

static void guards_close(struct guards_list *list, const struct endpoint *closed)
{
	/* The host's own way first, so that it is never closed for a moment. */
	struct rule host = guards_pass(&closed->address, GUARDS_PREF_HOST, "lo");
	struct rule prohibit = guards_prohibit(closed, GUARDS_PREF_CLOSED);
	struct rule others = guards_pass(&closed->address, GUARDS_PREF_OTHER_PORTS, "");
	struct rule no_port = guards_prohibit(closed, GUARDS_PREF_NO_PORT);

	prohibit.dport = (struct rule_ports){ closed->port, closed->port };
	others.ip_proto = IPPROTO_TCP;
	others.sport = (struct rule_ports){ 1, GUARDS_PORT_MOST };
	guards_want(list, &host);
	guards_want(list, &prohibit);
	if (!closed->port)
		return;
	guards_want(list, &others);
	guards_want(list, &no_port);
}

static void guards_plan_one(struct guards_list *list, enum guards_way way,
			    const struct endpoint *endpoints, size_t n, const char *host_name)
{
	for (size_t i = 0; i < n; i++) {
		struct rule pass =
			guards_pass(&endpoints[i].address, GUARDS_PREF_ALLOWED, host_name);

		if (way != GUARDS_LEAVE)
			guards_want_end(list, endpoints[i].address.family);
		if (way == GUARDS_CLOSE)
			guards_close(list, &endpoints[i]);
		else if (way == GUARDS_PASS)
			guards_want(list, &pass);
	}
}

static void guards_plan(const struct guards *guards, const char *host_name,
			struct guards_list *list)
{
	list->n = 0;
	guards_plan_one(list, guards->wireserver, guards_wireserver,
			sizeof(guards_wireserver) / sizeof(guards_wireserver[0]), host_name);
	guards_plan_one(list, guards->imds, guards_imds,
			sizeof(guards_imds) / sizeof(guards_imds[0]), host_name);
	guards_plan_one(list, GUARDS_CLOSE, guards->also, guards->n_also, host_name);
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
	for (size_t i = 0; i < list.n; i++) {
		rule_put(batch, &list.rules[i]);
		if (list.rules[i].dst.family == AF_INET6)
			rtnl_ignore(batch, EAFNOSUPPORT);
	}
	rc = rtnl_send(rtnl, batch, err);
	return rc < 0 ? err_wrap(err, "guards") : 0;
}

static void guards_restart(void *owner)
{
	struct guards_list *list = owner;

	for (size_t i = 0; i < list->n; i++)
		list->there[i] = false;
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

static int guards_check_family(struct rtnl *rtnl, struct guards_list *list, uint8_t family,
			       struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	char text[ADDRESS_TEXT_ROOM];
	int rc;

	if (!batch)
		return err->code;
	rule_put_dump(batch, family);
	rc = rtnl_dump(rtnl, batch, guards_seen, guards_restart, list, err);
	if (rc == -EAFNOSUPPORT && family == AF_INET6)
		return 0;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list->n; i++) {
		if (list->there[i] || list->rules[i].dst.family != family)
			continue;
		address_format(&list->rules[i].dst, false, text);
		return cni_err(err, CNI_CHECK_FAILED, "guards: rule %u to %s is missing",
			       list->rules[i].priority, text);
	}
	return 0;
}

int guards_check(struct rtnl *rtnl, const struct guards *guards, const char *host_name,
		 struct err *err)
{
	struct guards_list list;
	int rc;

	guards_plan(guards, host_name, &list);
	rc = guards_check_family(rtnl, &list, AF_INET, err);
	return rc < 0 ? rc : guards_check_family(rtnl, &list, AF_INET6, err);
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
