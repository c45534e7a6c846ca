/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_facts.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "config/base/err.h"
#include "config/base/num.h"
#include "config/json.h"
#include "shim/spec.h"

enum { KEY_BYTES = 20 };

/* linux/personality.h */
enum { PERSONALITY_LINUX = 0, PERSONALITY_LINUX32 = 8 };

/* What runc keeps of these for an exec, or has done for good when the container was made. */
static const char process_keys[][KEY_BYTES] = {
	"terminal",
	"consoleSize",
	"user",
	"args",
	"commandLine",
	"env",
	"cwd",
	"rlimits",
	"noNewPrivileges",
	"apparmorProfile",
	"oomScoreAdj",
	"selinuxLabel",
};

static const char user_keys[][KEY_BYTES] = { "uid", "gid", "umask", "additionalGids", "username" };

static const char linux_keys[][KEY_BYTES] = {
	"uidMappings", "gidMappings",	"sysctl",     "resources", "cgroupsPath",
	"namespaces",  "devices",	"netDevices", "seccomp",   "rootfsPropagation",
	"maskedPaths", "readonlyPaths", "mountLabel", "intelRdt",  "memoryPolicy",
	"personality", "timeOffsets",
};

static const struct {
	char name[KEY_BYTES];
	uint32_t flag;
} namespaces[] = {
	{ "pid", CLONE_NEWPID },       { "network", CLONE_NEWNET }, { "mount", CLONE_NEWNS },
	{ "ipc", CLONE_NEWIPC },       { "uts", CLONE_NEWUTS },	    { "user", CLONE_NEWUSER },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
};

/* An entry of linux.uidMappings or gidMappings. */
struct mapping {
	bool started;
	uint64_t container_id;
	uint64_t size;
};

struct facts_scan {
	struct exec_facts facts;
	struct err *err;
	struct mapping uid; /* under way */
	struct mapping gid;
	bool seccomp_acts; /* a default action or an entry in syscalls */
};

void exec_facts_done(struct exec_facts *facts)
{
	exec_attributes_done(&facts->attributes);
	*facts = (struct exec_facts){ 0 };
}

static bool text_is(const char *text, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(text, want, len) == 0;
}

static bool is_known(const char (*keys)[KEY_BYTES], size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

#define KNOWN(keys, key) is_known(keys, sizeof(keys) / sizeof((keys)[0]), key)

static int refuse(struct facts_scan *scan, const char *why)
{
	return err_set(scan->err, -EOPNOTSUPP, "%s", why);
}

/* A number that takes an unsigned integer of 32 bits; null leaves it out. */
static int take_u32(struct facts_scan *scan, bool *present, uint32_t *value, enum json_type type,
		    const char *text, size_t len)
{
	uint64_t number;

	if (type == JSON_NULL)
		return 0;
	if (type != JSON_NUMBER || num_u64_parse(text, len, &number) < 0 || number > UINT32_MAX)
		return refuse(scan, "not a number of 32 bits");
	*value = (uint32_t)number;
	*present = true;
	return 0;
}

/* ---- process ---- */

static int take_oom_score_adj(struct facts_scan *scan, enum json_type type, const char *text,
			      size_t len)
{
	int64_t number;

	if (type == JSON_NULL)
		return 0;
	if (type != JSON_NUMBER || num_i64_parse(text, len, &number) < 0 || number < INT32_MIN ||
	    number > INT32_MAX)
		return refuse(scan, "not a number of 32 bits");
	scan->facts.oom_score_adj = (int32_t)number;
	scan->facts.has_oom_score_adj = true;
	return 0;
}

static int take_user(struct facts_scan *scan, const struct json_path *path, enum json_type type,
		     const char *text, size_t len)
{
	const char *key = json_path_key(path, 2, NULL);

	if (!key)
		return 0;
	if (!KNOWN(user_keys, key))
		return refuse(scan, "an unknown key of process.user");
	if (json_path_depth(path) == 3 && strcmp(key, "umask") == 0)
		return take_u32(scan, &scan->facts.has_umask, &scan->facts.umask, type, text, len);
	return 0;
}

static int take_process(struct facts_scan *scan, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	const char *key = json_path_key(path, 1, NULL);
	int code;

	if (!key)
		return 0;
	code = exec_attributes_value(&scan->facts.attributes, path, 1, type, text, len, scan->err);
	if (code != 0)
		return code < 0 ? code : 0;
	if (!KNOWN(process_keys, key))
		return refuse(scan, "an unknown key of process");
	if (strcmp(key, "user") == 0)
		return take_user(scan, path, type, text, len);
	if (strcmp(key, "oomScoreAdj") == 0)
		return take_oom_score_adj(scan, type, text, len);
	if (strcmp(key, "selinuxLabel") == 0 && len > 0 && type != JSON_NULL)
		return refuse(scan, "a label of SELinux is the runtime's work");
	return 0;
}

/* ---- linux.namespaces, linux.uidMappings ---- */

static int take_namespace(struct facts_scan *scan, const struct json_path *path,
			  enum json_type type, const char *text, size_t len)
{
	const char *key = json_path_key(path, 3, NULL);

	if (json_path_depth(path) == 2)
		scan->facts.namespaces = 0;
	if (json_path_depth(path) != 4 || !key || strcmp(key, "type") != 0)
		return 0;
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		if (type == JSON_STRING && text_is(text, len, namespaces[i].name)) {
			scan->facts.namespaces |= namespaces[i].flag;
			return 0;
		}
	}
	return refuse(scan, "an unknown namespace");
}

/* The entry under way is complete: keep how far ids reach from 0. */
static void mapping_end(struct mapping *mapping, uint32_t *ids)
{
	uint64_t size = mapping->size < UINT32_MAX ? mapping->size : UINT32_MAX;

	if (mapping->started && mapping->container_id == 0)
		*ids = (uint32_t)size;
	mapping->started = false;
	mapping->container_id = 0;
	mapping->size = 0;
}

static int take_mapping(struct facts_scan *scan, struct mapping *mapping, uint32_t *ids,
			const struct json_path *path, const char *text, size_t len)
{
	const char *key = json_path_key(path, 3, NULL);
	int code = 0;

	if (json_path_depth(path) == 3) {
		mapping_end(mapping, ids);
		mapping->started = true;
	}
	if (json_path_depth(path) != 4 || !key)
		return 0;
	if (strcmp(key, "containerID") == 0)
		code = num_u64_parse(text, len, &mapping->container_id);
	else if (strcmp(key, "size") == 0)
		code = num_u64_parse(text, len, &mapping->size);
	return code < 0 ? refuse(scan, "not a mapping") : 0;
}

/* ---- linux.seccomp ---- */

static int take_seccomp_flag(struct facts_scan *scan, const char *text, size_t len)
{
	struct exec_facts *facts = &scan->facts;

	if (text_is(text, len, "SECCOMP_FILTER_FLAG_LOG"))
		facts->seccomp_flags |= SECCOMP_FILTER_FLAG_LOG;
	else if (text_is(text, len, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
		facts->seccomp_flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	else if (!text_is(text, len, "SECCOMP_FILTER_FLAG_TSYNC")) /* all our threads: one */
		return refuse(scan, "a flag of seccomp that is not known here");
	return 0;
}

static int take_action(struct facts_scan *scan, const char *text, size_t len)
{
	if (text_is(text, len, "SCMP_ACT_NOTIFY"))
		return refuse(scan, "seccomp asks a listener (SCMP_ACT_NOTIFY)");
	return 0;
}

static int take_seccomp(struct facts_scan *scan, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	const char *key = json_path_key(path, 2, NULL);
	const char *sub = json_path_key(path, 4, NULL);
	int depth = json_path_depth(path);

	if (depth == 2 && type == JSON_OBJECT)
		scan->seccomp_acts = false;
	if (!key)
		return 0;
	if (strcmp(key, "syscalls") == 0) {
		if (depth == 4)
			scan->seccomp_acts = true;
		if (depth == 5 && sub && strcmp(sub, "action") == 0)
			return take_action(scan, text, len);
	} else if (strcmp(key, "defaultAction") == 0) {
		scan->seccomp_acts = scan->seccomp_acts || len > 0;
		return take_action(scan, text, len);
	} else if (strcmp(key, "flags") == 0) {
		if (depth == 3) {
			scan->facts.has_seccomp_flags = type == JSON_ARRAY;
			scan->facts.seccomp_flags = 0;
		} else {
			return take_seccomp_flag(scan, text, len);
		}
	}
	return 0;
}

/* ---- linux ---- */

static int take_personality(struct facts_scan *scan, const struct json_path *path,
			    enum json_type type, const char *text, size_t len)
{
	const char *key = json_path_key(path, 2, NULL);

	if (json_path_depth(path) == 2)
		scan->facts.has_personality = type == JSON_OBJECT;
	if (json_path_depth(path) != 3 || !key || strcmp(key, "domain") != 0)
		return 0;
	if (text_is(text, len, "LINUX"))
		scan->facts.personality = PERSONALITY_LINUX;
	else if (text_is(text, len, "LINUX32"))
		scan->facts.personality = PERSONALITY_LINUX32;
	else
		return refuse(scan, "an unknown personality");
	return 0;
}

static int take_linux(struct facts_scan *scan, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct exec_facts *facts = &scan->facts;
	const char *key = json_path_key(path, 1, NULL);

	if (!key)
		return 0;
	if (strcmp(key, "seccomp") == 0)
		return take_seccomp(scan, path, type, text, len);
	if (strcmp(key, "namespaces") == 0)
		return take_namespace(scan, path, type, text, len);
	if (strcmp(key, "uidMappings") == 0)
		return take_mapping(scan, &scan->uid, &facts->uids, path, text, len);
	if (strcmp(key, "gidMappings") == 0)
		return take_mapping(scan, &scan->gid, &facts->gids, path, text, len);
	if (strcmp(key, "personality") == 0)
		return take_personality(scan, path, type, text, len);
	if (json_path_is(path, "linux", "resources", "cpu", "cpus", NULL))
		facts->has_cpuset = type == JSON_STRING && len > 0;
	else if (json_path_depth(path) > 2 || type == JSON_NULL)
		return 0;
	else if (strcmp(key, "memoryPolicy") == 0 || strcmp(key, "intelRdt") == 0)
		return refuse(scan, "set, and the runtime's work");
	else if (!KNOWN(linux_keys, key))
		return refuse(scan, "an unknown key of linux");
	return 0;
}

static int facts_value(void *owner, const struct json_path *path, enum json_type type,
		       const char *text, size_t len)
{
	struct facts_scan *scan = owner;
	const char *section = json_path_key(path, 0, NULL);

	if (!section)
		return type == JSON_OBJECT ? 0 : -EINVAL;
	if (strcmp(section, "process") == 0)
		return take_process(scan, path, type, text, len);
	if (strcmp(section, "linux") == 0)
		return take_linux(scan, path, type, text, len);
	return 0;
}

/* What can be said only with the whole file in mind. */
static int facts_settle(struct facts_scan *scan)
{
	struct exec_facts *facts = &scan->facts;
	bool mapped = facts->uids || facts->gids || scan->uid.started || scan->gid.started;

	mapping_end(&scan->uid, &facts->uids);
	mapping_end(&scan->gid, &facts->gids);
	facts->has_seccomp = scan->seccomp_acts;
	if (!(facts->namespaces & CLONE_NEWUSER)) {
		facts->uids = UINT32_MAX;
		facts->gids = UINT32_MAX;
	} else if (mapped && (facts->uids == 0 || facts->gids == 0)) {
		return refuse(scan, "the user namespace does not map id 0");
	}
	return 0;
}

int exec_facts_read(int bundle_dir, struct exec_facts *facts, struct err *err)
{
	struct facts_scan scan = { .err = err };
	int code = json_scan_file(bundle_dir, "config.json", SPEC_LIMIT_BYTES, facts_value, &scan,
				  err);

	if (code == 0)
		code = facts_settle(&scan);
	if (code < 0) {
		exec_facts_done(&scan.facts);
		return code;
	}
	*facts = scan.facts;
	return 0;
}

int exec_facts_host(struct err *err)
{
	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		return err_set(err, -EOPNOTSUPP, "SELinux is in use on this host");
	return 0;
}
