/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/guards.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "cni/rtnl.h"
#include "cni/rule.h"
#include "config/base/err.h"

enum {
	GUARDS_PREF_ALLOWED = 88,
	GUARDS_PREF_HOST = 89,
	GUARDS_PREF_CLOSED = 90,
	GUARDS_PORTS_MAX = 2,
	GUARDS_MAX = 2,
	GUARDS_RULES_MAX = 1 + GUARDS_PORTS_MAX,
};

/* One address that is guarded. */
struct guards_target {
	struct address address;
	uint16_t ports[GUARDS_PORTS_MAX]; /* 0: none */
};

static const struct guards_target guards_targets[GUARDS_MAX] = {
	{ .address = { .family = AF_INET, .prefix = 32, .bytes = { 168, 63, 129, 16 } },
	  .ports = { 80, 32526 } },
	{ .address = { .family = AF_INET, .prefix = 32, .bytes = { 169, 254, 169, 254 } },
	  .ports = { 80 } },
};

/* The rules of one address, and which of them the kernel has. */
struct guards_state {
	struct rule rules[GUARDS_MAX][GUARDS_RULES_MAX];
	bool there[GUARDS_MAX][GUARDS_RULES_MAX];
	size_t n[GUARDS_MAX];
};

static struct rule guards_pass(const struct guards_target *target, uint32_t priority,
			       const char *iif)
{
	struct rule rule = {
		.dst = target->address,
		.priority = priority,
		.action = FR_ACT_TO_TBL,
		.table = RT_TABLE_MAIN,
		.protocol = RTNL_PROTOCOL,
	};

	(void)snprintf(rule.iif, sizeof(rule.iif), "%s", iif);
	return rule;
}

static void guards_plan(struct guards_state *state)
{
	for (size_t t = 0; t < GUARDS_MAX; t++) {
		const struct guards_target *target = &guards_targets[t];
		struct rule *rules = state->rules[t];

		/* The host's own way first, so that it is never closed for a moment. */
		rules[0] = guards_pass(target, GUARDS_PREF_HOST, "lo");
		state->n[t] = 1;
		for (size_t i = 0; i < GUARDS_PORTS_MAX && target->ports[i]; i++)
			rules[state->n[t]++] = (struct rule){
				.dst = target->address,
				.priority = GUARDS_PREF_CLOSED,
				.action = FR_ACT_PROHIBIT,
				.ip_proto = IPPROTO_TCP,
				.port = target->ports[i],
				.protocol = RTNL_PROTOCOL,
			};
	}
}

static void guards_restart(void *owner)
{
	struct guards_state *state = owner;

	for (size_t t = 0; t < GUARDS_MAX; t++)
		for (size_t i = 0; i < GUARDS_RULES_MAX; i++)
			state->there[t][i] = false;
}

static int guards_seen(void *owner, const struct nlmsghdr *nlh)
{
	struct guards_state *state = owner;
	struct rule rule;

	if (rule_parse(nlh, &rule) < 0 || rule.protocol != RTNL_PROTOCOL)
		return 0;
	for (size_t t = 0; t < GUARDS_MAX; t++)
		for (size_t i = 0; i < state->n[t]; i++)
			if (rule_equal(&rule, &state->rules[t][i]))
				state->there[t][i] = true;
	return 0;
}

int guards_apply(struct rtnl *rtnl, bool wireserver, bool imds, const char *host_name,
		 struct err *err)
{
	own_batch struct rtnl_batch *batch = rtnl_batch_new(err);
	const bool wanted[GUARDS_MAX] = { wireserver, imds };
	struct guards_state state = { 0 };
	int rc;

	if (!batch)
		return err->code;
	guards_plan(&state);
	rule_put_dump(batch, AF_INET);
	rc = rtnl_dump(rtnl, batch, guards_seen, guards_restart, &state, err);
	if (rc < 0)
		return rc;
	rtnl_batch_clear(batch);
	for (size_t t = 0; t < GUARDS_MAX; t++) {
		if (!wanted[t] && state.there[t][1]) {
			struct rule pass =
				guards_pass(&guards_targets[t], GUARDS_PREF_ALLOWED, host_name);

			rule_put(batch, &pass);
		}
		for (size_t i = 0; wanted[t] && i < state.n[t]; i++)
			if (!state.there[t][i])
				rule_put(batch, &state.rules[t][i]);
	}
	rc = rtnl_send(rtnl, batch, err);
	return rc < 0 ? err_wrap(err, "guards") : 0;
}

void guards_put_forget(struct rtnl_batch *batch, const char *host_name)
{
	for (size_t t = 0; t < GUARDS_MAX; t++) {
		struct rule pass = guards_pass(&guards_targets[t], GUARDS_PREF_ALLOWED, host_name);

		rule_put_delete(batch, &pass);
		rtnl_ignore(batch, EOPNOTSUPP); /* a kernel without rules has none of ours */
		rtnl_ignore(batch, EAFNOSUPPORT);
	}
}
