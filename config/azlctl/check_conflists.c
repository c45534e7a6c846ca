/* SPDX-License-Identifier: Apache-2.0 */
/* The list of CNI plugins that a runtime takes: can it be read, are its plugins there, and is what
 * it tells azl-cni right. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cni/confs.h"
#include "cni/netconf.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/json.h"

enum {
	PATH_ROOM = 320,
	PLUGINS_MAX = 16,
};

#define CONF_DIR    "etc/cni/net.d"
#define ANNOTATIONS "io.kubernetes.cri.pod-annotations"

struct conflist {
	bool has_name;
	bool has_version;
	bool has_opt_in; /* guards that pods may ask to be let through */
	bool has_asking; /* the runtime hands on what they ask */
	char types[PLUGINS_MAX][CHECK_PLUGIN_ROOM];
	size_t n;
};

/* A source of addresses that azl-cni has inside; every other one is a plugin of its own. */
static bool is_own_source(const char *text, size_t len)
{
	static const char *const own[] = { "ranges", "imds", "cns", "azure-cns" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (len == strlen(own[i]) && memcmp(text, own[i], len) == 0)
			return true;
	return false;
}

static int conflist_value(void *owner, const struct json_path *path, enum json_type type,
			  const char *text, size_t len)
{
	struct conflist *list = owner;
	bool inner = json_path_is(path, "plugins", "*", "type", NULL) ||
		     ((json_path_is(path, "plugins", "*", "ipam", "type", NULL) ||
		       json_path_is(path, "ipam", "type", NULL)) &&
		      !is_own_source(text, len));

	list->has_asking |= type == JSON_BOOL && len == strlen("true") &&
			    json_path_is(path, "plugins", "*", "capabilities", ANNOTATIONS, NULL);
	if (type != JSON_STRING)
		return 0;
	list->has_opt_in |= (json_path_is(path, "plugins", "*", "guards", "imds", NULL) ||
			     json_path_is(path, "plugins", "*", "guards", "wireserver", NULL)) &&
			    len == strlen("opt-in") && memcmp(text, "opt-in", len) == 0;
	list->has_name |= json_path_is(path, "name", NULL);
	list->has_version |= json_path_is(path, "cniVersion", NULL);
	if (!inner && !json_path_is(path, "type", NULL))
		return 0;
	if (list->n == PLUGINS_MAX || len >= CHECK_PLUGIN_ROOM)
		return -E2BIG;
	memcpy(list->types[list->n], text, len);
	list->types[list->n++][len] = '\0';
	return 0;
}

/* What azl-cni itself would say of its part. */
static int parse_own(void *owner, const char *json, size_t len, struct err *err)
{
	struct netconf netconf = { 0 };
	int code = netconf_parse(json, len, &netconf, err);

	(void)owner;
	netconf_done(&netconf);
	return code;
}

/* Returns false for one that azl-cni refuses: told. */
static bool judge_own(struct checks *checks, const char *name, const char *path)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	int code = check_read_file(checks, path, &text);

	if (code == 0)
		code = confs_of((const char *)text.data, text.len, parse_own, NULL, &err);
	buf_done(&text);
	if (code >= 0)
		return true;
	check_say(checks, CHECK_FAIL, "cni.conflist", "%s: azl-cni refuses it: %.180s", name,
		  err.msg);
	check_fix(checks, "correct it, docs/NETWORK.md has every key; no pod starts with it");
	return false;
}

static void judge_conflist(struct checks *checks, const char *name, const char *path,
			   const struct conflist *list)
{
	check_plugins(checks, name, list->types, list->n);
	if (!list->has_name || list->n == 0) {
		check_say(checks, CHECK_FAIL, "cni.conflist", "%s has no %s", name,
			  list->has_name ? "plugins" : "\"name\"");
		check_fix(checks, "see docs/NETWORK.md; the node stays NotReady with it");
	} else if (!list->has_version) {
		check_say(checks, CHECK_WARN, "cni.conflist",
			  "%s has no \"cniVersion\": it counts as 0.1.0", name);
		check_fix(checks, "\"cniVersion\": \"1.0.0\"");
	} else if (judge_own(checks, name, path)) {
		check_say(checks, CHECK_OK, "cni.conflist", "%s, first plugin %s", name,
			  list->types[0]);
	}
	if (list->has_opt_in && !list->has_asking) {
		check_say(checks, CHECK_WARN, "cni.guards",
			  "%s has \"opt-in\" guards, but no pod's annotation reaches azl-cni",
			  name);
		check_fix(checks,
			  "\"capabilities\": { \"" ANNOTATIONS "\": true } beside \"guards\"");
	}
}

static int is_conf(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && end &&
	       (strcmp(end, ".conf") == 0 || strcmp(end, ".conflist") == 0 ||
		strcmp(end, ".json") == 0);
}

/* Runtimes take the first file by name. Returns its name (owned by the caller), or NULL. */
static char *first_conf(const struct checks *checks)
{
	own_fd int folder = tree_open_folder(checks->ctl->root, CONF_DIR);
	struct dirent **entries = NULL;
	int n = folder < 0 ? 0 : scandirat(folder, ".", &entries, is_conf, alphasort);
	char *name = n > 0 ? strdup(entries[0]->d_name) : NULL;

	for (int i = 0; i < n; i++)
		free(entries[i]);
	free((void *)entries);
	return name;
}

void check_conflists(struct checks *checks)
{
	own_mem char *name = first_conf(checks);
	struct conflist list = { 0 };
	struct buf text = { 0 };
	char path[PATH_ROOM];
	struct err err;
	int code;

	if (!name) {
		check_say(checks, CHECK_NOTE, "cni.conflist", "/" CONF_DIR " has no configuration");
		check_fix(checks, "copy one of /usr/share/azl/cni, or name it in "
				  "/etc/azl/host.json, \"cni\", and "
				  "azlctl apply; Kubernetes' nodes wait for it");
		return;
	}
	(void)snprintf(path, sizeof(path), CONF_DIR "/%s", name);
	code = check_read_file(checks, path, &text);
	if (code < 0)
		(void)err_set(&err, code, "%s", err_reason(-code));
	else
		code = json_scan((const char *)text.data, text.len, conflist_value, &list, &err);
	buf_done(&text);
	if (code < 0) {
		check_say(checks, CHECK_FAIL, "cni.conflist", "%s: %.200s", name, err.msg);
		check_fix(checks, "the node stays NotReady until it can be read");
		return;
	}
	judge_conflist(checks, name, path, &list);
}
