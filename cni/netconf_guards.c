/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/netconf_guards.h"

#include <stdio.h>
#include <string.h>

#include "cni/error.h"
#include "cni/read.h"
#include "config/base/err.h"

_Static_assert((int)NETCONF_ALSO_MAX <= (int)GUARDS_ALSO_MAX, "more than the rules have room for");

static const char *const asks[NETCONF_TARGETS] = {
	[TARGET_WIRESERVER] = NETCONF_ASK_WIRESERVER,
	[TARGET_IMDS] = NETCONF_ASK_IMDS,
};

/* ---- the configuration ---- */

static bool is_text(const struct read_value *value, const char *text)
{
	return value->type == JSON_STRING && value->len == strlen(text) &&
	       memcmp(value->text, text, value->len) == 0;
}

static int take_guard(const struct read_value *value, enum netconf_guard *guard)
{
	if (value->type == JSON_BOOL)
		*guard = value->len == 4 ? GUARD_CLOSED : GUARD_OPEN;
	else if (is_text(value, "opt-in"))
		*guard = GUARD_OPT_IN;
	else if (value->type != JSON_NULL)
		return read_refuse(value, "must be true (closed), false (open) or \"opt-in\" "
					  "(closed but to pods that ask)");
	return 0;
}

static int take_also(const struct read_value *value, struct netconf *netconf)
{
	char text[ADDRESS_TEXT_ROOM + sizeof("[]:65535")] = "";
	int depth = json_path_depth(value->path);
	int code;

	if (depth == 2) {
		netconf->n_also = 0;
		return value->type == JSON_ARRAY || value->type == JSON_NULL
			       ? 0
			       : read_refuse(value, "must be a list of \"ADDRESS\" and "
						    "\"ADDRESS:PORT\"");
	}
	if (netconf->n_also == NETCONF_ALSO_MAX)
		return read_refuse(value, "is one too many");
	code = depth == 3 ? read_chars(value, text, sizeof(text)) : -1;
	if (code < 0 || endpoint_parse(text, &netconf->also[netconf->n_also]) < 0)
		return read_refuse(value, "must be \"ADDRESS\", \"ADDRESS:PORT\" or "
					  "\"[IPV6]:PORT\"");
	netconf->n_also++;
	return 0;
}

int netconf_guards_read(const struct read_value *value, struct netconf *netconf)
{
	int depth = json_path_depth(value->path);

	if (depth == 1)
		return value->type == JSON_OBJECT || value->type == JSON_NULL
			       ? 0
			       : read_refuse(value, "must be an object");
	if (read_key_is(value, 1, "also"))
		return take_also(value, netconf);
	if (depth == 2 && read_key_is(value, 1, "wireserver"))
		return take_guard(value, &netconf->guards[TARGET_WIRESERVER]);
	if (depth == 2 && read_key_is(value, 1, "imds"))
		return take_guard(value, &netconf->guards[TARGET_IMDS]);
	/* a wrong letter must not leave something open */
	return read_refuse(value, "is not known here: known are wireserver, imds and also");
}

/* ---- the pod ---- */

static enum netconf_ask ask_of(const struct read_value *value)
{
	if (value->type == JSON_NULL)
		return ASK_NOTHING;
	return is_text(value, "allow") ? ASK_ALLOW : ASK_UNKNOWN;
}

void netconf_guards_annotation(const struct read_value *value, struct netconf *netconf)
{
	for (int i = 0; i < NETCONF_TARGETS; i++)
		if (json_path_depth(value->path) == 3 && read_key_is(value, 2, asks[i]))
			netconf->asked[i] = ask_of(value);
}

/* { "key": ..., "value": ... }, in any order. Source: CNI, CONVENTIONS.md, "labels". */
void netconf_guards_label(const struct read_value *value, struct netconf_label *label,
			  struct netconf *netconf)
{
	int depth = json_path_depth(value->path);

	if (depth == 4)
		*label = (struct netconf_label){ .target = NETCONF_TARGETS };
	if (depth != 5)
		return;
	if (read_key_is(value, 4, "key")) {
		for (int i = 0; i < NETCONF_TARGETS; i++)
			if (is_text(value, asks[i]))
				label->target = i;
	} else if (read_key_is(value, 4, "value")) {
		label->ask = ask_of(value);
	}
	if (label->target < NETCONF_TARGETS && label->ask != ASK_NOTHING)
		netconf->asked[label->target] = label->ask;
}

/* ---- what comes of it ---- */

static enum guards_way way_of(const struct netconf *netconf, enum netconf_target target)
{
	bool asked = netconf->asked[target] == ASK_ALLOW;

	switch (netconf->guards[target]) {
	case GUARD_CLOSED:
		return GUARDS_CLOSE;
	case GUARD_OPEN:
		return GUARDS_PASS;
	case GUARD_OPT_IN:
		return asked ? GUARDS_PASS : GUARDS_CLOSE;
	case GUARD_DEFAULT:
		break;
	}
	/* nodes that CNS serves have pods that ask for identities */
	if (target == TARGET_IMDS && netconf->ipam == IPAM_CNS)
		return asked ? GUARDS_PASS : GUARDS_LEAVE;
	return GUARDS_CLOSE;
}

struct guards netconf_guards(const struct netconf *netconf)
{
	return (struct guards){
		.wireserver = way_of(netconf, TARGET_WIRESERVER),
		.imds = way_of(netconf, TARGET_IMDS),
		.also = netconf->also,
		.n_also = netconf->n_also,
	};
}

int netconf_guards_check(const struct netconf *netconf, struct err *err)
{
	for (int i = 0; i < NETCONF_TARGETS; i++) {
		if (netconf->asked[i] == ASK_UNKNOWN)
			return cni_err(err, CNI_CONFIG_INVALID,
				       "%s of the pod: must be \"allow\", or left out", asks[i]);
	}
	return 0;
}

const char *netconf_guards_refused(const struct netconf *netconf)
{
	for (int i = 0; i < NETCONF_TARGETS; i++) {
		if (netconf->asked[i] == ASK_ALLOW &&
		    way_of(netconf, (enum netconf_target)i) == GUARDS_CLOSE)
			return asks[i];
	}
	return NULL;
}
