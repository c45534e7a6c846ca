/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cni/error.h"

enum { IFNAME_MAX_BYTES = 15, CONTAINER_MAX_BYTES = 1024 };

static const char *const verb_names[] = {
	[CNI_ADD] = "ADD", [CNI_DEL] = "DEL",	    [CNI_CHECK] = "CHECK",
	[CNI_GC] = "GC",   [CNI_STATUS] = "STATUS", [CNI_VERSION] = "VERSION",
};

/* Bits of verbs that need a variable. */
enum {
	FOR_ADD = 1 << CNI_ADD,
	FOR_DEL = 1 << CNI_DEL,
	FOR_CHECK = 1 << CNI_CHECK,
	FOR_GC = 1 << CNI_GC,
	FOR_STATUS = 1 << CNI_STATUS,
	FOR_ONE = FOR_ADD | FOR_DEL | FOR_CHECK,
};

static const struct {
	const char *name;
	unsigned int verbs;
} needs[] = {
	{ "CNI_CONTAINERID", FOR_ONE },
	{ "CNI_NETNS", FOR_ADD | FOR_CHECK },
	{ "CNI_IFNAME", FOR_ONE },
	{ "CNI_PATH", FOR_ONE | FOR_GC | FOR_STATUS },
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static int verb_parse(const char *text, enum cni_verb *verb)
{
	for (size_t i = 0; i < sizeof(verb_names) / sizeof(verb_names[0]); i++) {
		if (strcmp(text, verb_names[i]) == 0) {
			*verb = (enum cni_verb)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_missing(const char *(*get)(const char *name), enum cni_verb verb, struct err *err)
{
	char names[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (!(needs[i].verbs & 1U << verb) || or_empty(get(needs[i].name))[0])
			continue;
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 used ? "," : "", needs[i].name);
	}
	if (used == 0)
		return 0;
	return cni_err(err, CNI_ENVIRONMENT_INVALID, "required env variables [%s] missing", names);
}

static bool is_container(const char *text)
{
	if (!isalnum((unsigned char)text[0]) || strlen(text) > CONTAINER_MAX_BYTES)
		return false;
	for (; *text; text++) {
		if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
			return false;
	}
	return true;
}

static bool is_ifname(const char *text)
{
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strlen(text) > IFNAME_MAX_BYTES)
		return false;
	for (; *text; text++) {
		if (*text == '/' || *text == ':' || isspace((unsigned char)*text))
			return false;
	}
	return true;
}

static int check_names(const struct cni_args *args, struct err *err)
{
	if (!is_container(args->container))
		return cni_err(err, CNI_ENVIRONMENT_INVALID,
			       "CNI_CONTAINERID: \"%.300s\": not a name of a container",
			       args->container);
	if (!is_ifname(args->ifname))
		return cni_err(err, CNI_ENVIRONMENT_INVALID,
			       "CNI_IFNAME: \"%.300s\": not a name of an interface", args->ifname);
	return 0;
}

/* ---- CNI_ARGS ---- */

static int pair_take(struct cni_args *args, const char *key, size_t key_len, const char *value)
{
	static const struct {
		const char *name;
		size_t at;
		size_t room;
	} texts[] = {
		{ "K8S_POD_NAME", offsetof(struct cni_args, pod), sizeof(args->pod) },
		{ "K8S_POD_NAMESPACE", offsetof(struct cni_args, pod_namespace),
		  sizeof(args->pod_namespace) },
		{ "K8S_POD_UID", offsetof(struct cni_args, pod_uid), sizeof(args->pod_uid) },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strlen(texts[i].name) != key_len || memcmp(texts[i].name, key, key_len) != 0)
			continue;
		if (strlen(value) >= texts[i].room)
			return -EINVAL;
		memcpy((char *)args + texts[i].at, value, strlen(value) + 1);
		return 0;
	}
	if (value[0] == '\0')
		return 0;
	if (key_len == 2 && memcmp(key, "IP", 2) == 0)
		return address_parse(value, &args->ip);
	if (key_len == 3 && memcmp(key, "MAC", 3) == 0) {
		args->has_mac = true;
		return mac_parse(value, &args->mac);
	}
	return 0;
}

static int pairs_read(const char *text, struct cni_args *args, struct err *err)
{
	char value[1024];

	while (*text) {
		size_t len = strcspn(text, ";");
		const char *equals = memchr(text, '=', len);
		size_t key_len = equals ? (size_t)(equals - text) : 0;
		size_t value_len = equals ? len - key_len - 1 : 0;

		if (len > 0 && !equals)
			return cni_err(err, CNI_ENVIRONMENT_INVALID,
				       "CNI_ARGS: \"%.*s\": not KEY=VALUE",
				       len > 300 ? 300 : (int)len, text);
		if (equals && value_len < sizeof(value)) {
			memcpy(value, equals + 1, value_len);
			value[value_len] = '\0';
			if (pair_take(args, text, key_len, value) < 0)
				return cni_err(err, CNI_ENVIRONMENT_INVALID,
					       "CNI_ARGS: %.*s: \"%.300s\" is wrong", (int)key_len,
					       text, value);
		}
		text += len + (text[len] == ';');
	}
	return 0;
}

static bool is_yes(const char *text)
{
	return strcmp(text, "TRUE") == 0 || strcmp(text, "1") == 0;
}

int cni_args_read(const char *(*get)(const char *name), struct cni_args *args, struct err *err)
{
	const char *command = or_empty(get("CNI_COMMAND"));
	struct cni_args read = {
		.container = or_empty(get("CNI_CONTAINERID")),
		.netns = or_empty(get("CNI_NETNS")),
		.ifname = or_empty(get("CNI_IFNAME")),
		.path = or_empty(get("CNI_PATH")),
		.text = or_empty(get("CNI_ARGS")),
		.netns_override = is_yes(or_empty(get("CNI_NETNS_OVERRIDE"))),
	};
	int code;

	if (command[0] == '\0')
		return 1;
	if (verb_parse(command, &read.verb) < 0)
		return cni_err(err, CNI_ENVIRONMENT_INVALID, "unknown CNI_COMMAND: \"%.300s\"",
			       command);
	code = check_missing(get, read.verb, err);
	if (code == 0 && (FOR_ONE & 1U << read.verb)) {
		code = check_names(&read, err);
		/* what ADD was refused for must not keep DEL from its work */
		if (code == 0 && pairs_read(read.text, &read, err) < 0 && read.verb != CNI_DEL)
			code = err->code;
	}
	if (code == 0)
		*args = read;
	return code;
}
